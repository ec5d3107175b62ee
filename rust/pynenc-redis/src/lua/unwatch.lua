-- The process ARGV[2] does not want to be told of the ends of ARGV[3] any more.
return function(ARGV)
  for at = 1, #ARGV[3], 16 do
    local r = load(sub(ARGV[3], at, at + 15))
    if r and r.notify == ARGV[2] then
      call('SETRANGE', P .. 'i:' .. r.id, NOTIFY_AT, NOBODY)
    elseif r and has(r, WATCHED) then
      call('SREM', P .. 'ws:' .. r.id, ARGV[2])
      if call('EXISTS', P .. 'ws:' .. r.id) == 0 then
        clear(r, WATCHED)
        save_flags(r)
      end
    end
  end
  return 0
end
