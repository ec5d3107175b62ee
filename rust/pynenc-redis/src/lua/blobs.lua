-- Large values by the digests of their bytes: `b:<digest>` is the value, the hash `bn` says how many
-- records name it. Whoever stores one gives it a time to live, and the first record that names it
-- takes that away: so neither what nobody came to name stays, nor goes what somebody names. What
-- nobody names any more is idle: `bi` by the time since when, `bz` with its size. It stays a while,
-- because the same value often comes again, but no longer than an hour and within KEEP_BYTES.
local DIGEST_SIZE = 32
local LINGER = 3600000000
local MOST_SHED = 100

-- A record names these digests, one after the other in a text, or names them no more (by = -1).
local function name_blobs(digests, by)
  for at = 1, #digests, DIGEST_SIZE do
    local digest = sub(digests, at, at + DIGEST_SIZE - 1)
    named[digest] = (named[digest] or 0) + by
  end
end

-- Those of the digests that the server does not have.
local function lacking(digests)
  local missing = {}
  for at = 1, #digests, DIGEST_SIZE do
    local digest = sub(digests, at, at + DIGEST_SIZE - 1)
    if call('EXISTS', P .. 'b:' .. digest) == 0 then
      missing[#missing + 1] = digest
    end
  end
  return table.concat(missing)
end

local function forget_idle(digest)
  if call('ZREM', P .. 'bi', digest) == 1 then
    count('u', -(tonumber(call('HGET', P .. 'bz', digest)) or 0))
    call('HDEL', P .. 'bz', digest)
  end
end

local function is_idle_from_now(digest)
  call('HDEL', P .. 'bn', digest)
  local size = call('STRLEN', P .. 'b:' .. digest)
  if size > 0 or call('EXISTS', P .. 'b:' .. digest) == 1 then
    call('PEXPIRE', P .. 'b:' .. digest, math.floor(LINGER / 1000))
    call('ZADD', P .. 'bi', NOW, digest)
    call('HSET', P .. 'bz', digest, size)
    count('u', size)
  end
end

-- Drop what has been idle for too long, or is too much; `all`: everything idle. Only so much in one
-- script; whether something was left over.
local function shed(all)
  write_counters()
  local bytes = tonumber(call('HGET', P .. 'n', 'u')) or 0
  for _ = 1, MOST_SHED do
    local oldest = call('ZRANGE', P .. 'bi', 0, 0, 'WITHSCORES')
    if not oldest[1] then
      return false
    end
    local since = tonumber(oldest[2])
    if not all and bytes <= KEEP_BYTES and NOW < since + math.min(LINGER, KEEP_FOR) then
      return false
    end
    bytes = bytes - (tonumber(call('HGET', P .. 'bz', oldest[1])) or 0)
    forget_idle(oldest[1])
    call('UNLINK', P .. 'b:' .. oldest[1])
  end
  return true
end

-- Put what this script has named, and named no more, into effect: one write a digest, however many
-- records there are.
local function write_names()
  local idle = false
  for digest, by in pairs(named) do
    if by ~= 0 then
      local records = call('HINCRBY', P .. 'bn', digest, by)
      if by > 0 then
        call('PERSIST', P .. 'b:' .. digest)
        forget_idle(digest)
      elseif records <= 0 then
        is_idle_from_now(digest)
        idle = true
      end
    end
  end
  named = {}
  if idle then
    shed(false)
  end
  write_counters()
end

-- The digests that a record names, one after the other.
local function blobs_of(r)
  if band(r.have, BLOBS) == 0 then
    return ''
  end
  local at = offset(r, BLOBS)
  return sub(r.body, at + 2, at + 1 + DIGEST_SIZE * (byte(r.body, at + 1) or 0))
end

-- Have a record name these and no others. The caller saves it.
local function set_blobs(r, digests)
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
