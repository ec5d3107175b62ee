-- The records of the ids in ARGV[2]; an empty text for one that is not there.
return function(KEYS, ARGV)
  begin(KEYS, ARGV)
  local answer = {}
  for at = 1, #ARGV[2], 16 do
    answer[#answer + 1] = call('GET', P .. 'i:' .. sub(ARGV[2], at, at + 15)) or ''
  end
  return answer
end
