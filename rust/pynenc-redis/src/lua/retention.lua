-- What is kept of the ended: the newest, within an age, a count and a number of bytes. `ret` names
-- them in the order in which they ended; an entry whose record is gone costs a look.
local function drop_record(r)
  count(r.status, -1)
  count('b', -r.bytes)
  local key = part(r, RESULT)
  if key and call('GET', P .. 'v:' .. key) == r.id then
    call('DEL', P .. 'v:' .. key)
  end
  local keys = { P .. 'i:' .. r.id }
  if band(r.have, LARGE_PAYLOAD) ~= 0 then
    keys[#keys + 1] = P .. 'p:' .. r.id
  end
  if r.left == LEFT_LARGE then
    keys[#keys + 1] = P .. 'o:' .. r.id
  end
  call('DEL', unpack(keys))
  name_blobs(blobs_of(r), -1)
  r.is_gone = true
  records[r.id] = false
end

-- Drop what is too old, too many or too much, but only so much in one script; the time at which
-- the next will be too old.
local function drop_old()
  local numbers = call('HMGET', P .. 'n', SUCCESS, FAILED, CANCELLED, 'b')
  local kept, bytes = 0, tonumber(numbers[4]) or 0
  for i = 1, 3 do
    kept = kept + (tonumber(numbers[i]) or 0)
  end
  for _ = 1, MOST_DROPPED + 2 * ended do
    local oldest = call('LINDEX', P .. 'ret', 0)
    if not oldest then
      return nil
    end
    local old = parse('>I8', oldest) + KEEP_FOR
    if kept <= KEEP_COUNT and bytes <= KEEP_BYTES and NOW < old then
      return old
    end
    call('LPOP', P .. 'ret')
    local r = load(sub(oldest, 9))
    if r then
      kept, bytes = kept - 1, bytes - r.bytes
      drop_record(r)
    end
  end
  return NOW
end

-- What every script does at its end that may have ended something.
local function write_all()
  write_released()
  write_changes()
  local old = nil
  if ended > 0 then
    for from = 1, #endings, MOST_WORDS do
      call('RPUSH', P .. 'ret', unpack(endings, from, math.min(#endings, from + MOST_WORDS - 1)))
    end
    endings = {}
    old = drop_old()
    write_counters()
  end
  write_names()
  write_tokens()
  send_notices()
  return old
end
