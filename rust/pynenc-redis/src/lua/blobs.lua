-- Large values by the digests of their bytes: `b:<digest>` is the value, the hash `bn` says how many
-- records name it. Whoever stores one gives it a time to live, and the first record that names it
-- takes that away: so neither what nobody came to name stays, nor goes what somebody names. What
-- nobody names any more is idle: `bi` by the time since when, `bz` with its size. It stays a while,
-- because the same value often comes again, but no longer than an hour and within limits.keep_bytes.
local name_blobs, lacking, shed, write_names, blobs_of, set_blobs
do
  local DIGEST_SIZE = 32
  local LINGER = 3600000000
  local MOST_SHED = 100

  -- A record names these digests, one after the other in a text, or names them no more (by = -1).
  function name_blobs(digests, by)
    has_named = has_named or digests ~= ''
    for at = 1, #digests, DIGEST_SIZE do
      local digest = sub(digests, at, at + DIGEST_SIZE - 1)
      named[digest] = (named[digest] or 0) + by
    end
  end

  -- Those of the digests that the server does not have. Mostly it has all, and says so at once.
  function lacking(digests)
    if digests == '' then
      return ''
    end
    local keys = {}
    for at = 1, #digests, DIGEST_SIZE do
      keys[#keys + 1] = P .. 'b:' .. sub(digests, at, at + DIGEST_SIZE - 1)
    end
    local there = 0
    for from = 1, #keys, MOST_WORDS do
      there = there + call('EXISTS', unpack(keys, from, math.min(#keys, from + MOST_WORDS - 1)))
    end
    local missing = {}
    for i = 1, there < #keys and #keys or 0 do
      if call('EXISTS', keys[i]) == 0 then
        missing[#missing + 1] = sub(digests, (i - 1) * DIGEST_SIZE + 1, i * DIGEST_SIZE)
      end
    end
    return table.concat(missing)
  end

  local function forget_idle(digest)
    if call('ZREM', P .. 'bi', digest) == 1 then
      count(AT.idle, -(tonumber(call('HGET', P .. 'bz', digest)) or 0))
      call('HDEL', P .. 'bz', digest)
    end
  end

  -- Nobody names these any more.
  local function are_idle_from_now(digests)
    call('HDEL', P .. 'bn', unpack(digests))
    local since, sizes = {}, {}
    for _, digest in ipairs(digests) do
      if call('PEXPIRE', P .. 'b:' .. digest, math.floor(LINGER / 1000)) == 1 then
        local size = call('STRLEN', P .. 'b:' .. digest)
        since[#since + 1] = NOW
        since[#since + 1] = digest
        sizes[#sizes + 1] = digest
        sizes[#sizes + 1] = size
        count(AT.idle, size)
      end
    end
    if since[1] then
      call('ZADD', P .. 'bi', unpack(since))
      call('HSET', P .. 'bz', unpack(sizes))
    end
  end

  -- These are named, and are to stay.
  local function stay(digests)
    for _, digest in ipairs(digests) do
      call('PERSIST', P .. 'b:' .. digest)
    end
    local since = call('ZMSCORE', P .. 'bi', unpack(digests))
    for i, digest in ipairs(digests) do
      if since[i] then
        forget_idle(digest)
      end
    end
  end

  -- Drop what has been idle for too long, or is too much; `all`: everything idle. Only so much in one
  -- call; whether something was left over.
  function shed(all)
    local idle = numbers()
    for _ = 1, MOST_SHED do
      local oldest = call('ZRANGE', P .. 'bi', 0, 0, 'WITHSCORES')
      if not oldest[1] then
        return false
      end
      local since = tonumber(oldest[2])
      if not all and idle[AT.idle] <= limits.keep_bytes and NOW < since + math.min(LINGER, limits.keep_for) then
        return false
      end
      forget_idle(oldest[1])
      call('UNLINK', P .. 'b:' .. oldest[1])
    end
    return true
  end

  -- Count anew how many records name each of these.
  local function count_names(digests)
    local before = call('HMGET', P .. 'bn', unpack(digests))
    local counts, staying, idle = {}, {}, {}
    for i, digest in ipairs(digests) do
      local records = (tonumber(before[i]) or 0) + named[digest]
      if records > 0 then
        counts[#counts + 1] = digest
        counts[#counts + 1] = records
      else
        idle[#idle + 1] = digest
      end
      if named[digest] > 0 then
        staying[#staying + 1] = digest
      end
    end
    if counts[1] then
      call('HSET', P .. 'bn', unpack(counts))
    end
    if staying[1] then
      stay(staying)
    end
    if idle[1] then
      are_idle_from_now(idle)
    end
    return idle[1] ~= nil
  end

  -- Put what this call has named, and named no more, into effect: a few commands, however many records there are.
  function write_names()
    if not has_named then
      return
    end
    local digests, idle = {}, false
    for digest, by in pairs(named) do
      if by ~= 0 then
        digests[#digests + 1] = digest
      end
    end
    for from = 1, #digests, MOST_WORDS / 4 do
      local some = { unpack(digests, from, math.min(#digests, from + MOST_WORDS / 4 - 1)) }
      idle = count_names(some) or idle
    end
    named, has_named = {}, false
    if idle then
      shed(false)
    end
  end

  -- The digests that a record names, one after the other.
  function blobs_of(r)
    if band(r.have, BLOBS) == 0 then
      return ''
    end
    local at = offset(r, BLOBS)
    return sub(r.body, at + 2, at + 1 + DIGEST_SIZE * (byte(r.body, at + 1) or 0))
  end

  -- Have a record name these and no others. The caller saves it.
  function set_blobs(r, digests)
    local at, before = offset(r, BLOBS), blobs_of(r)
    if before == '' and digests == '' then
      return
    end
    name_blobs(before, -1)
    name_blobs(digests, 1)
    local rest = sub(r.body, at + 1 + (before == '' and 0 or 1 + #before))
    if digests == '' then
      r.body = sub(r.body, 1, at) .. rest
      r.have = band(r.have, 255 - BLOBS)
    else
      r.body = sub(r.body, 1, at) .. string.char(#digests / DIGEST_SIZE) .. digests .. rest
      r.have = bit.bor(r.have, BLOBS)
    end
  end
end
