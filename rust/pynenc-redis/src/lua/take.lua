-- Giving an invocation to a worker: attempt, nonce, lease and running key in one step.
-- Which of the claimed count as started from the claim on.
local START = { keyed = 1, all = 2 }

-- Whether the worker registered the task; one that registered none takes every task.
local knows
do
  -- What a worker knows it knows until it is gone, and its id with it: so that is kept from call to call.
  local MOST_KNOWN = 1000
  local known, known_kept = {}, 0

  local function is_known(worker, task)
    local name = worker .. task
    if known[name] then
      return true
    end
    if call('SISMEMBER', P .. 'wt:' .. worker, task) == 0 then
      return false
    end
    if known_kept == MOST_KNOWN then
      known, known_kept = {}, 0
    end
    known[name], known_kept = true, known_kept + 1
    return true
  end

  function knows(request, task)
    if request.takes_all or request.known == task then
      return true
    end
    if not is_known(request.worker, task) then
      return false
    end
    request.known = task
    return true
  end
end

-- Claims are numbered, so that what a worker holds can be told in the order of the claims.
local function number_of_claim()
  if not claim_number then
    count(AT.order, 1)
    claim_number = counters[AT.order]
  end
  return claim_number
end

-- The lease of a claim ends with the worker's, as that stands now. Beats extend it by name: a
-- claim whose answer was lost is named by nobody, and ends.
local function take(r, worker, nonce, deadline, start)
  r.attempt = r.attempt + 1
  r.nonce = nonce
  r.worker = worker
  taken = taken + 1
  r.order = number_of_claim() * IN_ONE_CALL + taken
  if not move(r, PENDING) then
    return false
  end
  local key = part(r, RUNNING_KEY)
  if key then
    call('SET', P .. 'x:' .. key, r.id)
  end
  if start then
    move(r, RUNNING)
    unregister(r)
  end
  save(r)
  leases[#leases + 1] = deadline
  leases[#leases + 1] = claim_member(r)
  return true
end

-- The same for all members of a bundle; the bundle as it is then.
function bundle.claim(b, size, request)
  b.order = number_of_claim() * IN_ONE_CALL + taken
  b.status, b.claimed = request.start == START.all and RUNNING or PENDING, NOW
  b.worker, b.nonce = request.worker, request.nonce
  taken = taken + size
  count_status(REGISTERED, -size)
  count_status(b.status, size)
  count(AT.queued + b.lane, -size)
  bundle.write(b)
  leases[#leases + 1] = request.deadline
  leases[#leases + 1] = bundle.held_as(b)
  return call('GET', b.key)
end

local function write_leases(worker)
  if leases[1] then
    call('ZADD', P .. 'h:' .. worker, unpack(leases))
    leases = emptied(leases)
  end
end

-- What the claimer is told: the record as it stands now, and its payload if that lies apart.
local function add_to_answer(answer, r)
  answer[#answer + 1] = r.id
  answer[#answer + 1] = written(r)
  if band(r.have, LARGE_PAYLOAD) ~= 0 then
    answer[#answer + 1] = call('GET', P .. 'p:' .. r.id) or ''
  end
end
