-- Taking calls in that come under no rule and wait for nothing: a record each, and their places in the queue.
local intake = {}
do
  -- By lane, what is to stand at the end of the list of fresh work and does not yet, from which place on, and for how
  -- many calls it stands that are not counted yet.
  local entries, firsts, sizes = {}, {}, {}

  function intake.begin()
    for lane = 0, 1 do
      entries[lane], firsts[lane], sizes[lane] = nil, nil, nil
    end
  end

  -- How the records of a kind begin: of that lane, `notify` and `have`. What does not change is kept from call to call.
  do
    local MOST_KINDS = 1000
    local kept, kinds_kept = { [REGISTERED] = {}, [SCHEDULED] = {} }, 0

    local function new_opening(status, kind)
      local flags, lane = status == REGISTERED and QUEUED or DELAYED, byte(kind)
      if kinds_kept == MOST_KINDS then
        kept, kinds_kept = { [REGISTERED] = {}, [SCHEDULED] = {} }, 0
      end
      kinds_kept = kinds_kept + 1
      return {
        lane = lane,
        front = pack('>BBBBI4I4c8c8c8BI4I8', status, flags, lane, 0, 0, 0, NOBODY, NOBODY, NOBODY, LEFT.nothing,
          EVENT_SIZE, 0) .. sub(kind, 2) .. pack('>I8', 0),
      }
    end

    -- Of those that came at that time, with this submission.
    function intake.opening_of(status, kind, at)
      local opening = kept[status][kind]
      if not opening then
        opening = new_opening(status, kind)
        kept[status][kind] = opening
      end
      if opening.seq ~= counters[AT.seq] then
        opening.seq = counters[AT.seq]
        -- All before the place within the batch.
        opening.head = opening.front .. pack('>I6', opening.seq)
      end
      if opening.at ~= at then
        opening.at, opening.history = at, history_line(status, at, NOBODY)
      end
      return opening
    end
  end

  -- Have what stands for so many calls stand in the queue.
  function intake.stand(lane, entry, size)
    local there = entries[lane]
    if not there then
      there = {}
      entries[lane], firsts[lane] = there, 1
    end
    there[#there + 1] = entry
    sizes[lane] = (sizes[lane] or 0) + size
  end

  -- Take a bundle in (`bundle_moves.lua`) of calls of that kind, and have it stand in the queue, or those that are each a
  -- record after all.
  function intake.take_bundle(entry, text, kind)
    local lane, HAVE_AT = byte(kind), 10
    local new = bundle.take_in(entry, text, lane, byte(kind, HAVE_AT), sub(kind, 2, HAVE_AT - 1), counters[AT.seq])
    if not new then
      intake.stand(lane, entry, bundle.size_of(entry))
      return
    end
    for _, id in ipairs(new) do
      intake.stand(lane, id, 1)
    end
  end

  -- Count those that came, and have so many workers woken.
  function intake.count_in()
    for lane, size in pairs(sizes) do
      count_status(REGISTERED, size)
      count(AT.queued + lane, size)
      wake(lane, size)
      sizes[lane] = nil
    end
  end

  -- How many entries of a lane are not in its list yet.
  function intake.late(lane)
    local there = entries[lane]
    return there and #there - firsts[lane] + 1 or 0
  end

  -- The first of these, which need not come there any more: a bundle, or ids up to the next one.
  function intake.pop(lane, want)
    local there, first, last = entries[lane], firsts[lane], firsts[lane]
    if not bundle.is_entry(there[first]) then
      while last - first + 1 < want and there[last + 1] and not bundle.is_entry(there[last + 1]) do
        last = last + 1
      end
    end
    firsts[lane] = last + 1
    return { unpack(there, first, last) }
  end

  function intake.write_queue(lane)
    local there, first = entries[lane], firsts[lane]
    for from = first or 1, there and #there or 0, MOST_WORDS do
      call('RPUSH', FRESH[lane], unpack(there, from, math.min(#there, from + MOST_WORDS - 1)))
    end
    entries[lane] = nil
  end

  function intake.write_queues()
    intake.write_queue(0)
    intake.write_queue(1)
  end
end
