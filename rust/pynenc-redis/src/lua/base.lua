-- What every function begins with: the app's prefix, the caller's settings, the time, and what one
-- call gathers and writes at its end.
--
-- The library is loaded once, and what is local to it outlives a call: so all that belongs to one
-- call is set anew here; what the last one did not use need not be. KEYS[1] is the prefix of every key of the app.
-- It holds the one hash tag, so whatever a function derives from it lies in the same slot.
-- None of these is there yet while the library is loaded.
local call, pack, parse, sub, byte, band
local P, PREFIX_OF_RECORDS, COUNTERS, NOW, NOW_TEXT
-- By lane: the list of its fresh work, and that of its tokens. A number is dear to turn into a text.
local FRESH, TOKENS
-- What the settings say.
local LEASE, KEEP_FOR, KEEP_COUNT, KEEP_BYTES, LINKS, MAX_LOSSES, OPTIONS
-- All counters, and the text that says so; whether this call has looked at them, and whether they are to be written.
local counters, counters_text, has_counters, is_counted
-- By lane, how many are to be woken; by process, its notices; members and deadlines; the number of the claim and
-- how many it has taken; how many have ended; by digest, how many records more name it.
local woken, mail, leases, claim_number, taken, ended, named = {}, nil, {}
-- By id, the records that were looked at, the texts of those that were read, and their keys; how the records begin
-- that were ended by their text; whether there is any of these.
local records, texts, names, beginnings, has_looked = nil, nil, nil, nil, true
-- What was claimed or ended by its text, and is to be counted.
local moves = {}
-- Records of which a table is to be written; keys and texts to be written, and how many; the keys of what is to be
-- dropped; by worker, the claims given back; the latest ended.
local unsaved, words, filled, doomed, released, endings = {}, {}, 0, {}, nil, {}

local function emptied(list)
  return list[1] == nil and list or {}
end

local begin
do
  -- The settings, as they were told last.
  local settings, TIME_GIVEN

  local function read_settings(text)
    TIME_GIVEN, LEASE, KEEP_FOR, KEEP_COUNT, KEEP_BYTES, LINKS, MAX_LOSSES, OPTIONS = parse('>I8I8I8I8I8I4BB', text)
    settings = text
  end

  function begin(KEYS, ARGV)
    call, pack, parse = redis.call, struct.pack, struct.unpack
    sub, byte, band = string.sub, string.byte, bit.band
    if P ~= KEYS[1] then
      P = KEYS[1]
      PREFIX_OF_RECORDS, COUNTERS = P .. 'i:', P .. 'n'
      FRESH = { [0] = P .. 'q:0', [1] = P .. 'q:1' }
      TOKENS = { [0] = P .. 'tok:0', [1] = P .. 'tok:1' }
    end
    if settings ~= ARGV[1] then
      read_settings(ARGV[1])
    end
    NOW = TIME_GIVEN
    if NOW == 0 then
      local time = call('TIME')
      NOW = time[1] * 1000000 + time[2]
    end
    NOW_TEXT = nil
    if is_counted then
      -- The last call broke off before it wrote them.
      counters_text = nil
    end
    has_counters, is_counted = false, false
    woken[0], woken[1] = nil, nil
    mail, released, named, claim_number, taken, ended = {}, {}, {}, nil, 0, 0
    if has_looked then
      records, texts, names, beginnings, has_looked = {}, {}, {}, {}, false
    end
    leases, unsaved, doomed, endings, moves =
      emptied(leases), emptied(unsaved), emptied(doomed), emptied(endings), emptied(moves)
    words, filled = emptied(words), 0
  end
end

-- Where each counter stands in the text of all, which is read and written at once: most calls change many.
-- The statuses come first, in the order of their codes. By lane: how many are queued, and how many of the
-- lane stand anywhere but in the list of fresh work. Then: how many wait for their time; the last numbers of
-- a call that submitted, of one that claimed, and of a worker; the bytes of the ended, and of idle blobs; the time of
-- the oldest end that is kept, 0 when that is not known.
local AT = { queued = 11, apart = 13, due = 15, seq = 16, order = 17, worker = 18, bytes = 19, idle = 20, oldest = 21 }
local numbers, count, packed_counters
do
  local NUMBERS, MOST_NUMBERS = '>i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8', 21

  -- They stand in this text. Mostly it is the one that the last call wrote, whose numbers are here.
  local function understand_counters(text)
    if text ~= counters_text then
      counters = { parse(NUMBERS, text .. string.rep('\0', 8 * MOST_NUMBERS - #text)) }
      counters_text = text
    end
    has_counters = true
  end

  function numbers()
    if not has_counters then
      understand_counters(call('GET', COUNTERS) or '')
    end
    return counters
  end

  function count(place, by)
    local all = has_counters and counters or numbers()
    all[place] = all[place] + by
    is_counted = true
  end

  function packed_counters()
    is_counted = false
    counters_text = pack(NUMBERS, unpack(counters, 1, MOST_NUMBERS))
    return counters_text
  end
end

local function count_status(status, by)
  count(status + 1, by)
end

-- Numbers as two and as eight bytes. Small ones come again and again: their texts are kept.
local two_bytes, eight_bytes
do
  local TWO_BYTES, EIGHT_BYTES, MOST_KEPT = {}, {}, 4096

  function two_bytes(number)
    local text = TWO_BYTES[number]
    if not text then
      text = pack('>I2', number)
      TWO_BYTES[number] = text
    end
    return text
  end

  function eight_bytes(number)
    local text = EIGHT_BYTES[number]
    if not text then
      text = pack('>I8', number)
      if number < MOST_KEPT then
        EIGHT_BYTES[number] = text
      end
    end
    return text
  end
end

-- A number that orders what one call did behind what calls before it did.
local IN_ONE_CALL = 65536
