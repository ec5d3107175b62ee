-- The usual case, done on the text of the record: it is under no rule, nothing was asked of it, and nobody
-- waits for it but its submitter. It is claimed and ended just as any other (`take.lua`, `ending.lua`), but
-- no table is made of it, which is most of what a record of a batch costs. `false` means that the case is
-- another one, and that nothing was done.
-- What is local to the rest of it stands in a block: a chunk of Lua may have 200 locals.
local take_plain, end_plain
do
  local FENCE_SIZE, SEQ_FROM, SEQ_TO, NOTIFY_FROM, HAVE_FROM, SIZES_FROM, HISTORY_FROM, REST_FROM =
    36, 37, 44, 53, 61, 63, 69, 73
  local FRESH = '>BBBBc8c8c8c8'
  local TAKEN = '>BBBBI4I4c8c8c8'

  -- A parent and a fingerprint of the arguments are nothing that a claim or an end has to look at.
  local function is_usual(have)
    return have == 0 or have == PRINT or have == PARENT or have == PARENT + PRINT
  end

  local function size_of_usual(have)
    return (have >= PRINT and 32 or 0) + have % 2 * 16
  end

  -- What all claims of a call have in common, by lane: how a record begins before and afterwards, and the
  -- lines of history between.
  local function phrases_of(request, lane)
    local phrases = request.phrases[lane]
    if not phrases then
      local starts = request.start == START_ALL
      local status, history = starts and RUNNING or PENDING, pack('>BI7c8', PENDING, NOW, request.worker)
      if starts then
        history = history .. pack('>BI7c8', RUNNING, NOW, request.worker)
      end
      phrases = {
        fresh = pack(FRESH, REGISTERED, QUEUED, lane, 0, NOBODY, NOBODY, NOBODY, NOBODY),
        taken = pack(TAKEN, status, 0, lane, 0, 1, 0, request.nonce, request.worker, NOBODY),
        history = history,
        history_size = pack('>I4', EVENT_SIZE + #history),
        status = status,
        queue = 'q' .. lane,
      }
      request.phrases[lane] = phrases
    end
    return phrases
  end

  -- Claim it; the record as it is then.
  function take_plain(request, lane, id)
    local text = texts[id]
    local phrases = phrases_of(request, lane)
    if not text or sub(text, 1, FENCE_SIZE) ~= phrases.fresh then
      return false
    end
    local have = byte(text, HAVE_FROM)
    local task_size, payload_size, history_size = parse('>I2I4I4', text, SIZES_FROM)
    local task_from = HEAD_SIZE + size_of_usual(have)
    if not is_usual(have) or history_size ~= EVENT_SIZE or #text ~= task_from + task_size + payload_size + history_size
      or not request.knows(sub(text, task_from + 1, task_from + task_size)) then
      return false
    end
    local order = pack('>I8', next_order(request.limit))
    local now = phrases.taken .. sub(text, SEQ_FROM, SEQ_TO) .. order .. sub(text, NOTIFY_FROM, HISTORY_FROM - 1)
      .. phrases.history_size .. sub(text, REST_FROM) .. phrases.history
    rewrite(id, now)
    count(REGISTERED, -1)
    count(phrases.status, 1)
    count(phrases.queue, -1)
    leases[#leases + 1] = request.deadline
    leases[#leases + 1] = order .. id
    return now
  end

  -- End a run, of that attempt and nonce, by `to` with `value`.
  function end_plain(id, its_attempt, its_nonce, token, to, ran, value, bytes)
    local text = texts[id]
    if not text or #text < HEAD_SIZE or #value > LARGE_SIZE then
      return false
    end
    local status, flags, lane, losses, attempt, retries, nonce, worker, earlier, seq, order, notified, have, left,
      task_size, payload_size, history_size = parse(HEAD, text)
    local told = HEAD_SIZE + size_of_usual(have) + task_size + payload_size + history_size
    local starts = status == PENDING and ran > 0
    if flags ~= 0 or not is_usual(have) or left ~= LEFT_NOTHING or payload_size > KEPT_PAYLOAD_SIZE or told ~= #text
      or history_size >= MOST_EVENTS * EVENT_SIZE or earlier == token or (status ~= RUNNING and not starts)
      or attempt ~= its_attempt or nonce ~= its_nonce or not may_move(RUNNING, to) then
      return false
    end
    local history = pack('>BI7c8', to, NOW, worker)
    if starts then
      history = pack('>BI7c8', RUNNING, NOW - ran + 1, worker) .. history
    end
    local head = pack(HEAD, to, 0, lane, losses, attempt, retries, nonce, NOBODY, token, seq, order, NOBODY, have,
      LEFT_VALUE, task_size, payload_size, history_size + #history, bytes)
    rewrite(id, head .. sub(text, HEAD_SIZE + 1) .. history .. value)
    count(status, -1)
    count(to, 1)
    release(worker, pack('>I8', order) .. id)
    note_end(id, bytes)
    if notified ~= NOBODY then
      notify(notified, end_notice(id, to, losses, LEFT_VALUE, value))
    end
    return true
  end
end
