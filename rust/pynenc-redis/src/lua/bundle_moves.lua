-- What happens to calls together, as a bundle: they are taken in, and end, and are dropped. They are claimed together
-- in `take.lua`.
do
  -- Of the ended: when, how many have succeeded, and the bytes of all.
  local ENDS, ENDS_SIZE = '>I8I2I8', 18

  -- What is said of so many places.
  local function words(said, size)
    return string.rep(string.char(said), size)
  end

  -- Note that these places have ended, or were dropped, if all of them are as they must be before; whether they were.
  -- Most follow one another.
  local function mark(b, places, before, after)
    local row, from = b.row, 1
    while from <= #places do
      local first, to = byte(places, from) + 1, from
      while byte(places, to + 1) == first + to - from do
        to = to + 1
      end
      local last, size = first + to - from, to - from + 1
      if sub(row, first, last) ~= words(before, size) then
        return false
      end
      row, from = sub(row, 1, first - 1) .. words(after, size) .. sub(row, last + 1), to + 1
    end
    b.row = row
    return true
  end

  -- Take calls in as a bundle: what stands for it, its blobs, task and calls as they were sent, and who is told. When
  -- one of them is there already, or another bundle of the family, each is a record. The ids of those that are new,
  -- unless all are, as a bundle.
  function bundle.take_in(entry, text, lane, have, notify, seq)
    local there = bundle.of(entry)
    if there and bundle.entry_of(there) == entry then
      return {}
    end
    local ids, keys = bundle.ids_of(entry), {}
    for i, id in ipairs(ids) do
      keys[i] = PREFIX_OF_RECORDS .. id
    end
    local family, task_size, blobs_size = bundle.family_of(entry), parse('>I2I2', text)
    local b = {
      family = family, key = bundle.key_of(family), status = REGISTERED, lane = lane, have = have,
      notify = notify, seq = seq, submitted = NOW, claimed = 0, worker = NOBODY, nonce = NOBODY, order = 0,
      tail = sub(entry, bundle.TAIL_FROM, bundle.PLACES_FROM - 1), row = words(bundle.ABSENT, bundle.MOST_PLACES),
      task_size = task_size, size = #text - 4 - blobs_size - task_size, blobs_size = blobs_size,
    }
    mark(b, sub(entry, bundle.PLACES_FROM), bundle.ABSENT, bundle.OPEN)
    local blobs = sub(text, 6, 4 + blobs_size)
    if there then
      bundle.break_up(ids[1])
    elseif call('EXISTS', unpack(keys)) == 0 then
      call('SET', b.key, bundle.head_of(b) .. sub(text, 5))
      name_blobs(blobs, #ids)
      bundles[b.family] = nil
      return nil
    end
    local new = {}
    for number, fresh in ipairs(bundle.calls_of(b, text, 5) or {}) do
      if call('SET', keys[number], bundle.record_of(b, text, number, fresh), 'NX') then
        new[#new + 1] = ids[number]
        name_blobs(blobs, 1)
      end
    end
    return new
  end

  -- End members of a bundle as its holder says: how, in `text`, and each, in `said`. `false` when they are not all of
  -- a bundle that it holds, or have ended; then nothing was done.
  function bundle.end_together(nonce, starts_all, succeeded, bytes, entry, said)
    local b = bundle.of(entry)
    local places = sub(entry, bundle.PLACES_FROM)
    if not b or b.status == REGISTERED or b.nonce ~= nonce or b.status == PENDING and not starts_all
      or not mark(b, places, bundle.OPEN, bundle.ENDED) then
      return false
    end
    call('APPEND', b.key, bundle.said(said))
    bundle.write(b)
    b.is_understood = nil
    if not string.find(b.row, '0', 1, true) then
      released.add(b.worker, bundle.held_as(b))
    end
    count_status(b.status, -#places)
    count_status(SUCCESS, succeeded)
    count_status(FAILED, #places - succeeded)
    count(AT.bytes, bytes)
    name_blobs(bundle.blobs_of(b), -#places)
    note_ends(#places, pack(ENDS, NOW, succeeded, bytes) .. entry)
    if b.notify ~= NOBODY then
      mail.add(b.notify, NOTICE.ends .. bundle.family_of(entry) .. string.char(#places)
        .. sub(entry, bundle.TAIL_FROM, bundle.PLACES_FROM - 1) .. pack('>I4', #said) .. said)
    end
    return true
  end

  -- What an entry of the ended says that stands for several: when, the ids, how many have succeeded, all bytes.
  function bundle.ends_of_entry(entry)
    local time, succeeded, bytes = parse(ENDS, entry)
    return { time = time, succeeded = succeeded, bytes = bytes, entry = sub(entry, ENDS_SIZE + 1) }
  end

  -- Drop them; `false` when there is no such bundle any more.
  function bundle.drop_together(ends)
    local entry, succeeded, bytes = ends.entry, ends.succeeded, ends.bytes
    local b = bundle.of(entry)
    local places = sub(entry, bundle.PLACES_FROM)
    if not b or not mark(b, places, bundle.ENDED, bundle.DROPPED) then
      return false
    end
    count_status(SUCCESS, -succeeded)
    count_status(FAILED, succeeded - #places)
    count(AT.bytes, -bytes)
    if string.find(b.row, '[01]') then
      bundle.write(b)
    else
      call('DEL', b.key)
      bundles[b.family] = false
    end
    return true
  end
end
