-- Which of the digests in ARGV[2] the server has no blob for.
return function(KEYS, ARGV)
  begin(KEYS, ARGV)
  return lacking(ARGV[2])
end
