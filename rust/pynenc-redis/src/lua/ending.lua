-- Leaving a worker's hands, and the one way to a final status.
local KEPT_PAYLOAD_SIZE = 1024

-- What `h:<worker>` calls a claim: by its number, so that leases that end together are in order.
local function claim_member(r)
  return pack('>I8', r.order) .. r.id
end

-- Take it out of its worker's hands. Its last line of history has named the worker.
local function unhold(r)
  released.add(r.worker, claim_member(r))
  r.worker = NOBODY
end

local write_released
do
  local function write(worker, members, size)
    for from = 1, size, MOST_WORDS do
      call('ZREM', P .. 'h:' .. worker, unpack(members, from, math.min(size, from + MOST_WORDS - 1)))
    end
  end

  function write_released()
    released.take(write)
  end
end

local function forget_awaited(r)
  call('DEL', P .. 'aw:' .. r.id)
end

-- Take a held record back: it has not started, and new calls may hit it. The caller says where it
-- waits now, and saves it.
local function let_go(r, to)
  local paused = r.status == PAUSED
  if not move(r, to) then
    return false
  end
  unhold(r)
  if paused then
    forget_awaited(r)
  end
  register(r)
  free_key(r)
  return true
end

-- Take it out of whatever line it stands in.
local function leave_lines(r)
  dequeue(r)
  if has(r, ASIDE) then
    call('ZREM', P .. 'l:' .. part(r, RUNNING_KEY), r.id)
  end
  if has(r, DELAYED) then
    count(AT.due, -call('ZREM', P .. 'due', r.id))
  end
  if has(r, PARKED) then
    local task = r.lane .. task_of(r)
    leave('pk:' .. task, r)
    if call('EXISTS', P .. 'pk:' .. task) == 0 then
      call('SREM', P .. 'pkt', task)
    end
  end
  clear(r, ASIDE + DELAYED + PARKED)
end

-- So many are kept from now on, of which this is the entry.
local function note_ends(size, entry)
  ended = ended + size
  endings[#endings + 1] = entry
end

local function note_end(id)
  NOW_TEXT = NOW_TEXT or pack('>I8', NOW)
  note_ends(1, NOW_TEXT .. id)
end

local finish
do
  -- A large call is not kept with a result that may be kept for a day, nor one that names blobs.
  local function drop_payload(r)
    if band(r.have, LARGE_PAYLOAD) ~= 0 then
      call('DEL', P .. 'p:' .. r.id)
      r.have = r.have - LARGE_PAYLOAD
    elseif r.payload_size > KEPT_PAYLOAD_SIZE or band(r.have, BLOBS) ~= 0 then
      local at = offset(r, LARGE_PAYLOAD) + r.task_size
      r.body = sub(r.body, 1, at) .. sub(r.body, at + r.payload_size + 1)
      r.payload_size = 0
    end
  end

  local function leave_behind(r, value, left)
    if #value > LARGE_SIZE then
      call('SET', P .. 'o:' .. r.id, value)
      r.left = LEFT.large
    else
      r.added = r.added .. value
      r.left = left
    end
  end

  -- End it: `to` is final, `value` what it leaves behind, if anything. With `left` that is no value
  -- but the words for a worker that was lost. `blobs` are the digests that the value names.
  function finish(r, to, value, bytes, left, blobs)
    local held, paused = yes(HELD, r.status), r.status == PAUSED
    if not move(r, to) then
      return false
    end
    leave_lines(r)
    if held then
      unhold(r)
    end
    if paused then
      forget_awaited(r)
    end
    unregister(r)
    local key = to == SUCCESS and part(r, RESULT)
    if key then
      call('SET', P .. 'v:' .. key, r.id)
    end
    free_key(r)
    drop_payload(r)
    set_blobs(r, blobs or '')
    if value then
      leave_behind(r, value, left or LEFT.value)
    end
    r.bytes = bytes
    tell_end(r, value)
    save(r)
    note_end(r.id)
    count(AT.bytes, bytes)
    return true
  end
end

-- Whether one that was asked to stop is on its way back to the queue: then it is called off.
local function call_off_asked(r)
  return has(r, CANCEL) and finish(r, CANCELLED, nil, 0)
end
