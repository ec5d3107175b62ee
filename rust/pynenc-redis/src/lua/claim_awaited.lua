-- Give a waiter the queued invocation that it awaits, started; the waiter is paused until it goes
-- on. The answer is a number when the waiter may not, and an empty list when it cannot run now.
return function(ARGV)
  local id, attempt, nonce, target, claim_nonce = parse('>c16I4c8c16c8', ARGV[2])
  local SYNC = 0
  local answer = {}

  local waiter = load(id)
  if not waiter then
    return MISSING
  end
  local r = load(target)
  if r and r.nonce == claim_nonce and r.worker == waiter.worker and yes(HELD, r.status) then
    add_to_answer(answer, r)
    return answer
  end
  if not holds(waiter, attempt, nonce) then
    return FENCED + waiter.status
  end
  local known = call('HMGET', P .. 'w:' .. waiter.worker, 'd', 'all')
  local deadline, request = tonumber(known[1]), { worker = waiter.worker, takes_all = known[2] == '1' }
  if not r or not deadline or r.lane ~= SYNC or not has(r, QUEUED) or target == id or holder_of(r)
    or not knows(request, task_of(r)) then
    return answer
  end
  if waiter.status ~= PAUSED and not move(waiter, PAUSED) then
    return TRANSITION + waiter.status * 100 + PAUSED
  end
  call('SET', P .. 'aw:' .. id, target)
  save(waiter)
  dequeue(r)
  set(r, AWAITED)
  take(r, waiter.worker, claim_nonce, deadline, true)
  write_leases(waiter.worker)
  add_to_answer(answer, r)
  write_changes()
  return answer
end
