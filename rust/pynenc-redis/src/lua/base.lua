-- What every function begins with: the app's prefix, the caller's settings, the time, and what one
-- call gathers and writes at its end.
--
-- The library is loaded once, and what is local to it outlives a call: so all that belongs to one
-- call is set anew here. KEYS[1] is the prefix of every key of the app. It holds the one hash tag,
-- so whatever a function derives from it lies in the same slot.
-- None of these is there yet while the library is loaded.
local call, pack, parse, sub, byte, band
local P, NOW, LEASE, KEEP_FOR, KEEP_COUNT, KEEP_BYTES, LINKS, MAX_LOSSES, OPTIONS
-- All counters, once they are looked at, and whether they are to be written.
local counters, is_counted
-- By lane, how many are to be woken; by process, its notices; members and deadlines; how many have ended; by
-- digest, how many records more name it.
local woken, mail, leases, ended, named
-- By id, the records that were looked at, and the texts of those that were read and of none made a table;
-- those of either kind to be written; the keys of those to be dropped; by worker, the claims given back; the
-- latest ended; how the records begin that were ended by their text.
local records, texts, unsaved, rewritten, doomed, released, endings, beginnings

local function begin(KEYS, ARGV)
  call, pack, parse = redis.call, struct.pack, struct.unpack
  sub, byte, band = string.sub, string.byte, bit.band
  P = KEYS[1]
  NOW, LEASE, KEEP_FOR, KEEP_COUNT, KEEP_BYTES, LINKS, MAX_LOSSES, OPTIONS = parse('>I8I8I8I8I8I4BB', ARGV[1])
  if NOW == 0 then
    local time = call('TIME')
    NOW = time[1] * 1000000 + time[2]
  end
  counters, is_counted = nil, false
  woken, mail, leases, ended, named = {}, {}, {}, 0, {}
  records, texts, unsaved, rewritten, doomed, released, endings, beginnings = {}, {}, {}, {}, {}, {}, {}, {}
end

-- Where each counter stands in the text of all, which is read and written at once: most calls change many.
-- The statuses come first, in the order of their codes. By lane: how many are queued, and how many of the
-- lane stand anywhere but in the list of fresh work. Then: how many wait for their time; the last numbers of
-- an invocation, a claim and a worker; the bytes of the ended, and of idle blobs; the time of the oldest end
-- that is kept, 0 when that is not known.
local AT = { queued = 11, apart = 13, due = 15, seq = 16, order = 17, worker = 18, bytes = 19, idle = 20, oldest = 21 }
local NUMBERS, MOST_NUMBERS = '>i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8', 21

local function numbers()
  if not counters then
    local text = call('GET', P .. 'n') or ''
    counters = { parse(NUMBERS, text .. string.rep('\0', 8 * MOST_NUMBERS - #text)) }
  end
  return counters
end

local function count(place, by)
  local all = counters or numbers()
  all[place] = all[place] + by
  is_counted = true
end

local function count_status(status, by)
  count(status + 1, by)
end

local function packed_counters()
  is_counted = false
  return pack(NUMBERS, unpack(counters, 1, MOST_NUMBERS))
end
