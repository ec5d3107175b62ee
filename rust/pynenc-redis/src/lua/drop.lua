-- Drop the records of the ids in ARGV[2], wherever they stand: those who wait are told, those who
-- hold them are refused from now on. How many the caller whose nonce is ARGV[3] has dropped in all: the sum stands
-- here until the end of the purge, so a request that is sent again, and finds nothing left to drop, is told the same.
return function(ARGV)
  local REMEMBERED_MS = 600000
  local dropped = 0
  for at = 1, #ARGV[2], 16 do
    local r = load(sub(ARGV[2], at, at + 15))
    if r then
      leave_lines(r)
      if yes(HELD, r.status) then
        unhold(r)
        forget_awaited(r)
      end
      unregister(r)
      free_key(r)
      tell(r, pack('>Bc16', NOTICE.dropped, r.id))
      drop_record(r)
      dropped = dropped + 1
    end
  end
  write_released()
  write_names()
  -- With nothing queued, or nothing kept, what their lists still name is gone.
  for lane = 0, 1 do
    if numbers()[AT.queued + lane] == 0 then
      call('DEL', FRESH[lane])
    end
  end
  if kept() == 0 then
    call('DEL', P .. 'ret')
    count(AT.oldest, -numbers()[AT.oldest])
  end
  write_changes()
  write_tokens()
  send_notices()
  local sum = P .. 'd:' .. ARGV[3]
  local all = call('INCRBY', sum, dropped)
  call('PEXPIRE', sum, REMEMBERED_MS)
  return all
end
