-- Which of the digests in ARGV[2] the server has no blob for.
return function(ARGV)
  return lacking(ARGV[2])
end
