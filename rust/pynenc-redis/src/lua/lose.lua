-- The worker ARGV[2] is gone: what it held is rescued, or handed back when it left of its own
-- accord (ARGV[3] is 1). ARGV[4] is what is known of why. The ids of those, at most so many; the caller asks
-- until there are none.
return function(KEYS, ARGV)
  begin(KEYS, ARGV)
  local MOST = 200
  local ids = lose(ARGV[2], nil, MOST, ARGV[3] == '1' and hand_back or rescue, ARGV[4])
  write_all()
  return ids
end
