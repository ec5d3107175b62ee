-- Settle what a worker has finished, then claim: one trip for both.
--
-- ARGV[2] is the claim, or nothing; ARGV[3] says how many texts follow that each settle several that may be of one
-- bundle, each with the ends as they are kept there (`bundle.lua`); then follow the other settlements, each with its
-- value. The answer begins with what became of these, how many are queued, when something is due, and how long ago
-- staged calls were taken in before, if some were now. Where nothing is claimed, the answer says how many are queued in
-- each lane.
local REMEMBERED = 16
local CLAIM = '>c8c8I4I4BB'

-- The request, with what the store knows of the worker; `nil` when it has no lease.
local function read_request(text)
  local worker, nonce, limit, most, start, lanes, at = parse(CLAIM, text)
  local known = call('HMGET', P .. 'w:' .. worker, 'd', 'all', 'c')
  if not known[1] then
    return nil
  end
  return {
    worker = worker,
    nonce = nonce,
    limit = limit,
    most = most,
    start = start,
    lanes = { byte(text, at, at + lanes - 1) },
    deadline = known[1],
    takes_all = known[2] == '1',
    nonces = known[3] or '',
  }
end

-- Whether this very request was answered before: then the answer was lost on its way.
local function is_sent_again(request)
  local at = 0
  repeat
    at = string.find(request.nonces, request.nonce, at + 1, true)
  until not at or at % 8 == 1
  return at ~= nil
end

local function note_nonce(request)
  local nonces = request.nonce .. sub(request.nonces, 1, 8 * (REMEMBERED - 1))
  call('HSET', P .. 'w:' .. request.worker, 'c', nonces)
end

-- How many are given again.
local function answer_again(request, answer)
  local given = 0
  local members = call('ZRANGE', P .. 'h:' .. request.worker, 0, -1)
  for _, member in ipairs(members) do
    local b = #member > 8 + ID_SIZE and bundle.of(sub(member, 9))
    local r = not b and load(sub(member, 9))
    if b and b.nonce == request.nonce then
      local entry = bundle.entry_of(b)
      answer[#answer + 1] = entry
      answer[#answer + 1] = call('GET', b.key)
      given = given + bundle.size_of(entry)
    elseif r and r.nonce == request.nonce then
      add_to_answer(answer, r)
      given = given + 1
    end
  end
  return given
end

-- Have another worker woken for what this one left, and nobody for what is not there; how many are
-- queued now.
local function wake_others(request, found, drained, given)
  local queued, empty = 0, {}
  for _, lane in ipairs(request.lanes) do
    local there = numbers()[AT.queued + lane]
    if there ~= 0 and drained[lane] then
      -- Somebody removed records past us. Nobody is to go on looking for them.
      count(AT.queued + lane, -there)
      there = 0
    end
    queued = queued + there
    if given >= request.limit and numbers()[AT.apart + lane] > 0 then
      -- Of what is parked some that it knows may be left.
      queued = queued + 1
    end
    if there == 0 then
      woken[lane] = nil
      empty[#empty + 1] = TOKENS[lane]
    elseif found > 0 and call('EXISTS', TOKENS[lane]) == 0 then
      -- One wakes the next, however few tokens there were.
      wake(lane, 1)
    end
  end
  -- Tokens of the past would only raise false alarms. But a lone one was rung for, and its token is gone; should one
  -- be left, the claim that it brings finds nothing, and removes the others.
  if found ~= 1 and empty[1] then
    call('DEL', unpack(empty))
  end
  return queued
end

return function(ARGV)
  local settled, ending, alone = {}, {}, 4 + 2 * ARGV[3]
  for i = 4, alone - 1, 2 do
    settled[#settled + 1] = settle_together(ARGV[i], ARGV[i + 1])
  end
  for i = alone, #ARGV, 2 do
    ending[#ending + 1] = sub(ARGV[i], 1, 16)
  end
  fetch(ending)
  for i = alone, #ARGV, 2 do
    settled[#settled + 1] = settle(ARGV[i], ARGV[i + 1])
  end
  write_released()
  if ARGV[2] == '' then
    local all = numbers()
    local queued, other = all[AT.queued], all[AT.queued + 1]
    write_all()
    return { settled, queued, other }
  end

  -- With room for one, so that it need not grow.
  local answer = { settled, 0, -1, intake.interval(), nil, nil }
  local request = read_request(ARGV[2])
  if not request then
    answer[2] = -1
    write_all()
    return answer
  end
  local due = promote()
  local found, drained, given = 0, {}, nil
  if is_sent_again(request) then
    given = answer_again(request, answer)
  else
    found, drained = claim(request, answer)
  end
  answer[2] = wake_others(request, found, drained, given or found)
  if found > 0 then
    note_nonce(request)
  end
  if due then
    answer[3] = math.max(0, tonumber(due) - NOW)
  end
  write_all()
  return answer
end
