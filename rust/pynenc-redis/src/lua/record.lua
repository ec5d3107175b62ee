-- One record: a string of a head of fixed size and a body of parts, oldest history first.
--
-- A string and not a hash: a hash with one field beyond 64 bytes takes several times the memory.
-- The body is, in this order: parent, keys and fingerprint as `have` says; task; payload; history;
-- what an ended one left behind. New history is therefore written at the end.
local HEAD = '>BBBBI4I4c8c8c8I8I8c8BBI2I4I4I8'
local HEAD_SIZE = 80
local EVENT_SIZE = 16
local MOST_EVENTS = 200
local LARGE_SIZE = 4096
local NOBODY = '\0\0\0\0\0\0\0\0'

local PARENT, REGISTRATION, RUNNING_KEY, RESULT, ARGUMENTS, LARGE_PAYLOAD = 1, 2, 4, 8, 16, 128
local QUEUED, ASIDE, DELAYED, WATCHED, CANCEL, AWAITED, BACK, PARKED = 1, 2, 4, 8, 16, 32, 64, 128

local function read(id, text)
  local r = { id = id, body = sub(text, HEAD_SIZE + 1) }
  r.status, r.flags, r.lane, r.losses, r.attempt, r.retries, r.nonce, r.worker, r.token, r.seq, r.order, r.notify,
    r.have, r.left, r.task_size, r.payload_size, r.history_size, r.bytes = parse(HEAD, text)
  return r
end

-- Where the parts of the body begin that come after the first `ahead` kinds of `have`.
local function offset(r, ahead)
  if r.have == 0 then
    return 0
  end
  local at = 0
  local kind = 1
  while kind < ahead do
    if band(r.have, kind) ~= 0 then
      at = at + (kind == PARENT and 16 or 32)
    end
    kind = kind * 2
  end
  return at
end

-- A call must neither stop half-way nor count to what a stranger wrote: what is no record, whoever
-- wrote it, is not there.
local function load(id)
  local text = call('GET', P .. 'i:' .. id)
  if not text or #text < HEAD_SIZE then
    return nil
  end
  local r = read(id, text)
  local told = offset(r, LARGE_PAYLOAD) + r.task_size + r.payload_size + r.history_size
  return r.status < #FINAL and told <= #r.body and r or nil
end

local function written(r)
  return pack(HEAD, r.status, r.flags, r.lane, r.losses, r.attempt, r.retries, r.nonce, r.worker, r.token, r.seq,
    r.order, r.notify, r.have, r.left, r.task_size, r.payload_size, r.history_size, r.bytes) .. r.body
end

local function save(r)
  call('SET', P .. 'i:' .. r.id, written(r))
end

-- Change the flags of a record in its place, and nothing else of it.
local FLAGS_AT, NOTIFY_AT = 1, 52
local function save_flags(r)
  call('SETRANGE', P .. 'i:' .. r.id, FLAGS_AT, string.char(r.flags))
end

local function has(r, flag)
  return band(r.flags, flag) ~= 0
end

local function set(r, flag)
  r.flags = bit.bor(r.flags, flag)
end

local function clear(r, flag)
  r.flags = band(r.flags, 255 - flag)
end

-- The key or id of that kind, if the record has one.
local function part(r, kind)
  if band(r.have, kind) == 0 then
    return nil
  end
  local at = offset(r, kind)
  return sub(r.body, at + 1, at + (kind == PARENT and 16 or 32))
end

local function task_of(r)
  local at = offset(r, LARGE_PAYLOAD)
  return sub(r.body, at + 1, at + r.task_size)
end

local function yes(row, status)
  return byte(row, status + 1) == 49
end

local function may_move(from, to)
  return yes(MOVES, from * 10 + to)
end

-- Move along the status table and write the line of history; `false` when there is no such move.
local function move(r, to, at)
  if not may_move(r.status, to) then
    return false
  end
  count(r.status, -1)
  count(to, 1)
  r.status = to
  if r.history_size >= MOST_EVENTS * EVENT_SIZE then
    -- The first line says when it was submitted; the one after it goes.
    local first = offset(r, LARGE_PAYLOAD) + r.task_size + r.payload_size + EVENT_SIZE
    r.body = sub(r.body, 1, first) .. sub(r.body, first + EVENT_SIZE + 1)
    r.history_size = r.history_size - EVENT_SIZE
  end
  r.body = r.body .. pack('>BI7c8', to, at or NOW, r.worker)
  r.history_size = r.history_size + EVENT_SIZE
  return true
end

-- Answers to one who may not: a kind, the status that is in the way, and the one that was wanted.
local DONE, MISSING, FENCED, TRANSITION = 0, 10000, 20000, 30000

local function holds(r, attempt, nonce)
  return r.attempt == attempt and r.nonce == nonce and yes(HELD, r.status)
end
