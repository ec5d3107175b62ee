-- How many there are of each status, then how many are queued in each lane.
return function(ARGV)
  return { unpack(numbers(), 1, AT.queued + 1) }
end
