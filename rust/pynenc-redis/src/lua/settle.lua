-- What a holder says of the run that it ends. Every answer is a number: done, or why not.
local resume, start, settle, settle_together
do
  local SUCCEEDED, RAISED, CALLED_OFF, TRY_AGAIN, HANDED_BACK = 1, 2, 3, 4, 5
  local OF_WAITER = 100000
  -- Of the run that ends, and of the waiter that goes on by that.
  local RUN, WAITER, WAITER_AT, SETTLEMENT_SIZE = '>c16I4c8c8BI8I8I8B', '>c16I4c8', 63, 90
  local FINAL_OF = { SUCCESS, FAILED, CANCELLED }

  -- With `again` the answer of the first time is given again, and nothing is done.
  function resume(waiter, attempt, nonce, token, again)
    local r = load(waiter)
    if not r then
      return MISSING
    end
    if r.token == token then
      return DONE
    end
    if not holds(r, attempt, nonce) then
      return FENCED + r.status
    end
    if r.status ~= PAUSED then
      return TRANSITION + r.status * 100 + RUNNING
    end
    if not again then
      move(r, RUNNING)
      r.token = token
      forget_awaited(r)
      save(r)
    end
    return DONE
  end

  function start(r, at)
    move(r, RUNNING, at)
    unregister(r)
  end

  local function go_back(r, kind, delay)
    if call_off_asked(r) then
      return
    end
    let_go(r, kind == TRY_AGAIN and RETRY or REROUTED)
    if kind == TRY_AGAIN then
      r.retries = r.retries + 1
    end
    if kind == TRY_AGAIN and delay > 0 then
      delay_until(r, NOW + delay)
    else
      enqueue(r)
    end
    save(r)
  end

  -- End the run of a held record; a number when that cannot be.
  local function end_run(r, kind, ran, delay, value, bytes, blobs)
    local to = FINAL_OF[kind] or (kind == TRY_AGAIN and RETRY or REROUTED)
    local starts = r.status == PENDING and ran > 0
    local from = starts and RUNNING or r.status
    if not may_move(from, to) and not (has(r, CANCEL) and not FINAL_OF[kind]) then
      return TRANSITION + from * 100 + to
    end
    if lacking(blobs) ~= '' then
      return LACKING
    end
    if starts then
      start(r, NOW - ran + 1)
    end
    if FINAL_OF[kind] then
      finish(r, to, kind ~= CALLED_OFF and value or nil, bytes, nil, blobs)
    else
      go_back(r, kind, delay)
    end
    return DONE
  end

  -- Several of one claim: one answer for all when they are of one bundle, else an answer each.
  function settle_together(text, said)
    local nonce, starts_all, succeeded, bytes, at = parse('>c8BI2I8', text)
    local entry = sub(text, at)
    if bundle.end_together(nonce, starts_all == 1, succeeded, bytes, entry, said) then
      return DONE
    end
    local told, ids = {}, bundle.ids_of(entry)
    fetch(ids)
    bundle.each_end(said, 1, #said, function(_, token, kind, ran, bytes, value)
      local number = #told + 1
      local run = pack(RUN, ids[number], 1, nonce, token, kind, ran, 0, bytes, 0)
      told[number] = settle(run .. string.rep('\0', SETTLEMENT_SIZE - #run), value)
    end)
    return told
  end

  function settle(text, value)
    local id, attempt, nonce, token, kind, ran, delay, bytes, resumes = parse(RUN, text)
    local usual = resumes == 0 and (kind == SUCCEEDED or kind == RAISED) and #text == SETTLEMENT_SIZE
    if usual and records[id] == nil and end_plain(id, attempt, nonce, token, FINAL_OF[kind], ran, value, bytes) then
      return DONE
    end
    local r = load(id)
    if not r then
      return MISSING
    end
    local waiter, waiter_attempt, waiter_nonce = parse(WAITER, text, WAITER_AT)
    local again = r.token == token
    if not again then
      if not holds(r, attempt, nonce) then
        return FENCED + r.status
      end
      local told = end_run(r, kind, ran, delay, value, bytes, sub(text, SETTLEMENT_SIZE + 1))
      if told ~= DONE then
        return told
      end
      r.token = token
    end
    local told = resumes == 1 and resume(waiter, waiter_attempt, waiter_nonce, token, again) or DONE
    return told == DONE and DONE or told + OF_WAITER
  end
end
