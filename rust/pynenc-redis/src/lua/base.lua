-- What every function begins with: the app's prefix, the caller's settings, the time, and what one
-- call gathers and writes at its end.
--
-- The library is loaded once, and what is local to it outlives a call: so all that belongs to one
-- call is set anew here. KEYS[1] is the prefix of every key of the app. It holds the one hash tag,
-- so whatever a function derives from it lies in the same slot.
-- None of these is there yet while the library is loaded.
local call, pack, parse, sub, byte, band
local P, NOW, LEASE, KEEP_FOR, KEEP_COUNT, KEEP_BYTES, LINKS, MAX_LOSSES, OPTIONS
-- By name, and how it is changed; by lane, how many are to be woken; by process, its notices; members
-- and deadlines; how many have ended; the number of the last claim; by digest, how many records more name it.
local changed, woken, mail, leases, ended, order, named
-- By id, the records that were looked at, and the texts of those that were read and of none made a table;
-- those of either kind to be written; by worker, the claims given back; the latest ended.
local records, texts, unsaved, rewritten, released, endings

local function begin(KEYS, ARGV)
  call, pack, parse = redis.call, struct.pack, struct.unpack
  sub, byte, band = string.sub, string.byte, bit.band
  P = KEYS[1]
  NOW, LEASE, KEEP_FOR, KEEP_COUNT, KEEP_BYTES, LINKS, MAX_LOSSES, OPTIONS = parse('>I8I8I8I8I8I4BB', ARGV[1])
  if NOW == 0 then
    local time = call('TIME')
    NOW = time[1] * 1000000 + time[2]
  end
  changed, woken, mail, leases, ended, order, named = {}, {}, {}, {}, 0, nil, {}
  records, texts, unsaved, rewritten, released, endings = {}, {}, {}, {}, {}, {}
end

-- Counters change by what a call has done in all: one write a counter, however long the batch.
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
