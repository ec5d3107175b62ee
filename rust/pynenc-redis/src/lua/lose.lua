-- The worker ARGV[2] is gone: what it held is rescued, or handed back when it left of its own
-- accord (ARGV[3] is 1). When it is known which bodies were under way there (ARGV[3] is 2, and their ids
-- are in ARGV[5]), those are rescued and the others handed back. ARGV[4] is what is known of why. The ids of
-- those, at most so many; the caller asks until there are none, each time with another nonce (ARGV[6]): sent again, a
-- question is answered as the first time.
local HOW = {['0'] = lease.rescue_unseen, ['1'] = lease.hand_back}

local function rescue_some(ids)
  local bodies = {}
  for at = 1, #ids, 16 do
    bodies[sub(ids, at, at + 15)] = true
  end
  return function(r, reason)
    if bodies[r.id] then
      lease.rescue(r, reason)
    else
      lease.hand_back(r)
    end
  end
end

-- What this very question was answered, if it was.
local function answer_given(known, nonce)
  local given = call('HGET', known, 'l')
  if not given or sub(given, 1, #nonce) ~= nonce then
    return nil
  end
  local ids = {}
  for at = #nonce + 1, #given, ID_SIZE do
    ids[#ids + 1] = sub(given, at, at + ID_SIZE - 1)
  end
  return ids
end

return function(ARGV)
  local MOST = 200
  local known, nonce = P .. 'w:' .. ARGV[2], ARGV[6]
  local given = answer_given(known, nonce)
  if given then
    return given
  end
  local ids = lease.lose(ARGV[2], nil, MOST, HOW[ARGV[3]] or rescue_some(ARGV[5]), ARGV[4])
  if ids[1] then
    call('HSET', known, 'l', nonce .. table.concat(ids))
  end
  write_all()
  return ids
end
