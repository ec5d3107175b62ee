-- One record: a string of a head of fixed size and a body of parts, oldest history first.
--
-- A string and not a hash: a hash with one field beyond 64 bytes takes several times the memory.
-- The head begins with what claims and ends change, so that they can put that before the rest (`plain.lua`).
-- The body is, in this order: parent, keys, fingerprint and the digests of blobs (after their number)
-- as `have` says; task; payload; history; what an ended one left behind. New history is therefore written at the end.
local HEAD = '>BBBBI4I4c8c8c8BI4I8c8BI8I8I2I4'
local HEAD_SIZE = 80
local EVENT_SIZE = 16
local MOST_EVENTS = 200
local LARGE_SIZE = 4096
local NOBODY = '\0\0\0\0\0\0\0\0'

local PARENT, REGISTRATION, RUNNING_KEY, RESULT, ARGUMENTS, PRINT, BLOBS, LARGE_PAYLOAD = 1, 2, 4, 8, 16, 32, 64, 128
local QUEUED, ASIDE, DELAYED, WATCHED, CANCEL, AWAITED, BACK, PARKED = 1, 2, 4, 8, 16, 32, 64, 128

-- All fields at once: a table that grows is laid out anew again and again. `added` comes behind the body.
local function read(id, text)
  local status, flags, lane, losses, attempt, retries, nonce, worker, token, left, history_size, bytes, notify, have,
    order, seq, task_size, payload_size = parse(HEAD, text)
  return {
    id = id, body = sub(text, HEAD_SIZE + 1), added = '', is_unsaved = false, is_gone = false,
    status = status, flags = flags, lane = lane, losses = losses, attempt = attempt, retries = retries,
    nonce = nonce, worker = worker, token = token, seq = seq, order = order, notify = notify, have = have,
    left = left, task_size = task_size, payload_size = payload_size, history_size = history_size, bytes = bytes,
  }
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
      at = at + (kind == PARENT and 16 or kind == BLOBS and 1 + 32 * (byte(r.body, at + 1) or 0) or 32)
    end
    kind = kind * 2
  end
  return at
end

-- A call must neither stop half-way nor count to what a stranger wrote: what is no record, whoever
-- wrote it, is not there.
local function understand(id, text)
  has_looked = true
  local r = text and #text >= HEAD_SIZE and read(id, text)
  local more = r and #r.body - offset(r, LARGE_PAYLOAD) - r.task_size - r.payload_size - r.history_size
  r = r and r.status < #FINAL and (more == 0 or more > 0 and r.left ~= 0) and r
  records[id] = r or false
  return r or nil
end

-- What is known of bundles (`bundle.lua`).
local bundle = {}

-- A call has one table for a record, however often it comes by it. This one may be of a bundle, and is for
-- looking at.
local function glance(id)
  local r = records[id]
  if r == nil then
    if texts[id] == nil then
      texts[id] = call('GET', PREFIX_OF_RECORDS .. id)
    end
    if not texts[id] then
      bundle.expand(id)
    end
    return understand(id, texts[id])
  end
  return r or nil
end

-- The same for one that may be changed: it has a record of its own.
local function load(id)
  local r = glance(id)
  if bundled[id] then
    bundle.break_up(id)
  end
  return r
end

-- So many words in one command: Lua has no room for many thousands.
local MOST_WORDS = 2000

local function name_of(id)
  return names[id] or PREFIX_OF_RECORDS .. id
end

-- The text of the only one that is looked for, and the counters with it: they will be needed.
local function text_of_one(id)
  if has_counters then
    return call('GET', name_of(id))
  end
  local both = call('MGET', name_of(id), COUNTERS)
  understand_counters(both[2])
  return both[1]
end

