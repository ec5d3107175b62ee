-- How every function begins, and where it meets what is staged (`staging.lua`).
local writes, claims, reads
do
  -- A function that may write.
  function writes(work)
    return function(KEYS, ARGV)
      begin(KEYS, ARGV)
      if call('EXISTS', STAGED) == 1 then
        intake.take_staged(0)
        intake.write_queues()
        write_changes()
      end
      return work(ARGV)
    end
  end

  -- The function that claims: what came is written as what becomes of it.
  function claims(work)
    return function(KEYS, ARGV)
      begin(KEYS, ARGV)
      local MOST_FROM = 21
      intake.take_staged(ARGV[2] ~= '' and parse('>I4', ARGV[2], MOST_FROM) or 0)
      local answer = work(ARGV)
      intake.write_queues()
      return answer
    end
  end

  -- A function that may not: it is asked again once nothing is staged.
  function reads(work)
    return function(KEYS, ARGV)
      begin(KEYS, ARGV)
      if call('EXISTS', STAGED) == 1 then
        return { ok = 'STAGED' }
      end
      return work(ARGV)
    end
  end
end
