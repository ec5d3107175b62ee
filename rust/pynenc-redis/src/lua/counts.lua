-- How many there are of each status, then how many are queued in each lane.
return function(KEYS, ARGV)
  begin(KEYS, ARGV)
  return { unpack(numbers(), 1, AT.queued + 1) }
end
