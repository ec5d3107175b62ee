-- Take calls in, in their order: kept result, registration rule, record and queue in one step.
--
-- ARGV[2] holds the digests of all blobs that they name; if one is not there, nothing is taken and
-- the answer says which. When they all come under no rule and wait for nothing, have their payloads with them, and are
-- alike in these, ARGV[3] is their lane, `notify` and `have`, and two arguments follow: for a bundle of calls
-- (`bundle.lua`) what stands for it; and the sizes of the task's name and of the part on blobs, these, and of each call
-- its place within the batch, the size of its payload, its fingerprint if it has one, and its payload. For a call by
-- itself, which then names no blob, its id, and the record from the place within the batch to the payload. Else ARGV[3]
-- is empty, and in place of its id a call has its id, how long it waits, whether another answer than this one is
-- refused, and then its lane, `notify` and `have`; a payload that lies apart comes behind the record. The answer names
-- only what is not new: most batches are answered by an empty list.
local CALL, KIND_AT, HAVE_AT = '>c16I8B', 26, 35
local RULES = REGISTRATION + RESULT
local REUSED, DIFFERENT, CACHED, REFUSED = 1, 2, 3, 4

-- Of this call: its answer; whether some of the calls may be there already.
local answer, is_known

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
  local how, other = standing(r, strict)
  if not how then
    return false
  end
  answer[#answer + 1] = place * 10 + how
  answer[#answer + 1] = other.id
  if how == REUSED or how == DIFFERENT then
    add_watcher(other, r.notify)
    if texts[other.id] then
      -- It is of this very batch, and not written yet.
      save(other)
    end
  end
  return true
end

-- Whether it is there already: then the call was sent again.
local function is_there(id)
  return texts[id] ~= nil or is_known and call('EXISTS', PREFIX_OF_RECORDS .. id) == 1
end

local function queue(id, lane, delay)
  if delay > 0 then
    count_status(SCHEDULED, 1)
    note_due(id, lane, NOW + delay)
    return
  end
  intake.stand(lane, id, 1)
end

-- Whether any of the calls is there already; mostly none is, and one look says so of all.
local function are_some_there(ARGV)
  local keys, at = {}, 4
  while at < #ARGV do
    keys[#keys + 1] = PREFIX_OF_RECORDS .. sub(ARGV[at], 1, 16)
    at = at + (band(byte(ARGV[at], HAVE_AT), LARGE_PAYLOAD) ~= 0 and 3 or 2)
  end
  return keys[1] ~= nil and call('EXISTS', unpack(keys)) > 0
end

-- What only some calls have: rules, blobs, a payload that lies apart.
local function note_unusual(r, payload)
  if payload then
    call('SET', P .. 'p:' .. r.id, payload)
  end
  register(r)
  name_blobs(blobs_of(r), 1)
end

local function take_in(place, head, rest, payload)
  local id, delay, strict = parse(CALL, head)
  if is_there(id) then
    return
  end
  local opening = intake.opening_of(delay > 0 and SCHEDULED or REGISTERED, sub(head, KIND_AT), NOW)
  local text = opening.head .. rest .. opening.history
  local have = byte(head, HAVE_AT)
  local r = band(have, RULES + BLOBS + LARGE_PAYLOAD) ~= 0 and read(id, text)
  if r and band(have, RULES) ~= 0 and is_answered(place, r, strict == 1) then
    return
  end
  rewrite(id, text)
  if r then
    note_unusual(r, payload)
  end
  queue(id, opening.lane, delay)
end

local function take_each(ARGV)
  is_known = are_some_there(ARGV)
  local at, place = 4, 0
  while at < #ARGV do
    local is_apart = band(byte(ARGV[at], HAVE_AT), LARGE_PAYLOAD) ~= 0
    take_in(place, ARGV[at], ARGV[at + 1], is_apart and ARGV[at + 2])
    at = at + (is_apart and 3 or 2)
    place = place + 1
  end
end

-- Usual calls that are each a record. Mostly none is there already.
local function take_records(lane, ids, words)
  if not ids[1] then
    return
  end
  local are_new = call('MSETNX', unpack(words)) == 1
  for i, id in ipairs(ids) do
    if are_new or call('SET', words[i * 2 - 1], words[i * 2], 'NX') then
      intake.stand(lane, id, 1)
    end
  end
end

-- The usual case: nothing but the calls themselves has to be looked at.
local function take_all(ARGV, kind)
  local opening = intake.opening_of(REGISTERED, kind, NOW)
  local head, history, lane = opening.head, opening.history, opening.lane
  local words, ids, size = {}, {}, 0
  for at = 4, #ARGV, 2 do
    local id, text = ARGV[at], ARGV[at + 1]
    if #id == ID_SIZE then
      size = size + 1
      ids[size] = id
      words[size * 2 - 1], words[size * 2] = PREFIX_OF_RECORDS .. id, head .. text .. history
    else
      take_records(lane, ids, words)
      words, ids, size = {}, {}, 0
      intake.take_bundle(id, text, kind)
    end
  end
  take_records(lane, ids, words)
end

return function(ARGV)
  answer = {}
  intake.begin()
  local missing = lacking(ARGV[2])
  if missing ~= '' then
    return missing
  end
  count(AT.seq, 1)
  if ARGV[3] == '' then
    take_each(ARGV)
  else
    take_all(ARGV, ARGV[3])
  end
  intake.count_in()
  intake.write_queues()
  write_names()
  write_changes()
  write_tokens()
  return answer
end
