-- Some of what lies under one key of the app, from the place ARGV[3] on: its type, then elements;
-- of a sorted set each with its score.
return function(ARGV)
  local MOST = 1000
  local key, from = P .. ARGV[2], tonumber(ARGV[3])
  local kind = call('TYPE', key).ok
  local answer = {}
  if kind == 'zset' then
    answer = call('ZRANGE', key, from, from + MOST - 1, 'WITHSCORES')
  elseif kind == 'list' then
    answer = call('LRANGE', key, from, from + MOST - 1)
  elseif kind == 'string' and from == 0 then
    answer = { call('GET', key) }
  elseif kind == 'set' and from == 0 then
    answer = call('SMEMBERS', key)
  elseif kind == 'hash' and from == 0 then
    answer = call('HGETALL', key)
  end
  return { kind, unpack(answer) }
end
