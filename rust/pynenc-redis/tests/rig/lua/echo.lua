-- Returns the prefix and its arguments, and counts the calls of each first argument.
return function(KEYS, ARGV)
  redis.call('HINCRBY', KEYS[1] .. 'calls', ARGV[1], 1)
  local out = {KEYS[1]}
  for i = 1, #ARGV do
    out[i + 1] = ARGV[i]
  end
  return out
end
