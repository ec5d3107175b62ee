-- Who is next. Fresh work is a list, because its order is that of its numbers by construction: 16
-- bytes an entry and no search, at any depth. What came back (`qr`) and what somebody waits for
-- (`qa`) are sorted sets. An entry of the list is a hint: the record's own flags say whether and
-- where it is queued, so one that went another way costs a look and nothing else.

-- Wake `by` idle workers once the function has done its work.
local function wake(lane, by)
  woken[lane] = (woken[lane] or 0) + by
end

-- Tokens are hints as well, never the work. They are capped, so that a crowd of submissions
-- leaves no crowd of false alarms behind.
local function write_tokens()
  local MOST_TOKENS = 64
  for lane = 0, 1 do
    if woken[lane] then
      local tokens = { '1' }
      for i = 2, math.min(woken[lane], MOST_TOKENS) do
        tokens[i] = '1'
      end
      if call('RPUSH', TOKENS[lane], unpack(tokens)) > MOST_TOKENS then
        call('LTRIM', TOKENS[lane], 0, MOST_TOKENS - 1)
      end
    end
  end
end

-- Put entries back to where they were taken from, from the one with that number on.
local function put_back(list, entries, from)
  local last, backwards = #entries, {}
  for i = last, from, -1 do
    backwards[last - i + 1] = entries[i]
  end
  if backwards[1] then
    call('LPUSH', list, unpack(backwards))
  end
end

-- Have a record stand in a line of its lane that is not the list of fresh work, or no more. They are
-- counted, so that a claim need not look into lines in which nobody stands.
local function stand_in(line, r)
  count(AT.apart + r.lane, call('ZADD', P .. line, r.seq, r.id))
end

local function leave(line, r)
  count(AT.apart + r.lane, -call('ZREM', P .. line, r.id))
end

-- Put one that was queued before back into its old place. The caller saves the record.
local function enqueue(r)
  set(r, QUEUED)
  if has(r, AWAITED) then
    stand_in('qa:' .. r.lane, r)
  else
    set(r, BACK)
    stand_in('qr:' .. r.lane, r)
  end
  count(AT.queued + r.lane, 1)
  wake(r.lane, 1)
end

-- Take it off the queue, wherever in it it stands. The caller saves the record.
local function dequeue(r)
  if not has(r, QUEUED) then
    return
  end
  if has(r, AWAITED) then
    leave('qa:' .. r.lane, r)
  elseif has(r, BACK) then
    leave('qr:' .. r.lane, r)
  end
  clear(r, QUEUED + BACK)
  count(AT.queued + r.lane, -1)
end

-- One that is due before all others wakes a worker, which then knows when to look again.
local function note_due(id, lane, due)
  local first = call('ZRANGE', P .. 'due', 0, 0, 'WITHSCORES')[2]
  if not first or due < tonumber(first) then
    wake(lane, 1)
  end
  count(AT.due, call('ZADD', P .. 'due', due, id))
end

-- Have it wait for its time. The caller saves the record.
local function delay_until(r, due)
  set(r, DELAYED)
  note_due(r.id, r.lane, due)
end

-- Move what is due into the queue, and tell when the next will be.
local function promote()
  local MOST_PROMOTED = 100
  if numbers()[AT.due] == 0 then
    return nil
  end
  local first = call('ZRANGE', P .. 'due', 0, 0, 'WITHSCORES')
  if not first[1] or tonumber(first[2]) > NOW then
    return first[2]
  end
  local due = call('ZRANGEBYSCORE', P .. 'due', '-inf', NOW, 'LIMIT', 0, MOST_PROMOTED)
  count(AT.due, -call('ZREM', P .. 'due', unpack(due)))
  for _, id in ipairs(due) do
    local r = load(id)
    if r and has(r, DELAYED) then
      clear(r, DELAYED)
      if r.status ~= SCHEDULED or move(r, REGISTERED) then
        enqueue(r)
      end
      save(r)
    end
  end
  return call('ZRANGE', P .. 'due', 0, 0, 'WITHSCORES')[2]
end
