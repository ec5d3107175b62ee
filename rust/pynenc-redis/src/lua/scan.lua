-- A step through the keys of the app, for looks at everything: the next cursor, then names without
-- the prefix. ARGV[3] is what they begin with. A name may come twice.
return function(ARGV)
  local MOST = 500
  local found = call('SCAN', ARGV[2], 'MATCH', P .. ARGV[3] .. '*', 'COUNT', MOST)
  local answer = { found[1] }
  for i, key in ipairs(found[2]) do
    answer[i + 1] = sub(key, #P + 1)
  end
  return answer
end
