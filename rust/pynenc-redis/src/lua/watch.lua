-- How the invocations ended, and for those that have not: have the process ARGV[2], if there is
-- one, told of it. ARGV[3] holds the ids. Three answers each: status, losses and what is left; the
-- first is -1 for one that is not there.
return function(ARGV)
  local answer = {}
  for at = 1, #ARGV[3], 16 do
    local id = sub(ARGV[3], at, at + 15)
    local r = glance(id)
    if r and r.notify ~= ARGV[2] and not yes(FINAL, r.status) then
      r = load(id)
    end
    local value = ''
    if r and (r.left == LEFT.value or r.left == LEFT.lost) then
      value = sub(r.body, offset(r, LARGE_PAYLOAD) + r.task_size + r.payload_size + r.history_size + 1)
    elseif r and r.left == LEFT.large then
      value = call('GET', P .. 'o:' .. r.id) or ''
    elseif r and not yes(FINAL, r.status) and ARGV[2] ~= '' then
      add_watcher(r, ARGV[2])
    end
    answer[#answer + 1] = r and r.status or -1
    answer[#answer + 1] = r and r.left * 1000 + r.losses or 0
    answer[#answer + 1] = value
  end
  return answer
end
