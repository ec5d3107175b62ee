-- Call an invocation off: at once unless its body runs, and then its holder is asked. ARGV[3] is
-- the token of this call.
return function(ARGV)
  local IS_CANCELLED, IS_REQUESTED, IS_FINAL = 1, 2, 3
  local r = load(ARGV[2])
  if not r then
    return MISSING
  end
  if r.token == ARGV[3] then
    return IS_CANCELLED
  end
  if yes(FINAL, r.status) then
    return IS_FINAL
  end
  if r.status == RUNNING or r.status == PAUSED then
    set(r, CANCEL)
    save_flags(r)
    local client = call('HGET', P .. 'w:' .. r.worker, 'client')
    if client and client ~= NOBODY then
      mail.add(client, pack('>Bc16', NOTICE.cancel, r.id))
    end
    send_notices()
    return IS_REQUESTED
  end
  r.token = ARGV[3]
  finish(r, CANCELLED, nil, 0)
  write_all()
  return IS_CANCELLED
end
