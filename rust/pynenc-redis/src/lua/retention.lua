-- What is kept of the ended: the newest, within an age, a count and a number of bytes. `ret` names
-- them in the order in which they ended; an entry whose record is gone costs a look.
local kept, drop_record, drop_old, write_endings, write_all
do
  function drop_record(r)
    count_status(r.status, -1)
    count(AT.bytes, -r.bytes)
    local key = part(r, RESULT)
    if key and call('GET', P .. 'v:' .. key) == r.id then
      call('DEL', P .. 'v:' .. key)
    end
    doomed[#doomed + 1] = P .. 'i:' .. r.id
    if band(r.have, LARGE_PAYLOAD) ~= 0 then
      doomed[#doomed + 1] = P .. 'p:' .. r.id
    end
    if r.left == LEFT.large then
      doomed[#doomed + 1] = P .. 'o:' .. r.id
    end
    name_blobs(blobs_of(r), -1)
    r.is_gone = true
    records[r.id], texts[r.id] = false, false
  end

  function kept()
    local all = numbers()
    return all[SUCCESS + 1] + all[FAILED + 1] + all[CANCELLED + 1]
  end

  local function is_too_much()
    return kept() > limits.keep_count or numbers()[AT.bytes] > limits.keep_bytes
  end

  local function drop(ids)
    fetch(ids)
    for _, id in ipairs(ids) do
      local r = load(id)
      if r then
        drop_record(r)
      end
    end
  end

  local ENTRY_SIZE = 8 + ID_SIZE

  -- Drop up to so many of the oldest, as far as each is an entry by itself; how many.
  local function drop_some(most)
    local entries, ids = call('LPOP', P .. 'ret', most), {}
    for i, entry in ipairs(entries) do
      if #entry ~= ENTRY_SIZE then
        put_back(P .. 'ret', entries, i)
        break
      end
      ids[i] = sub(entry, 9)
    end
    drop(ids)
    return #ids
  end

  -- Of what ended together so much more may go than what is too many, in parts of what is kept.
  local PART = 100

  -- Drop ends that came together, the oldest; or have each be an entry by itself, when only some may go.
  local function drop_ends(is_old)
    local ends = bundle.ends_of_entry(call('LPOP', P .. 'ret'))
    local ids = bundle.ids_of(ends.entry)
    if not is_old and (#ids * PART > limits.keep_count or ends.bytes * PART > limits.keep_bytes) then
      local entries = {}
      for i, id in ipairs(ids) do
        entries[i] = pack('>I8', ends.time) .. id
      end
      put_back(P .. 'ret', entries, 1)
      return 0
    end
    if not bundle.drop_together(ends) then
      drop(ids)
    end
    return #ids
  end

  -- Drop what is too old, too many or too much, but only so much in one call; the time at which the next will
  -- be too old. How old the oldest is stands with the counters, so that mostly nothing has to be looked at.
  function drop_old()
    local all = numbers()
    local MOST_DROPPED = 200
    local budget = MOST_DROPPED + 2 * ended
    while budget > 0 do
      local old = all[AT.oldest] + limits.keep_for
      if all[AT.oldest] > 0 and NOW < old and not is_too_much() then
        return old
      end
      local oldest = call('LINDEX', P .. 'ret', 0)
      local at = oldest and parse('>I8', oldest) or 0
      if at ~= all[AT.oldest] then
        count(AT.oldest, at - all[AT.oldest])
      elseif at == 0 then
        return nil
      else
        if #oldest ~= ENTRY_SIZE then
          budget = budget - drop_ends(NOW >= old)
        else
          -- As many as are too many for certain, and else the one.
          budget = budget - drop_some(math.max(1, math.min(budget, kept() - limits.keep_count)))
        end
        count(AT.oldest, -all[AT.oldest])
      end
    end
    return NOW
  end

  function write_endings()
    for from = 1, #endings, MOST_WORDS do
      call('RPUSH', P .. 'ret', unpack(endings, from, math.min(#endings, from + MOST_WORDS - 1)))
    end
    endings = emptied(endings)
  end

  -- What every function does at its end that may have ended something.
  function write_all()
    write_released()
    count_plain()
    if ended > 0 then
      write_endings()
      drop_old()
    end
    write_names()
    write_changes()
    write_tokens()
    send_notices()
  end
end
