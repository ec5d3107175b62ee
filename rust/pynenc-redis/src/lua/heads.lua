-- The records of the ids in ARGV[2]; an empty text for one that is not there.
return function(ARGV)
  local answer = {}
  for at = 1, #ARGV[2], 16 do
    local id = sub(ARGV[2], at, at + 15)
    glance(id)
    answer[#answer + 1] = texts[id] or ''
  end
  return answer
end
