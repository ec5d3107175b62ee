-- Calls that are made one by one are staged: they lie in a stream until the next function takes them in, all at once.
-- To run a function for each would cost the server several times as much. But nothing beside this knows of it: what
-- any function finds is as if each call had been taken in when it came.
--
-- An entry of the stream is the call's lane, `notify` and `have`, its id, when it came if a test says so, and the record
-- behind the place within the batch up to the payload. Its submitter has rung for it.
do
  local KIND_SIZE, ID_FROM, PLACE_FROM, AT_FROM, REST_FROM, PRINT_FROM, SHORTEST = 10, 11, 22, 27, 35, 41, 40
  -- Fewer calls are no bundle, nor are larger ones.
  local FEWEST, MOST_BYTES = 4, 1024
  local MOST_AT_ONCE = 1000
  -- What came so little ago, in microseconds, counts as come now.
  local MOMENT = 10000
  local NO_TIME = '\0\0\0\0\0\0\0\0'

  -- When it came: the server notes the millisecond.
  local function time_of(number, text)
    local told = sub(text, AT_FROM, REST_FROM - 1)
    if told ~= NO_TIME then
      return (parse('>I8', told))
    end
    local came = string.match(number, '^%d+') * 1000 + 999
    return came < NOW - MOMENT and came or NOW
  end

  local function are_some_there(ids, from, to)
    local keys = {}
    for i = from, to do
      keys[i - from + 1] = PREFIX_OF_RECORDS .. ids[i]
    end
    return call('EXISTS', unpack(keys)) > 0
  end

  -- What can be read of what was found, each once: ids, texts, and by id the numbers that the server gave them. One may
  -- have been sent twice, and what a stranger wrote is no call.
  local function sorted(found)
    local ids, all, numbers_of, size = {}, {}, {}, 0
    for i = 1, #found do
      local text = found[i][2][2]
      local id = sub(text, ID_FROM, AT_FROM - 1)
      if #text >= SHORTEST and FRESH[byte(text)] and texts[id] == nil and not numbers_of[id] then
        size = size + 1
        ids[size], all[size], numbers_of[id] = id, text, found[i][1]
      end
    end
    return ids, all, numbers_of
  end

  -- Those from one place to another as a record each.
  local function take_records(ids, all, numbers_of, from, to)
    if from > to then
      return
    end
    local is_known = are_some_there(ids, from, to)
    for i = from, to do
      local id, text = ids[i], all[i]
      if not bundle.has(id) and (not is_known or call('EXISTS', PREFIX_OF_RECORDS .. id) == 0) then
        local opening = intake.opening_of(REGISTERED, sub(text, 1, KIND_SIZE), time_of(numbers_of[id], text))
        texts[id] = opening.head .. two_bytes(i) .. sub(text, REST_FROM) .. opening.history
        arrived[#arrived + 1] = id
        arrived[#arrived + 1] = texts[id]
        intake.stand(opening.lane, id, 1)
      end
    end
    has_texts = true
  end

  -- Where the payload begins in an entry, and where the name of the task; `false` for one that goes by itself.
  local function parts_of(text)
    local have, place = byte(text, KIND_SIZE), byte(text, PLACE_FROM)
    local task_size, payload_size = parse('>I2I4', text, REST_FROM)
    local name_from = PRINT_FROM + (have == PRINT and 32 or 0)
    local payload_from = name_from + task_size
    local fits = (have == 0 or have == PRINT) and place < bundle.MOST_PLACES and payload_size <= MOST_BYTES
    return fits and #text == payload_from + payload_size - 1 and payload_from, name_from
  end

  -- So many from that place on as can be a bundle: its name, and its text, as those that are made together have it
  -- (`submit.lua`).
  local function bundle_from(all, from)
    local first = all[from]
    local payload_from, name_from = parts_of(first)
    if not payload_from then
      return 1
    end
    -- The kind and the family stand side by side.
    local alike, name = sub(first, 1, PLACE_FROM - 1), sub(first, name_from, payload_from - 1)
    local sizes = sub(first, REST_FROM, PRINT_FROM - 1)
    local places, calls, last, size = {}, {}, -1, 0
    for i = from, #all do
      local text = all[i]
      local place = byte(text, PLACE_FROM)
      if place <= last or sub(text, 1, PLACE_FROM - 1) ~= alike or sub(text, name_from, payload_from - 1) ~= name
        or (#text ~= #first or sub(text, REST_FROM, PRINT_FROM - 1) ~= sizes)
        and parts_of(text) ~= payload_from then
        break
      end
      size, last = size + 1, place
      places[size] = sub(text, PLACE_FROM, PLACE_FROM)
      calls[size] = two_bytes(i) .. sub(text, PRINT_FROM - 4, name_from - 1) .. sub(text, payload_from)
    end
    local entry = sub(first, ID_FROM, PLACE_FROM - 1) .. sub(first, PLACE_FROM + 1, AT_FROM - 1) .. table.concat(places)
    return size, entry, pack('>I2I2', #name, 0) .. name .. table.concat(calls)
  end

  local function take_in(found, most)
    count(AT.seq, 1)
    local ids, all, numbers_of = sorted(found)
    local from, alone_from, last = 1, 1, #ids
    while most >= FEWEST and from <= last do
      local size, entry, text = bundle_from(all, from)
      if size >= FEWEST and time_of(numbers_of[ids[from]], all[from]) == NOW and not bundle.of(entry) then
        take_records(ids, all, numbers_of, alone_from, from - 1)
        intake.take_bundle(entry, text, all[from])
        alone_from = from + size
      end
      from = from + size
    end
    take_records(ids, all, numbers_of, alone_from, last)
    intake.count_in()
  end

  -- How long before that something was taken in, in microseconds, when something is by a claim; else -1.
  local last_time = 0
  function intake.interval()
    local interval = doomed[1] == STAGED and NOW - last_time or -1
    last_time = interval >= 0 and NOW or last_time
    return interval
  end

  -- Take in all there is; as bundles, if so many may be claimed together.
  function intake.take_staged(most)
    local from = '-'
    intake.begin()
    repeat
      local found = call('XRANGE', STAGED, from, '+', 'COUNT', MOST_AT_ONCE)
      if found[1] then
        take_in(found, most)
        from = '(' .. found[#found][1]
      end
    until #found < MOST_AT_ONCE
    doomed[1] = from ~= '-' and STAGED or nil
    woken[0], woken[1] = nil, nil
  end
end