-- Have the texts of these at hand, by one command.
local function fetch(ids)
  local id = ids[1]
  if id and not ids[2] then
    has_texts = true
    if texts[id] == nil then
      texts[id] = text_of_one(id)
    end
    if not texts[id] then
      bundle.break_up(id)
    end
    return
  end
  has_looked = true
  local unread = {}
  for i = 1, #ids do
    if texts[ids[i]] == nil then
      unread[#unread + 1] = ids[i]
    end
  end
  for from = 1, #unread, MOST_WORDS do
    local keys = {}
    for i = from, math.min(#unread, from + MOST_WORDS - 1) do
      local key = name_of(unread[i])
      names[unread[i]] = key
      keys[i - from + 1] = key
    end
    for i, text in ipairs(call('MGET', unpack(keys))) do
      local id = unread[from + i - 1]
      if texts[id] == nil then
        texts[id] = text
      end
      if not texts[id] then
        bundle.break_up(id)
      end
    end
  end
end

local function written(r)
  return pack(HEAD, r.status, r.flags, r.lane, r.losses, r.attempt, r.retries, r.nonce, r.worker, r.token, r.left,
    r.history_size, r.bytes, r.notify, r.have, r.order, r.seq, r.task_size, r.payload_size) .. r.body .. r.added
end

-- It is written with all others, at the end of the call.
local function save(r)
  if not r.is_unsaved then
    r.is_unsaved = true
    unsaved[#unsaved + 1] = r
  end
end

-- The same for one of which no table was made.
local function rewrite(id, text)
  texts[id], has_texts = text, true
  words[filled + 1], words[filled + 2] = names[id] or PREFIX_OF_RECORDS .. id, text
  filled = filled + 2
end

-- What has changed: the records, and the counters with them; then what is dropped goes.
local function write_changes()
  -- So many words may lie here until the next call writes over them.
  local MOST_KEPT = 64
  for i = 1, #arrived, 2 do
    if texts[arrived[i]] == arrived[i + 1] then
      rewrite(arrived[i], arrived[i + 1])
    end
  end
  for i = 1, #unsaved do
    local r = unsaved[i]
    r.is_unsaved = false
    if not r.is_gone then
      rewrite(r.id, written(r))
    end
  end
  if is_counted then
    words[filled + 1], words[filled + 2] = COUNTERS, packed_counters()
    filled = filled + 2
  end
  for from = 1, filled, MOST_WORDS do
    call('MSET', unpack(words, from, math.min(filled, from + MOST_WORDS - 1)))
  end
  for from = 1, #doomed, MOST_WORDS do
    call('DEL', unpack(doomed, from, math.min(#doomed, from + MOST_WORDS - 1)))
  end
  unsaved, doomed, arrived = emptied(unsaved), emptied(doomed), emptied(arrived)
  words, filled = filled > MOST_KEPT and {} or words, 0
end

-- Change the flags of a record in its place, and nothing else of it.
local NOTIFY_AT = 49
local function save_flags(r)
  local FLAGS_AT = 1
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

local function history_line(status, at, worker)
  return pack('>BI7c8', status, at, worker)
end

-- Move along the status table and write the line of history; `false` when there is no such move.
local function move(r, to, at)
  if not may_move(r.status, to) then
    return false
  end
  count_status(r.status, -1)
  count_status(to, 1)
  r.status = to
  if r.history_size >= MOST_EVENTS * EVENT_SIZE then
    -- The first line says when it was submitted; the one after it goes.
    r.body, r.added = r.body .. r.added, ''
    local first = offset(r, LARGE_PAYLOAD) + r.task_size + r.payload_size + EVENT_SIZE
    r.body = sub(r.body, 1, first) .. sub(r.body, first + EVENT_SIZE + 1)
    r.history_size = r.history_size - EVENT_SIZE
  end
  r.added = r.added .. history_line(to, at or NOW, r.worker)
  r.history_size = r.history_size + EVENT_SIZE
  return true
end

-- Answers to one who may not: a kind, the status that is in the way, and the one that was wanted.
local DONE, MISSING, FENCED, TRANSITION, LACKING = 0, 10000, 20000, 30000, 40000

local function holds(r, attempt, nonce)
  return r.attempt == attempt and r.nonce == nonce and yes(HELD, r.status)
end

-- Count what moved by its text (`plain.lua`): all that moved alike at once.
local function count_plain()
  if not moves[1] then
    return
  end
  local all = numbers()
  is_counted = true
  for i = 1, #moves do
    local move = moves[i]
    local from, to, times, lane = move.from + 1, move.to + 1, move.times, move.lane
    all[from], all[to] = all[from] - times, all[to] + times
    if lane then
      all[AT.queued + lane] = all[AT.queued + lane] - times
    else
      all[AT.bytes] = all[AT.bytes] + move.bytes
    end
    move.times, move.bytes, moves[i] = 0, 0, nil
  end
end
