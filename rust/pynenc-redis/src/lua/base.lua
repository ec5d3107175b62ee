-- What every function begins with: the app's prefix, the caller's settings, the time, and what one
-- call gathers and writes at its end.
--
-- The library is loaded once, and what is local to it outlives a call: so all that belongs to one
-- call is set anew here; what the last one did not use need not be. KEYS[1] is the prefix of every key of the app.
-- It holds the one hash tag, so whatever a function derives from it lies in the same slot.
-- None of these is there yet while the library is loaded.
local call, pack, parse, sub, byte, band
local P, PREFIX_OF_RECORDS, COUNTERS, STAGED, NOW, NOW_TEXT
-- By lane: the list of its fresh work, and that of its tokens. A number is dear to turn into a text.
local FRESH, TOKENS
-- What the settings say of the limits.
local limits = {}
-- All counters, and the text that says so; whether this call has looked at them, and whether they are to be written.
local counters, counters_text, has_counters, is_counted
-- By lane, how many are to be woken; members and deadlines; the number of the claim and
-- how many it has taken; how many have ended; by digest, how many records more name it.
local woken, leases, claim_number, taken, ended, named, has_named = {}, {}, nil, 0, 0, {}, false
-- By family, the bundles that were looked at; the ids of which only a bundle speaks.
local bundles, bundled
-- By id, the records that were looked at, the texts of those that were read, and their keys; whether there is any of
-- these, or of the texts alone.
local records, texts, names, has_looked, has_texts = nil, nil, nil, true, false
-- What was claimed or ended by its text, and is to be counted.
local moves = {}
-- Calls that have just come, each with the text of its record, which is written if nothing else becomes of it.
local arrived = {}
-- Records of which a table is to be written; keys and texts to be written, and how many; the keys of what is to be
-- dropped; the latest ended.
local unsaved, words, filled, doomed, endings = {}, {}, 0, {}, {}

-- Texts that one call gathers by name. Mostly there is one name, whose list is not looked for, and used again.
local function new_gathering()
  local first, list, filled, others = nil, {}, 0, nil
  local gathering = {}

  function gathering.add(name, text)
    first = first or name
    if name == first then
      filled = filled + 1
      list[filled] = text
      return
    end
    others = others or {}
    local there = others[name] or {}
    others[name] = there
    there[#there + 1] = text
  end

  -- Nothing is there: a call that broke off may have left something.
  function gathering.clear()
    if filled > 0 then
      first, filled, others = nil, 0, nil
      list = list[2] and {} or list
    end
  end

  -- Do that with each name and its list of so many, and be empty.
  function gathering.take(action)
    if filled == 0 then
      return
    end
    action(first, list, filled)
    for name, there in pairs(others or {}) do
      action(name, there, #there)
    end
    gathering.clear()
  end

  return gathering
end

-- By process, its notices; by worker, the claims given back.
local mail, released = new_gathering(), new_gathering()

-- A list with nothing in it: a small one keeps its room, which costs more than what comes into it.
local function emptied(list)
  local size = #list
  if size > 16 then
    return {}
  end
  for i = 1, size do
    list[i] = nil
  end
  return list
end

local begin
do
  -- The settings, as they were told last.
  local settings, TIME_GIVEN

  local function read_settings(text)
    TIME_GIVEN, limits.lease, limits.keep_for, limits.keep_count, limits.keep_bytes, limits.links, limits.max_losses,
      limits.options = parse('>I8I8I8I8I8I4BB', text)
    settings = text
  end

  local function find_globals()
    call, pack, parse = redis.call, struct.pack, struct.unpack
    sub, byte, band = string.sub, string.byte, bit.band
  end

  function begin(KEYS, ARGV)
    if not call then
      find_globals()
    end
    if P ~= KEYS[1] then
      P = KEYS[1]
      PREFIX_OF_RECORDS, COUNTERS, STAGED = P .. 'i:', P .. 'n', P .. 'st'
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
    mail.clear()
    released.clear()
    if has_named then
      named, has_named = {}, false
    end
    claim_number, taken, ended = nil, 0, 0
    if has_looked then
      records, texts, names, bundles, bundled, has_looked, has_texts = {}, {}, {}, {}, {}, false, false
    elseif has_texts then
      texts, has_texts = {}, false
    end
    for i = 1, #moves do
      -- The last call broke off before it counted them.
      moves[i].times, moves[i].bytes, moves[i] = 0, 0, nil
    end
    leases, unsaved, doomed, endings = emptied(leases), emptied(unsaved), emptied(doomed), emptied(endings)
    arrived = emptied(arrived)
    filled = 0
  end
end

-- Where each counter stands in the text of all, which is read and written at once: most calls change many.
-- The statuses come first, in the order of their codes. By lane: how many are queued, and how many of the
-- lane stand anywhere but in the list of fresh work. Then: how many wait for their time; the last numbers of
-- a call that submitted, of one that claimed, and of a worker; the bytes of the ended, and of idle blobs; the time of
-- the oldest end that is kept, 0 when that is not known.
local AT = { queued = 11, apart = 13, due = 15, seq = 16, order = 17, worker = 18, bytes = 19, idle = 20, oldest = 21 }
local numbers, understand_counters, count, packed_counters
do
  local NUMBERS, MOST_NUMBERS = '>i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8', 21

  -- They stand in this text. Mostly it is the one that the last call wrote, whose numbers are here.
  function understand_counters(text)
    if text ~= counters_text then
      text = text or ''
      counters = { parse(NUMBERS, text .. string.rep('\0', 8 * MOST_NUMBERS - #text)) }
      counters_text = text
    end
    has_counters = true
  end

  function numbers()
    if not has_counters then
      understand_counters(call('GET', COUNTERS))
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
