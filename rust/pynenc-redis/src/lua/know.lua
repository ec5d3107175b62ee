-- A worker knows more tasks: what was parked for want of one that knows them may be claimed now.
return function(ARGV)
  local worker = ARGV[2]
  if call('HEXISTS', P .. 'w:' .. worker, 'd') == 0 then
    return 0
  end
  for i = 3, #ARGV do
    call('SADD', P .. 'wt:' .. worker, ARGV[i])
  end
  for _, task in ipairs(call('SMEMBERS', P .. 'pkt')) do
    wake(tonumber(sub(task, 1, 1)), 1)
  end
  write_tokens()
  return 1
end
