-- The next invocations for a worker. Those that a running rule blocks are set aside on the way, and
-- those whose task the worker does not know are parked: both cost nothing while they wait.

-- What is local to it stands in a block: a chunk of Lua may have 200 locals.
local claim
do
  local MOST_LOOKS = 500

  -- The number of an entry of the list of fresh work, to tell it from those that came back.
  local SEQ_FROM = 67
  local function seq_of(entry)
    if bundle.is_entry(entry) then
      local b = bundle.of(entry)
      return b and b.seq * IN_ONE_CALL or 0
    end
    local text = texts[entry]
    return text and #text >= HEAD_SIZE and parse('>I8', text, SEQ_FROM) or 0
  end

  -- Have the members of a bundle, off the queue, stand there in its place.
  local function spread(lane, entry)
    put_back(FRESH[lane], bundle.ids_of(entry), 1)
  end

  local function fetch_ids(entries)
    local ids = {}
    for _, entry in ipairs(entries) do
      if not bundle.is_entry(entry) then
        ids[#ids + 1] = entry
      end
    end
    fetch(ids)
  end

  -- Take the oldest of the list and of what came back; each is in order by itself. A bundle comes alone.
  local function merged(lane, want, ids)
    local back = call('ZRANGE', P .. 'qr:' .. lane, 0, want - 1, 'WITHSCORES')
    local fresh = call('LRANGE', FRESH[lane], 0, want - 1)
    if back[1] and fresh[1] then
      fetch_ids(fresh)
    end
    local from_back, from_fresh = 0, 0
    while from_back + from_fresh < want do
      local came_back, entry = back[from_back * 2 + 1], fresh[from_fresh + 1]
      if not came_back and not entry then
        break
      elseif came_back and (not entry or tonumber(back[from_back * 2 + 2]) < seq_of(entry)) then
        from_back = from_back + 1
        ids[#ids + 1] = came_back
      elseif bundle.is_entry(entry) then
        if not ids[1] then
          from_fresh, ids[1] = 1, entry
        end
        break
      else
        from_fresh = from_fresh + 1
        ids[#ids + 1] = entry
      end
    end
    if from_back > 0 then
      count(AT.apart + lane, -call('ZREMRANGEBYRANK', P .. 'qr:' .. lane, 0, from_back - 1))
    end
    if from_fresh > 0 then
      call('LPOP', FRESH[lane], from_fresh)
    end
  end

  -- The first of a line of that lane, off it.
  local function pop_first(line, lane, want, ids)
    local found = call('ZPOPMIN', P .. line, want)
    for i = 1, #found, 2 do
      ids[#ids + 1] = found[i]
    end
    count(AT.apart + lane, -#found / 2)
  end

  -- Entries off the list of fresh work: a bundle, or ids up to the next one. A count and a list of one are dearer than
  -- the one.
  local function pop_fresh(lane, want)
    local queued, late = numbers()[AT.queued + lane], intake.late(lane)
    if late > 0 and queued <= late then
      return intake.pop(lane, want)
    end
    local first = want > 1 and queued > 1 and call('LINDEX', FRESH[lane], 0)
    if not first or bundle.is_entry(first) then
      local entry = call('LPOP', FRESH[lane])
      return not entry and late > 0 and intake.pop(lane, want) or { entry or nil }
    end
    local entries = call('LPOP', FRESH[lane], want)
    for i, entry in ipairs(entries) do
      if bundle.is_entry(entry) then
        put_back(FRESH[lane], entries, i)
        return { unpack(entries, 1, i - 1) }
      end
    end
    return entries
  end

  -- What is next in the queue of a lane: what somebody waits for, then the oldest.
  local function pop(lane, want)
    if numbers()[AT.apart + lane] == 0 then
      return pop_fresh(lane, want)
    end
    local ids = {}
    intake.write_queue(lane)
    pop_first('qa:' .. lane, lane, want, ids)
    if want > #ids then
      merged(lane, want - #ids, ids)
    end
    return ids
  end

  local function park(r)
    local task = r.lane .. task_of(r)
    move(r, REROUTED)
    set(r, PARKED)
    call('SADD', P .. 'pkt', task)
    stand_in('pk:' .. task, r)
    save(r)
    -- It may have been woken for a key that it does not take now.
    free_key(r)
  end

  local function set_aside(r)
    move(r, REROUTED)
    set(r, ASIDE)
    call('ZADD', P .. 'l:' .. part(r, RUNNING_KEY), r.seq, r.id)
    save(r)
  end

  -- Ids of parked work of a lane that this worker knows; they are off their line then.
  local function pop_parked(lane, want, request)
    local ids = {}
    for _, task in ipairs(call('SMEMBERS', P .. 'pkt')) do
      if want > #ids and sub(task, 1, 1) == tostring(lane) and knows(request, sub(task, 2)) then
        pop_first('pk:' .. task, lane, want - #ids, ids)
        if call('EXISTS', P .. 'pk:' .. task) == 0 then
          call('SREM', P .. 'pkt', task)
        end
      end
    end
    return ids
  end

  -- Whether its body counts as started from now on. One under a registration rule may have to, even if
  -- it is to lie with its claimer for a while: equal calls are new ones once it runs.
  local function starts_now(request, r)
    return request.start == START.all or request.start == START.keyed and band(r.have, REGISTRATION) ~= 0
  end

  function claim(request, answer)
    local worker, deadline = request.worker, request.deadline
    -- Lanes that were found empty to the last entry are told as well.
    local found, looks, drained = 0, 0, {}

    local function look(id, where, lane)
      local plain = where == QUEUED and take_plain(request, lane, id)
      if plain then
        found = found + 1
        answer[#answer + 1] = id
        answer[#answer + 1] = plain
        return
      end
      local r = load(id)
      if not r or not has(r, where) then
        return
      end
      dequeue(r)
      clear(r, PARKED)
      if not knows(request, task_of(r)) then
        park(r)
      elseif holder_of(r) then
        set_aside(r)
      elseif take(r, worker, request.nonce, deadline, starts_now(request, r)) then
        found = found + 1
        add_to_answer(answer, r)
      end
    end

    -- All of a bundle, now or with the next claim; or else its members stand in the queue each by itself from now on.
    -- Whether the claim goes on.
    local function take_bundle(lane, entry)
      local size = bundle.size_of(entry)
      local b = bundle.of(entry)
      if not b or b.status ~= REGISTERED or b.lane ~= lane or size > request.most
        or not (request.takes_all or knows(request, bundle.task_of(b))) then
        spread(lane, entry)
        return true
      end
      if size > request.most - found then
        call('LPUSH', FRESH[lane], entry)
        return false
      end
      answer[#answer + 1] = entry
      answer[#answer + 1] = bundle.claim(b, size, request)
      found, looks = found + size, looks + 1
      return true
    end

    -- What came of these: whether there were any, or nothing when the claim is over.
    local function look_at_all(ids, where, lane)
      if ids[1] and bundle.is_entry(ids[1]) then
        return take_bundle(lane, ids[1]) or nil
      end
      looks = looks + #ids
      fetch(ids)
      for _, id in ipairs(ids) do
        look(id, where, lane)
      end
      return ids[1] ~= nil
    end

    local queued = numbers()
    for _, lane in ipairs(request.lanes) do
      if queued[AT.apart + lane] > 0 then
        look_at_all(pop_parked(lane, request.limit - found, request), PARKED)
      end
      while queued[AT.queued + lane] > 0 and found < request.limit and looks < MOST_LOOKS do
        local went_on = look_at_all(pop(lane, request.limit - found), QUEUED, lane)
        count_plain()
        drained[lane] = went_on == false or nil
        if not went_on then
          break
        end
      end
    end
    write_leases(worker)
    return found, drained
  end
end
