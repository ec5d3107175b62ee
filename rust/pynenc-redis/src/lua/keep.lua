-- Store the blob ARGV[3] under the digest ARGV[2] though the server is out of memory, for ARGV[4]
-- milliseconds unless a record names it: it is a result, and must not be lost.
return function(ARGV)
  call('SET', P .. 'b:' .. ARGV[2], ARGV[3], 'NX', 'PX', ARGV[4])
  return 0
end
