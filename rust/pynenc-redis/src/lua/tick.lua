-- Promote what is due, rescue what lost its lease, drop what is old: of each only so much. The
-- answer is in how long there will be something to do again, -1 for never.
local MOST_WORKERS, MOST_RESCUED = 16, 100
local SILENT = 'it fell silent for longer than its lease'

-- Until when the reaper holds back, if it does; `lease.note_life` says why.
local function held_until()
  local hold = tonumber(call('HGET', P .. 'clk', 'hold'))
  if hold and NOW < hold and hold <= NOW + limits.lease then
    return hold
  end
  call('HDEL', P .. 'clk', 'hold')
  return nil
end

local function look_at(member, budget)
  local number, worker = parse('>I8c8', member)
  local deadline = tonumber(call('HGET', P .. 'w:' .. worker, 'd'))
  if not deadline or deadline <= NOW then
    return #lease.lose(worker, number, budget, lease.rescue_unseen, SILENT)
  end
  local silent = call('ZRANGEBYSCORE', P .. 'h:' .. worker, '-inf', NOW, 'LIMIT', 0, budget)
  local taken = lease.take_back(worker, silent, budget, lease.rescue_unseen, SILENT)
  lease.look_again(worker, number, deadline)
  return math.max(#taken, #silent)
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

local next_times
local function look_at_time(time)
  if time then
    next_times[#next_times + 1] = math.max(0, tonumber(time) - NOW)
  end
end

return function(ARGV)
  next_times = {}
  look_at_time(promote())
  lease.note_life()
  local hold = held_until()
  if not hold then
    reap()
  end
  local first = call('ZRANGE', P .. 'wk', 0, 0, 'WITHSCORES')[2]
  look_at_time(first and math.max(tonumber(first), hold or 0))
  write_endings()
  look_at_time(drop_old())
  write_names()
  if shed(false) then
    look_at_time(NOW)
  end
  write_all()
  local least = -1
  for _, time in ipairs(next_times) do
    least = least < 0 and time or math.min(least, time)
  end
  return least
end
