-- Drop the blobs that nobody names, some at a time: 1 if there are more.
return function(ARGV)
  local more = shed(true)
  write_changes()
  return more and 1 or 0
end
