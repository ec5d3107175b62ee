#!lua flags=allow-oom
redis.call('SET', KEYS[1] .. 'kept', ARGV[1])
return 'kept'
