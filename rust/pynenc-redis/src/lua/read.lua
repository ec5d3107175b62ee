-- One record, with what lies apart from it: the record, its payload, what it waits for, and the
-- names of the workers of its history in its order.
return function(ARGV)
  local r = glance(ARGV[2])
  if not r then
    return MISSING
  end
  local apart = band(r.have, LARGE_PAYLOAD) ~= 0
  local answer = {
    written(r),
    apart and call('GET', P .. 'p:' .. r.id) or '',
    r.status == PAUSED and call('GET', P .. 'aw:' .. r.id) or '',
  }
  local at = offset(r, LARGE_PAYLOAD) + r.task_size + r.payload_size
  local names = { [NOBODY] = '' }
  for i = 1, r.history_size / EVENT_SIZE do
    local worker = sub(r.body, at + 9, at + EVENT_SIZE)
    names[worker] = names[worker] or call('HGET', P .. 'w:' .. worker, 'name') or ''
    answer[#answer + 1] = names[worker]
    at = at + EVENT_SIZE
  end
  return answer
end
