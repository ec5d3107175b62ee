-- What the records of the members of a bundle would be, and how they come to be in its place.
do
  local CALL_SIZE, END, END_SIZE = 6, '>Bc8BI8I8I4', 30
  -- What is said of several ends begins with when, and the size.
  local SAID, SAID_SIZE = '>I8I4', 12

  -- Where each call of `b` stands, in their order; its blobs, name of the task and calls begin at `at`. `nil` when that
  -- is no such text.
  function bundle.calls_of(b, text, at)
    local print_size = band(b.have, PRINT) ~= 0 and 32 or 0
    local blobs_from, task_from, all = at, at + b.blobs_size, {}
    at = task_from + b.task_size
    local last = at + b.size - 1
    while at <= last do
      if at + CALL_SIZE - 1 > #text then
        return nil
      end
      local place, payload_size = parse('>I2I4', text, at)
      local from, payload_from = at + CALL_SIZE, at + CALL_SIZE + print_size
      at = payload_from + payload_size
      if at - 1 > #text then
        return nil
      end
      all[#all + 1] = {
        blobs_from = blobs_from, task_from = task_from, place = place, payload_size = payload_size, from = from,
        payload_from = payload_from, last = at - 1,
      }
    end
    return all
  end

  -- What is said of ends from `at` to `last`, each in turn; whether it can be read.
  function bundle.each_end(text, at, last, note)
    while at <= last do
      if at + END_SIZE - 1 > last then
        return false
      end
      local place, token, kind, ran, bytes, size = parse(END, text, at)
      at = at + END_SIZE + size
      note(place, token, kind, ran, bytes, sub(text, at - size, at - 1))
    end
    return at == last + 1
  end

  -- What is kept of what is said of ends now.
  function bundle.said(text)
    return pack(SAID, NOW, #text) .. text
  end

  -- All that was said of ends, by place; `nil` when that cannot be read.
  local function ends_of(text, at)
    local ends, time = {}, nil
    local function note(place, token, kind, ran, bytes, value)
      ends[place] = {
        time = time, token = token, status = kind == 1 and SUCCESS or FAILED, ran = ran, bytes = bytes, value = value,
      }
    end
    while at + SAID_SIZE - 1 <= #text do
      local size
      time, size = parse(SAID, text, at)
      local last = at + SAID_SIZE + size - 1
      if last > #text or not bundle.each_end(text, at + SAID_SIZE, last, note) then
        return nil
      end
      at = last + 1
    end
    return ends
  end

  -- The record of a call of `b` as it stands: the text in which it is, its number in the bundle, and how it ended, if
  -- it has.
  function bundle.record_of(b, text, number, fresh, ended)
    local status, flags, attempt, worker, order = b.status, QUEUED, 0, NOBODY, 0
    local history = history_line(REGISTERED, b.submitted, NOBODY)
    if status ~= REGISTERED then
      flags, attempt, worker, order = 0, 1, b.worker, b.order + number
      history = history .. history_line(PENDING, b.claimed, b.worker)
      if status == RUNNING then
        history = history .. history_line(RUNNING, b.claimed, b.worker)
      end
    end
    local token, left, bytes, value, notified = NOBODY, LEFT.nothing, 0, '', b.notify
    local have, payload_size = b.have, fresh.payload_size
    if ended then
      if status == PENDING then
        history = history .. history_line(RUNNING, ended.time - ended.ran + 1, b.worker)
      end
      history = history .. history_line(ended.status, ended.time, b.worker)
      status, worker, token, left, notified = ended.status, NOBODY, ended.token, LEFT.value, NOBODY
      bytes, value = ended.bytes, ended.value
      if b.blobs_size > 0 then
        -- What names blobs is not kept with the result.
        have, payload_size = have - BLOBS, 0
      end
    end
    local body = sub(text, fresh.from, fresh.payload_from - 1)
      .. sub(text, have == b.have and fresh.blobs_from or fresh.task_from, fresh.task_from + b.task_size - 1)
      .. sub(text, fresh.payload_from, fresh.payload_from + payload_size - 1)
    return pack(HEAD, status, flags, b.lane, 0, attempt, 0, b.nonce, worker, token, left, #history, bytes, notified,
      have, order, b.seq * IN_ONE_CALL + fresh.place, b.task_size, payload_size) .. body .. history .. value
  end

  -- All that is said of a bundle, read once; whether it can be read.
  local function understand_bundle(b)
    if b.is_understood == nil then
      b.text = call('GET', b.key)
      b.calls = bundle.calls_of(b, b.text, bundle.HEAD_SIZE + 1)
      b.ends = b.calls and ends_of(b.text, bundle.HEAD_SIZE + b.blobs_size + b.task_size + b.size + 1)
      b.numbers = {}
      for number, id in ipairs(bundle.ids_of(bundle.entry_of(b))) do
        b.numbers[id] = number
      end
      b.is_understood = b.ends ~= nil
    end
    return b.is_understood
  end

  -- Have at hand what the record of a member would be.
  local function expand_one(b, id)
    local fresh, said, ended = b.calls[b.numbers[id]], bundle.said_of(b, id), b.ends[bundle.place_of(id)]
    if fresh and (said == bundle.OPEN or said == bundle.ENDED and ended) then
      texts[id] = bundle.record_of(b, b.text, b.numbers[id], fresh, said == bundle.ENDED and ended)
      bundled[id] = true
    end
  end

  -- The same for that id, if it is in a bundle.
  function bundle.expand(id)
    local b = bundle.around(id)
    if b and understand_bundle(b) and b.numbers[id] then
      expand_one(b, id)
    end
  end

  -- Each open member is held by itself from now on, for as long as they were together; what the worker's hands call
  -- the claims.
  local function hold_each(b)
    local hands, together, leases_of_each, members = P .. 'h:' .. b.worker, bundle.held_as(b), {}, {}
    local deadline = call('ZSCORE', hands, together) or NOW + limits.lease
    call('ZREM', hands, together)
    for number, id in ipairs(bundle.ids_of(bundle.entry_of(b))) do
      if bundle.said_of(b, id) == bundle.OPEN then
        local member = pack('>I8', b.order + number) .. id
        members[#members + 1] = member
        leases_of_each[#leases_of_each + 1] = deadline
        leases_of_each[#leases_of_each + 1] = member
      end
    end
    if members[1] then
      call('ZADD', hands, unpack(leases_of_each))
    end
    return members
  end

  -- Write the records of all members of the bundle of that id, if it is in one, in its place; if it was claimed, what
  -- the worker's hands call the claims from then on.
  function bundle.break_up(id)
    local b = bundle.around(id)
    if not b then
      return
    end
    local words_of_each = {}
    for member in pairs(understand_bundle(b) and b.numbers or {}) do
      if not bundled[member] then
        expand_one(b, member)
      end
      if bundled[member] then
        words_of_each[#words_of_each + 1] = PREFIX_OF_RECORDS .. member
        words_of_each[#words_of_each + 1] = texts[member]
        bundled[member] = nil
      end
    end
    if words_of_each[1] then
      call('MSET', unpack(words_of_each))
    end
    call('DEL', b.key)
    bundles[b.family] = false
    return b.status ~= REGISTERED and hold_each(b) or nil
  end
end
