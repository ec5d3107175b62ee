-- The bodies begin: from here on equal calls are new ones. ARGV[2] is the token of this call.
return function(ARGV)
  local answer = {}
  for i = 3, #ARGV do
    local id, attempt, nonce = parse('>c16I4c8', ARGV[i])
    local r = load(id)
    local told = DONE
    if not r then
      told = MISSING
    elseif r.token ~= ARGV[2] then
      if not holds(r, attempt, nonce) then
        told = FENCED + r.status
      elseif r.status ~= PENDING then
        told = TRANSITION + r.status * 100 + RUNNING
      else
        start(r)
        r.token = ARGV[2]
        save(r)
      end
    end
    answer[i - 2] = told
  end
  write_changes()
  return answer
end
