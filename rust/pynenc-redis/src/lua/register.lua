-- A worker, with a lease from now on: ARGV[2] is its id, ARGV[3] its name, ARGV[4] the process that
-- is told what it is asked, and then the names of the tasks that it knows; with none, it takes every
-- task.
return function(ARGV)
  local worker = ARGV[2]
  local known = P .. 'w:' .. worker
  local number = tonumber(call('HGET', known, 'no'))
  if not number then
    count(AT.worker, 1)
    number = numbers()[AT.worker]
  end
  local deadline = NOW + limits.lease
  call('HSET', known, 'no', number, 'name', ARGV[3], 'client', ARGV[4], 'd', deadline, 'all', #ARGV == 4 and 1 or 0)
  for i = 5, #ARGV do
    call('SADD', P .. 'wt:' .. worker, ARGV[i])
  end
  lease.keep_wide(worker)
  lease.look_again(worker, number, deadline)
  lease.note_life()
  write_changes()
  return number
end
