-- The invocation ARGV[2], then each ancestor in turn that waits for the one before: id and record.
-- The first answer says whether the line is longer than it is followed.
return function(ARGV)
  local answer = { 0 }
  local id = ARGV[2]
  for link = 0, limits.links do
    local r = id and glance(id)
    if not r or (link > 0 and r.status ~= PAUSED) then
      return answer
    end
    answer[#answer + 1] = id
    answer[#answer + 1] = written(r)
    id = part(r, PARENT)
  end
  answer[1] = 1
  return answer
end
