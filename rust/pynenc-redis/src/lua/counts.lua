-- How many there are of each status, then how many are queued in each lane.
return function(KEYS, ARGV)
  begin(KEYS, ARGV)
  local fields = {}
  for status = 1, #FINAL do
    fields[status] = status - 1
  end
  fields[#fields + 1] = 'q0'
  fields[#fields + 1] = 'q1'
  local answer = call('HMGET', P .. 'n', unpack(fields))
  for i = 1, #fields do
    answer[i] = tonumber(answer[i]) or 0
  end
  return answer
end
