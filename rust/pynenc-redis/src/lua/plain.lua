-- The usual case, done on the text of the record: it is under no rule, nothing was asked of it, and nobody
-- waits for it but its submitter. It is claimed and ended just as any other (`take.lua`, `ending.lua`), but
-- no table is made of it, which is most of what a record of a batch costs. `false` means that the case is
-- another one, and that nothing was done.
-- What is local to the rest of it stands in a block: a chunk of Lua may have 200 locals.
local take_plain, end_plain
do
  local ORDER_FROM, SEQ_FROM, SIZES_FROM = 59, 67, 75

  -- What claims and ends change of a record, and by what they know how, is its beginning: a kind, in the middle of
  -- which stand the nonce, the worker and the token of the one that holds it. There are few kinds, and they come again
  -- and again, from call to call: what is made of one is kept.
  local beginning
  do
    local KIND = '>BBBBI4I4BI4I8c8B'
    local NONCE_FROM, WORKER_FROM, TOKEN_FROM, LEFT_FROM, FRONT_SIZE = 13, 21, 29, 37, 58
    local MOST_KINDS = 1000
    local kinds, kinds_kept = {}, 0

    -- All records of a batch begin alike: the latest beginning, and what it says.
    local last_front, last = nil, {}

    -- A parent and a fingerprint of the arguments are nothing that a claim or an end has to look at.
    local function is_usual(have)
      return have == PRINT or have == 0 or have == PARENT + PRINT or have == PARENT
    end

    -- `false` for those that go another way.
    local function kind_of(text)
      local status, flags, lane, losses, attempt, retries, left, history_size, _, notified, have = parse(KIND, text)
      local usual = is_usual(have) and left == LEFT.nothing and history_size < (MOST_EVENTS - 1) * EVENT_SIZE
      local is_fresh = status == REGISTERED and flags == QUEUED and attempt == 0
      local runs = (status == RUNNING or status == PENDING) and flags == 0
      return usual and (is_fresh or runs) and {
        status = status, lane = lane, losses = losses, attempt = attempt, retries = retries,
        history_size = history_size, notified = notified, have = have,
        is_fresh = is_fresh, body_from = HEAD_SIZE + (have >= PRINT and 32 or 0) + have % 2 * 16,
      }
    end

    local function known_kind(text)
      local kind = kinds[text]
      if kind == nil then
        if kinds_kept == MOST_KINDS then
          kinds, kinds_kept = {}, 0
        end
        kind = kind_of(text)
        kinds[text], kinds_kept = kind, kinds_kept + 1
      end
      return kind
    end

    -- How it begins: its kind, and who holds it; `false` when it goes another way.
    function beginning(text)
      if not text or #text < HEAD_SIZE then
        return false
      end
      local front = sub(text, 1, FRONT_SIZE)
      if front ~= last_front then
        last_front = front
        last.kind = known_kind(sub(front, 1, NONCE_FROM - 1) .. sub(front, LEFT_FROM))
        last.nonce, last.worker = sub(front, NONCE_FROM, WORKER_FROM - 1), sub(front, WORKER_FROM, TOKEN_FROM - 1)
        last.token = sub(front, TOKEN_FROM, LEFT_FROM - 1)
      end
      return last.kind and last
    end
  end

  -- A move that records of a kind make, kept with the kind; how many make it is counted at once (`count_plain`).
  local function move_of(kind, to)
    local move = { from = kind.status, to = to, times = 0, bytes = 0 }
    kind[to] = move
    return move
  end

  local function note_move(move, bytes)
    if move.times == 0 then
      moves[#moves + 1] = move
    end
    move.times, move.bytes = move.times + 1, move.bytes + bytes
  end

  do
    -- A claim: what comes before the nonce, and what between the token and the order of the claim.
    local function claim_of(kind, to)
      local lines = to == RUNNING and 2 or 1
      local claim = move_of(kind, to)
      claim.lane = kind.lane
      claim.head = pack('>BBBBI4I4', to, 0, kind.lane, kind.losses, 1, kind.retries)
      claim.tail = NOBODY .. pack('>BI4I8c8B', LEFT.nothing, kind.history_size + lines * EVENT_SIZE, 0, kind.notified,
        kind.have)
      return claim
    end

    -- What all that one request claims have in common: all before the place within the claim, and the lines of history.
    local function claim_by(request, kind)
      local to = request.start == START.all and RUNNING or PENDING
      local claim = kind[to] or claim_of(kind, to)
      if claim.request ~= request then
        claim.request = request
        claim.order = pack('>I6', number_of_claim())
        claim.front = claim.head .. request.nonce .. request.worker .. claim.tail .. claim.order
        claim.history = history_line(PENDING, NOW, request.worker)
        if to == RUNNING then
          claim.history = claim.history .. history_line(RUNNING, NOW, request.worker)
        end
      end
      return claim
    end

    -- Claim it; the record as it is then.
    function take_plain(request, lane, id)
      local text = texts[id]
      local b = beginning(text)
      local kind = b and b.kind
      if not kind or not kind.is_fresh or kind.lane ~= lane then
        return false
      end
      local task_size, payload_size = parse('>I2I4', text, SIZES_FROM)
      if #text ~= kind.body_from + task_size + payload_size + kind.history_size
        or not knows(request, sub(text, kind.body_from + 1, kind.body_from + task_size)) then
        return false
      end
      local claim = claim_by(request, kind)
      note_move(claim, 0)
      taken = taken + 1
      local place = two_bytes(taken)
      local now = claim.front .. place .. sub(text, SEQ_FROM) .. claim.history
      rewrite(id, now)
      local last = #leases
      leases[last + 1], leases[last + 2] = request.deadline, claim.order .. place .. id
      return now
    end
  end

  do
    -- An end: what comes before the nonce, what between the token and the bytes, and between those and the order of
    -- the claim.
    local function ending_of(kind, to)
      local lines = kind.status == PENDING and 2 or 1
      local ending = move_of(kind, to)
      ending.head = pack('>BBBBI4I4', to, 0, kind.lane, kind.losses, kind.attempt, kind.retries)
      ending.left = pack('>BI4', LEFT.value, kind.history_size + lines * EVENT_SIZE)
      ending.told_to = NOBODY .. string.char(kind.have)
      return ending
    end

    -- The last line of history, alike for all that one call ends.
    local function last_line(ending, worker)
      if ending.at ~= NOW or ending.worker ~= worker then
        ending.at, ending.worker, ending.line = NOW, worker, history_line(ending.to, NOW, worker)
      end
      return ending.line
    end

    local function notice_of(id, kind, ending, value)
      if ending.value_size ~= #value then
        ending.value_size, ending.told = #value, told_of_end(ending.to, kind.losses, LEFT.value, #value)
      end
      return NOTICE.ended .. id .. ending.told .. value
    end

    -- Whether the payload is small enough to be kept; mostly the whole record is.
    local function is_small(text)
      return #text <= KEPT_PAYLOAD_SIZE or parse('>I4', text, SIZES_FROM + 2) <= KEPT_PAYLOAD_SIZE
    end

    -- End a run, of that attempt and nonce, by `to` with `value`.
    function end_plain(id, attempt, nonce, token, to, ran, value, bytes)
      local text = texts[id]
      local b = beginning(text)
      local kind = b and b.kind
      local starts = kind and kind.status == PENDING
      if not kind or b.nonce ~= nonce or kind.attempt ~= attempt or b.token == token or kind.is_fresh
        or starts and ran == 0 or #value > LARGE_SIZE or not is_small(text) then
        return false
      end
      local ending = kind[to] or ending_of(kind, to)
      note_move(ending, bytes)
      local line = last_line(ending, b.worker)
      if starts then
        line = history_line(RUNNING, NOW - ran + 1, b.worker) .. line
      end
      rewrite(id, ending.head .. nonce .. NOBODY .. token .. ending.left .. eight_bytes(bytes) .. ending.told_to
        .. sub(text, ORDER_FROM) .. line .. value)
      released.add(b.worker, sub(text, ORDER_FROM, SEQ_FROM - 1) .. id)
      note_end(id)
      if kind.notified ~= NOBODY then
        mail.add(kind.notified, notice_of(id, kind, ending, value))
      end
      return true
    end
  end
end
