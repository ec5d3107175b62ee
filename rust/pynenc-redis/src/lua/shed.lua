-- The end of a purge by the caller whose nonce is ARGV[2], who has the sum that `drop.lua` keeps: drop the blobs that
-- nobody names, some at a time. 1 if there are more.
return function(ARGV)
  call('DEL', P .. 'd:' .. ARGV[2])
  local more = shed(true)
  write_changes()
  return more and 1 or 0
end
