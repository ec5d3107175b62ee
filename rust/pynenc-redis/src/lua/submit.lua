-- Take calls in, in their order: kept result, registration rule, record and queue in one step.
--
-- ARGV[2] holds the digests of all blobs that they name; if one is not there, nothing is taken and
-- the answer says which. Each argument from ARGV[3] on is an id, how long it waits, whether another answer than this one
-- is refused, and the record as the caller wrote it, all but its number and its history; a payload
-- that lies apart follows it. The answer names only what is not new: most batches are answered by
-- an empty list.
local CALL, CALL_SIZE = '>c16I8B', 25
local SEQ_AT, HISTORY_AT = 37, 69
local REUSED, DIFFERENT, CACHED, REFUSED = 1, 2, 3, 4

-- Of this call: its answer, what is to stand in the queues, the last number given.
local answer, entries, seq

-- The invocation that answers for a call under its rules, if one does, and how.
local function standing(r, strict)
  local key = part(r, RESULT)
  local kept = key and call('GET', P .. 'v:' .. key)
  local other = kept and load(kept)
  if other and other.status == SUCCESS then
    return CACHED, other
  end
  key = part(r, REGISTRATION)
  local oldest = key and call('ZRANGE', P .. 'r:' .. key, 0, 0)[1]
  other = oldest and load(oldest)
  if not other then
    return nil
  end
  if part(other, ARGUMENTS) == part(r, ARGUMENTS) then
    return REUSED, other
  end
  return strict and REFUSED or DIFFERENT, other
end

-- Whether some other invocation answers for it; then the answer says which.
local function is_answered(place, r, strict)
  if call('EXISTS', P .. 'i:' .. r.id) == 1 then
    return false
  end
  local how, other = standing(r, strict)
  if not how then
    return false
  end
  answer[#answer + 1] = place * 10 + how
  answer[#answer + 1] = other.id
  if how == REUSED or how == DIFFERENT then
    add_watcher(other, r.notify)
  end
  return true
end

-- Store the record with its number and its first line of history; not one that is there already,
-- whose call was sent again.
local function create(id, text)
  local status = byte(text)
  local record = sub(text, 1, SEQ_AT - 1) .. pack('>I8', seq + 1) .. sub(text, SEQ_AT + 8, HISTORY_AT - 1)
    .. pack('>I4', EVENT_SIZE) .. sub(text, HISTORY_AT + 4) .. pack('>BI7c8', status, NOW, NOBODY)
  if not call('SET', P .. 'i:' .. id, record, 'NX') then
    return false
  end
  seq = seq + 1
  count('s', 1)
  count(status, 1)
  return true
end

local function queue(id, lane, delay)
  if delay > 0 then
    note_due(id, lane, NOW + delay)
    return
  end
  local there = entries[lane] or {}
  entries[lane] = there
  there[#there + 1] = pack('>I8', seq) .. id
end

local function write_queues()
  for lane, there in pairs(entries) do
    call('RPUSH', P .. 'q:' .. lane, unpack(there))
    count('q' .. lane, #there)
    wake(lane, #there)
  end
end

local RULES = REGISTRATION + RESULT
local HAVE_AT = 61

return function(KEYS, ARGV)
  begin(KEYS, ARGV)
  answer, entries = {}, {}
  seq = tonumber(call('HGET', P .. 'n', 's')) or 0
  local missing = lacking(ARGV[2])
  if missing ~= '' then
    return missing
  end
  local at, place = 3, 0
  while at <= #ARGV do
    local id, delay, strict = parse(CALL, ARGV[at])
    local text = sub(ARGV[at], CALL_SIZE + 1)
    local have = byte(text, HAVE_AT)
    local is_apart = band(have, LARGE_PAYLOAD) ~= 0
    local ruled = band(have, RULES) ~= 0 and read(id, text)
    if not (ruled and is_answered(place, ruled, strict == 1)) and create(id, text) then
      if is_apart then
        call('SET', P .. 'p:' .. id, ARGV[at + 1])
      end
      if ruled then
        ruled.seq = seq
        register(ruled)
      end
      if band(have, BLOBS) ~= 0 then
        name_blobs(blobs_of(ruled or read(id, text)), 1)
      end
      queue(id, byte(text, 3), delay)
    end
    at = at + (is_apart and 2 or 1)
    place = place + 1
  end
  write_queues()
  write_names()
  write_counters()
  write_tokens()
  return answer
end
