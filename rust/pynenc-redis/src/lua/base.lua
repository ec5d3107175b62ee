-- What every script begins with: the app's prefix, the caller's settings, the time, the counters.
--
-- KEYS[1] is the prefix of every key of the app. It holds the one hash tag, so whatever a script
-- derives from it lies in the same slot.
local P = KEYS[1]
local call, pack, parse = redis.call, struct.pack, struct.unpack
local sub, byte, band = string.sub, string.byte, bit.band

local NOW, LEASE, KEEP_FOR, KEEP_COUNT, KEEP_BYTES, LINKS, MAX_LOSSES, OPTIONS = parse('>I8I8I8I8I8I4BB', ARGV[1])
if NOW == 0 then
  local time = call('TIME')
  NOW = time[1] * 1000000 + time[2]
end

-- Counters change by what a script has done in all: one write a counter, however long the batch.
local changed = {}
local function count(counter, by)
  changed[counter] = (changed[counter] or 0) + by
end

local function write_counters()
  for counter, by in pairs(changed) do
    if by ~= 0 then
      call('HINCRBY', P .. 'n', counter, by)
    end
  end
  changed = {}
end
