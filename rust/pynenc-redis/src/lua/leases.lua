-- Who is alive. `w:<worker>` says what the store knows of a worker (`d` is its deadline), `h:` what
-- it holds, a lease each, and `wk` when each is to be looked at.
local lease = {}
do
  local DAY = 86400

  local function worker_member(number, worker)
    return pack('>I8', number) .. worker
  end

  -- A small sorted set is searched from end to end, at ten times the price of a large one when a batch is claimed. One
  -- long member, which names nothing and comes last, has the server keep it as a large one.
  local WIDE = 'This member is longer than those that let the server keep a small set.'

  function lease.keep_wide(worker)
    call('ZADD', P .. 'h:' .. worker, '+inf', WIDE)
  end

  local REASON_SIZE = 500

  -- Its worker is gone: it goes back to its place, or ends when that has happened too often.
  function lease.rescue(r, reason)
    r.losses = math.min(r.losses + 1, 255)
    if call_off_asked(r) then
      return
    end
    if r.losses >= limits.max_losses then
      finish(r, FAILED, sub(reason, 1, REASON_SIZE), 0, LEFT.lost)
    elseif let_go(r, REROUTED) then
      enqueue(r)
      save(r)
    end
  end

  function lease.hand_back(r)
    if not call_off_asked(r) and let_go(r, REROUTED) then
      enqueue(r)
      save(r)
    end
  end

  -- Nobody saw how its worker ended. What had not started goes back as if it had never been claimed: it was
  -- fetched ahead. A body that ends its worker in its first moments is known as started when it comes again, for
  -- what came back is told to have started before its body begins.
  function lease.rescue_unseen(r, reason)
    if r.status == PENDING then
      lease.hand_back(r)
    else
      lease.rescue(r, reason)
    end
  end

  -- The first of them, at most so many but for a bundle, whose claims are each by themselves from now on.
  local function each_member(members, most)
    local all = {}
    for _, member in ipairs(members) do
      if #all >= most then
        break
      end
      local b = #member > 8 + ID_SIZE and bundle.of(sub(member, 9))
      if b and bundle.held_as(b) == member then
        for _, one in ipairs(bundle.break_up(bundle.ids_of(sub(member, 9))[1])) do
          all[#all + 1] = one
        end
      else
        all[#all + 1] = member
      end
    end
    return all
  end

  -- Take up to `most` out of a worker's hands by `how`, those of `members` or all in the order of the
  -- claims; their ids.
  function lease.take_back(worker, members, most, how, reason)
    members = each_member(members, most)
    local claimed, ids = {}, {}
    for i, member in ipairs(members) do
      claimed[i] = sub(member, 9)
    end
    fetch(claimed)
    for i, member in ipairs(members) do
      local r = load(claimed[i])
      if r and r.worker == worker and claim_member(r) == member then
        how(r, reason)
        ids[#ids + 1] = r.id
      else
        call('ZREM', P .. 'h:' .. worker, member)
      end
    end
    write_released()
    return ids
  end

  -- The worker has no lease from now on. Its name is kept for the histories that name it, and outlived
  -- by what it held when nobody reaps for a day: then `number` is known to the caller alone.
  function lease.lose(worker, number, most, how, reason)
    local known = P .. 'w:' .. worker
    number = number or tonumber(call('HGET', known, 'no'))
    if not number then
      return {}
    end
    call('HDEL', known, 'd', 'c')
    call('EXPIRE', known, math.max(DAY, math.ceil(limits.keep_for / 1000000)))
    call('DEL', P .. 'wt:' .. worker)
    local ids = lease.take_back(worker, call('ZRANGE', P .. 'h:' .. worker, 0, most - 1), most, how, reason)
    local member = worker_member(number, worker)
    if call('EXISTS', P .. 'h:' .. worker) == 1 then
      -- More than one call may take: the reaper goes on, should the caller not.
      call('ZADD', P .. 'wk', 0, member)
    else
      call('ZREM', P .. 'wk', member)
    end
    return ids
  end

  -- Look at a worker again when its own lease or the first of its claims' ends.
  function lease.look_again(worker, number, deadline)
    local first = call('ZRANGE', P .. 'h:' .. worker, 0, 0, 'WITHSCORES')
    local at = math.min(deadline, tonumber(first[2] or deadline))
    call('ZADD', P .. 'wk', at, worker_member(number, worker))
  end

  local HOLDS = 1

  -- Somebody reaches the store. When nobody had for most of a lease, it was the store that was away:
  -- everybody looks silent then, but for the one that comes back first. For one lease nothing is
  -- taken from anybody, so that all who live can say so. That may begin again only after the reaper
  -- has really reaped: else a rare reaper would hold back for ever.
  function lease.note_life()
    if band(limits.options, HOLDS) ~= 0 then
      local clock = call('HMGET', P .. 'clk', 'seen', 'hold')
      local seen = tonumber(clock[1])
      if seen and not clock[2] and (NOW < seen or NOW - seen > limits.lease * 2 / 3) then
        call('HSET', P .. 'clk', 'hold', NOW + limits.lease)
      end
    end
    call('HSET', P .. 'clk', 'seen', NOW)
  end
end
