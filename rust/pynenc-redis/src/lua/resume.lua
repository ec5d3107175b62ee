-- The wait is over.
return function(ARGV)
  local id, attempt, nonce, token = parse('>c16I4c8c8', ARGV[2])
  local told = resume(id, attempt, nonce, token)
  write_changes()
  return told
end
