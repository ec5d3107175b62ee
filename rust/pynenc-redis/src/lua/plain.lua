-- The usual case, done on the text of the record: it is under no rule, nothing was asked of it, and nobody
-- waits for it but its submitter. It is claimed and ended just as any other (`take.lua`, `ending.lua`), but
-- no table is made of it, which is most of what a record of a batch costs. `false` means that the case is
-- another one, and that nothing was done.
-- What is local to the rest of it stands in a block: a chunk of Lua may have 200 locals.
local take_plain, count_plain, end_plain
do
  -- What claims and ends change of a record is its beginning, and all records of a batch begin alike: so it is
  -- compared, and put before the rest, as a whole.
  local FRONT, FRONT_SIZE = '>BBBBI4I4c8c8c8BI4I8', 49
  local ORDER_FROM, SEQ_FROM, NOTIFY_FROM, HAVE_FROM = 50, 58, 66, 74
  local SIZES = '>BI2I4'

  -- A parent and a fingerprint of the arguments are nothing that a claim or an end has to look at.
  local function is_usual(have)
    return have == PRINT or have == 0 or have == PARENT + PRINT or have == PARENT
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
        fresh = pack(FRONT, REGISTERED, QUEUED, lane, 0, 0, 0, NOBODY, NOBODY, NOBODY, LEFT_NOTHING, EVENT_SIZE, 0),
        order = pack('>I6', number_of_claim()),
        history = history,
        status = status,
        count = 0,
      }
      phrases.taken = pack(FRONT, status, 0, lane, 0, 1, 0, request.nonce, request.worker, NOBODY, LEFT_NOTHING,
        EVENT_SIZE + #history, 0) .. phrases.order
      request.phrases[lane] = phrases
    end
    return phrases
  end

  -- Claim it; the record as it is then.
  function take_plain(request, lane, id)
    local text = texts[id]
    local phrases = request.phrases[lane] or phrases_of(request, lane)
    if not text or sub(text, 1, FRONT_SIZE) ~= phrases.fresh then
      return false
    end
    local have, task_size, payload_size = parse(SIZES, text, HAVE_FROM)
    local task_from = HEAD_SIZE + size_of_usual(have)
    if not is_usual(have) or #text ~= task_from + task_size + payload_size + EVENT_SIZE
      or not (request.takes_all or request.knows(sub(text, task_from + 1, task_from + task_size))) then
      return false
    end
    taken = taken + 1
    local place = two_bytes(taken)
    local now = phrases.taken .. place .. sub(text, SEQ_FROM) .. phrases.history
    rewrite(id, now)
    phrases.count = phrases.count + 1
    local last = #leases
    leases[last + 1], leases[last + 2] = request.deadline, phrases.order .. place .. id
    return now
  end

  -- What was claimed so is counted at once.
  function count_plain(request, lane)
    local phrases = request.phrases[lane]
    if phrases and phrases.count > 0 then
      count_status(REGISTERED, -phrases.count)
      count_status(phrases.status, phrases.count)
      count(AT.queued + lane, -phrases.count)
      phrases.count = 0
    end
  end

  -- What all records have in common that begin alike, for the ends of their runs.
  local function beginning_of(front)
    local status, flags, lane, losses, attempt, retries, nonce, worker, token, left, history_size = parse(FRONT, front)
    local runs = (status == RUNNING or status == PENDING) and flags == 0 and left == LEFT_NOTHING
      and history_size < (MOST_EVENTS - 1) * EVENT_SIZE
    local beginning = runs and {
      status = status, lane = lane, losses = losses, attempt = attempt, retries = retries, nonce = nonce,
      worker = worker, token = token, history_size = history_size,
    }
    beginnings[front] = beginning
    return beginning
  end

  -- How a record goes on from there when it ends by `to`: all before its token, what is between the token and
  -- its bytes, and its last line of history; and by the size of its value, what a notice has behind the id.
  local function ending_of(b, to)
    local starts = b.status == PENDING
    local ending = {
      head = pack('>BBBBI4I4c8c8', to, 0, b.lane, b.losses, b.attempt, b.retries, b.nonce, NOBODY),
      left = pack('>BI4', LEFT_VALUE, b.history_size + (starts and 2 or 1) * EVENT_SIZE),
      line = pack('>BI7c8', to, NOW, b.worker),
      told = {},
    }
    b[to] = ending
    return ending
  end

  local function notice_of(id, b, to, ending, value)
    local told = ending.told[#value]
    if not told then
      told = pack('>BBBI4', to, b.losses, LEFT_VALUE, #value)
      ending.told[#value] = told
    end
    return NOTICE_OF_END .. id .. told .. value
  end

  -- End a run, of that attempt and nonce, by `to` with `value`.
  function end_plain(id, attempt, nonce, token, to, ran, value, bytes)
    local text = texts[id]
    if not text or #text < HEAD_SIZE or #value > LARGE_SIZE then
      return false
    end
    local front = sub(text, 1, FRONT_SIZE)
    local b = beginnings[front]
    if b == nil then
      b = beginning_of(front)
    end
    local starts = b and b.status == PENDING
    if not b or b.attempt ~= attempt or b.nonce ~= nonce or b.token == token or starts and ran == 0 then
      return false
    end
    local have, task_size, payload_size = parse(SIZES, text, HAVE_FROM)
    local told = HEAD_SIZE + size_of_usual(have) + task_size + payload_size + b.history_size
    if not is_usual(have) or payload_size > KEPT_PAYLOAD_SIZE or told ~= #text then
      return false
    end
    local ending = b[to] or ending_of(b, to)
    local line = ending.line
    if starts then
      line = pack('>BI7c8', RUNNING, NOW - ran + 1, b.worker) .. line
    end
    rewrite(id, ending.head .. token .. ending.left .. eight_bytes(bytes) .. sub(text, ORDER_FROM) .. line .. value)
    count_status(b.status, -1)
    count_status(to, 1)
    release(b.worker, sub(text, ORDER_FROM, SEQ_FROM - 1) .. id)
    note_end(id, bytes)
    local notified = sub(text, NOTIFY_FROM, HAVE_FROM - 1)
    if notified ~= NOBODY then
      notify(notified, notice_of(id, b, to, ending, value))
    end
    return true
  end
end
