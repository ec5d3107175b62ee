-- The usual case, done on the text of the record: it is under no rule, nothing was asked of it, and nobody
-- waits for it but its submitter. It is claimed and ended just as any other (`take.lua`, `ending.lua`), but
-- no table is made of it, which is most of what a record of a batch costs. `false` means that the case is
-- another one, and that nothing was done.
-- What is local to the rest of it stands in a block: a chunk of Lua may have 200 locals.
local take_plain, end_plain
do
  -- What claims and ends change of a record, and by what they know how, is its beginning, and all records of a batch
  -- begin alike: so it is compared, and put before the rest, as a whole.
  local FRONT, FRONT_SIZE = '>BBBBI4I4c8c8c8BI4I8c8B', 58
  local ORDER_FROM, SEQ_FROM, SIZES_FROM = 59, 67, 75

  -- A parent and a fingerprint of the arguments are nothing that a claim or an end has to look at.
  local function is_usual(have)
    return have == PRINT or have == 0 or have == PARENT + PRINT or have == PARENT
  end

  -- What all records have in common that begin so; `false` for those that go another way.
  local function beginning_of(front)
    local status, flags, lane, losses, attempt, retries, nonce, worker, token, left, history_size, _, notified, have =
      parse(FRONT, front)
    local usual = is_usual(have) and left == LEFT_NOTHING and history_size < (MOST_EVENTS - 1) * EVENT_SIZE
    local is_fresh = status == REGISTERED and flags == QUEUED and attempt == 0
    local runs = (status == RUNNING or status == PENDING) and flags == 0
    local beginning = usual and (is_fresh or runs) and {
      status = status, lane = lane, losses = losses, attempt = attempt, retries = retries, nonce = nonce,
      worker = worker, token = token, history_size = history_size, notified = notified, have = have,
      is_fresh = is_fresh, body_from = HEAD_SIZE + (have >= PRINT and 32 or 0) + have % 2 * 16,
    }
    beginnings[front] = beginning
    return beginning
  end

  local function beginning(text)
    if not text or #text < HEAD_SIZE then
      return false
    end
    local front = sub(text, 1, FRONT_SIZE)
    local b = beginnings[front]
    if b == nil then
      b = beginning_of(front)
    end
    return b
  end

  -- How many moved so, counted at once (`count_plain`).
  local function note_move(from, to)
    local move = { from = from, to = to, times = 0, bytes = 0 }
    moves[#moves + 1] = move
    return move
  end

  -- How a record goes on that is claimed: all before its place within the claim, and the lines of history.
  local function claim_of(b, request)
    local starts = request.start == START_ALL
    local status, history = starts and RUNNING or PENDING, history_line(PENDING, NOW, request.worker)
    if starts then
      history = history .. history_line(RUNNING, NOW, request.worker)
    end
    local claim = note_move(b.status, status)
    claim.lane = b.lane
    claim.order = pack('>I6', number_of_claim())
    claim.front = pack(FRONT, status, 0, b.lane, b.losses, 1, b.retries, request.nonce, request.worker, NOBODY,
      LEFT_NOTHING, b.history_size + #history, 0, b.notified, b.have) .. claim.order
    claim.history = history
    b.claim = claim
    return claim
  end

  -- Claim it; the record as it is then.
  function take_plain(request, lane, id)
    local text = texts[id]
    local b = beginning(text)
    if not b or not b.is_fresh or b.lane ~= lane then
      return false
    end
    local task_size, payload_size = parse('>I2I4', text, SIZES_FROM)
    if #text ~= b.body_from + task_size + payload_size + b.history_size
      or not (request.takes_all or request.knows(sub(text, b.body_from + 1, b.body_from + task_size))) then
      return false
    end
    local claim = b.claim or claim_of(b, request)
    claim.times = claim.times + 1
    taken = taken + 1
    local place = two_bytes(taken)
    local now = claim.front .. place .. sub(text, SEQ_FROM) .. claim.history
    rewrite(id, now)
    local last = #leases
    leases[last + 1], leases[last + 2] = request.deadline, claim.order .. place .. id
    return now
  end

  -- How a record goes on that ends by `to`: all before its token, what is between the token and its bytes, what
  -- is between those and the order of its claim, and its last line of history; and by the size of its value, what a
  -- notice has behind the id.
  local function ending_of(b, to)
    local lines = b.status == PENDING and 2 or 1
    local ending = note_move(b.status, to)
    ending.head = pack('>BBBBI4I4c8c8', to, 0, b.lane, b.losses, b.attempt, b.retries, b.nonce, NOBODY)
    ending.left = pack('>BI4', LEFT_VALUE, b.history_size + lines * EVENT_SIZE)
    ending.told_to = NOBODY .. string.char(b.have)
    ending.line = history_line(to, NOW, b.worker)
    ending.notices = {}
    b[to] = ending
    return ending
  end

  local function notice_of(id, b, to, ending, value)
    local told = ending.notices[#value]
    if not told then
      told = told_of_end(to, b.losses, LEFT_VALUE, #value)
      ending.notices[#value] = told
    end
    return ENDED_NOTICE .. id .. told .. value
  end

  -- Whether the payload is small enough to be kept; mostly the whole record is.
  local function is_small(text)
    return #text <= KEPT_PAYLOAD_SIZE or parse('>I4', text, SIZES_FROM + 2) <= KEPT_PAYLOAD_SIZE
  end

  -- End a run, of that attempt and nonce, by `to` with `value`.
  function end_plain(id, attempt, nonce, token, to, ran, value, bytes)
    local text = texts[id]
    local b = beginning(text)
    local starts = b and b.status == PENDING
    if not b or b.nonce ~= nonce or b.attempt ~= attempt or b.token == token or b.is_fresh or starts and ran == 0
      or #value > LARGE_SIZE or not is_small(text) then
      return false
    end
    local ending = b[to] or ending_of(b, to)
    ending.times, ending.bytes = ending.times + 1, ending.bytes + bytes
    local line = ending.line
    if starts then
      line = history_line(RUNNING, NOW - ran + 1, b.worker) .. line
    end
    rewrite(id, ending.head .. token .. ending.left .. eight_bytes(bytes) .. ending.told_to .. sub(text, ORDER_FROM)
      .. line .. value)
    release(b.worker, sub(text, ORDER_FROM, SEQ_FROM - 1) .. id)
    note_end(id)
    if b.notified ~= NOBODY then
      notify(b.notified, notice_of(id, b, to, ending, value))
    end
    return true
  end
end
