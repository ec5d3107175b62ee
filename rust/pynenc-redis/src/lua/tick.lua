-- Promote what is due, rescue what lost its lease, drop what is old: of each only so much. The
-- answer is in how long there will be something to do again, -1 for never.
local MOST_WORKERS, MOST_RESCUED = 16, 100
local HOLDS = 1
local SILENT = 'it fell silent for longer than its lease'

-- After an outage of the store everybody looks silent. The reaper then holds back for one lease, so
-- that those who live can say so. It may hold again only after it has really reaped: else a rare
-- reaper would hold for ever.
local function held_until()
  if band(OPTIONS, HOLDS) == 0 then
    return nil
  end
  local clock = call('HMGET', P .. 'clk', 'seen', 'hold')
  local seen, hold = tonumber(clock[1]) or 0, tonumber(clock[2])
  if not hold and call('EXISTS', P .. 'wk') == 1 and (NOW < seen or NOW - seen > LEASE * 2 / 3) then
    hold = NOW + LEASE
    call('HSET', P .. 'clk', 'hold', hold)
  end
  if hold and NOW < hold and hold <= NOW + LEASE then
    return hold
  end
  call('HDEL', P .. 'clk', 'hold')
  return nil
end

local function look_at(member, budget)
  local worker = sub(member, 9)
  local known = call('HMGET', P .. 'w:' .. worker, 'd', 'no')
  local deadline = tonumber(known[1])
  if not deadline or deadline <= NOW then
    return #lose(worker, budget, rescue, SILENT)
  end
  local silent = call('ZRANGEBYSCORE', P .. 'h:' .. worker, '-inf', NOW, 'LIMIT', 0, budget)
  take_back(worker, silent, rescue, SILENT)
  look_again(worker, tonumber(known[2]), deadline)
  return #silent
end

-- Workers whose leases end in the same look are lost in the order in which they came.
local function reap()
  local members = call('ZRANGEBYSCORE', P .. 'wk', '-inf', NOW, 'LIMIT', 0, MOST_WORKERS)
  table.sort(members)
  local budget = MOST_RESCUED
  for _, member in ipairs(members) do
    if budget > 0 then
      budget = budget - look_at(member, budget)
    end
  end
end

local next_times = {}
local function look_at_time(time)
  if time then
    next_times[#next_times + 1] = math.max(0, tonumber(time) - NOW)
  end
end

look_at_time(promote())
local hold = held_until()
note_life()
if not hold then
  reap()
end
local first = call('ZRANGE', P .. 'wk', 0, 0, 'WITHSCORES')[2]
look_at_time(first and math.max(tonumber(first), hold or 0))
write_all()
look_at_time(drop_old())
write_counters()
local least = -1
for _, time in ipairs(next_times) do
  least = least < 0 and time or math.min(least, time)
end
return least
