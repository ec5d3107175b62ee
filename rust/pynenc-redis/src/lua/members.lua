-- What the records of the members of the bundle of the family ARGV[2] would be: id and record.
return function(ARGV)
  local answer = {}
  for _, id in ipairs(bundle.ids_of_family(ARGV[2])) do
    if glance(id) then
      answer[#answer + 1] = id
      answer[#answer + 1] = texts[id]
    end
  end
  return answer
end
