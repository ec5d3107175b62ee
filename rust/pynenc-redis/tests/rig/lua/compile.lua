return string.dump(assert(loadstring(ARGV[1])))
