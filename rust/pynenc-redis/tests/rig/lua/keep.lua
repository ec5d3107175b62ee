return function(KEYS, ARGV)
  redis.call('SET', KEYS[1] .. 'kept', ARGV[1])
  return 'kept'
end
