-- Many usual calls of one batch as one text: a bundle. It says all that the records of its members would say, and
-- is taken in, claimed, ended and dropped as one (`bundle_moves.lua`), at the price of a few records. Whatever else
-- is to happen to a member happens to its record: for that all records of the bundle are written first, and it is
-- gone (`bundle_records.lua`).
--
-- Its members are of one family: their ids agree in all but the twelfth byte, their place. It lies under `g:` and
-- the eleven bytes before that, and is a head of fixed size; the blobs that all name; the name of the task; the calls,
-- in their order; and what was said of the ends of some of them, each time a number of them together. A queue, a
-- worker's hands, and the ended have one entry for all of these: the family, what follows the place in their ids, and
-- the places.
--
-- Members come under no rule, have no parent, wait for nobody, and are small, as are their results, which name no blob.
local ID_SIZE = 16
-- What is said of a place: nothing is there; not ended; ended; dropped.
bundle.ABSENT, bundle.OPEN, bundle.ENDED, bundle.DROPPED = 45, 48, 49, 50
-- Of an entry: where the end of all ids begins, and where the places do. How many places there are.
bundle.TAIL_FROM, bundle.PLACES_FROM, bundle.MOST_PLACES = 12, 16, 128
do
  local FAMILY_SIZE, PLACE_AT = 11, 12
  -- Status, lane, `have`; who is told; number of the submission, its time; of the claim the time, worker, nonce
  -- and the order before the first; the end of all ids; what is said of each place; sizes of name, calls and
  -- blobs.
  local HEAD, HEAD_SIZE = '>BBBc8I8I8I8c8c8I8c4c128I2I4I2', 199
  bundle.HEAD_SIZE = HEAD_SIZE

  function bundle.family_of(text)
    return sub(text, 1, FAMILY_SIZE)
  end

  -- What is said of the place of an id.
  function bundle.said_of(b, id)
    return byte(b.row, byte(id, PLACE_AT) + 1)
  end

  -- Which place that is, from 0 on.
  function bundle.place_of(id)
    return byte(id, PLACE_AT)
  end

  function bundle.key_of(family)
    return P .. 'g:' .. family
  end

  -- The bundle of the family with which an id or an entry begins, without its calls; `nil` if there is none. One
  -- table of it in a call.
  function bundle.of(text)
    local family = bundle.family_of(text)
    local b = bundles[family]
    if b ~= nil then
      return b or nil
    end
    local head = call('GETRANGE', bundle.key_of(family), 0, HEAD_SIZE - 1)
    b = false
    if #head == HEAD_SIZE then
      local status, lane, have, notify, seq, submitted, claimed, worker, nonce, order, tail, row, task_size, size,
        blobs_size =
        parse(HEAD, head)
      b = status < #FINAL and {
        family = family, key = bundle.key_of(family), status = status, lane = lane, have = have, notify = notify,
        seq = seq, submitted = submitted, claimed = claimed, worker = worker, nonce = nonce, order = order, tail = tail,
        row = row, task_size = task_size, size = size, blobs_size = blobs_size,
      }
    end
    bundles[family], has_looked = b, true
    return b or nil
  end

  -- The bundle in which an id may be.
  function bundle.around(id)
    return #id == ID_SIZE and byte(id, PLACE_AT) < bundle.MOST_PLACES and bundle.of(id) or nil
  end

  -- Whether an id is of a bundle.
  function bundle.has(id)
    local b = bundle.around(id)
    return b and bundle.said_of(b, id) ~= bundle.ABSENT
  end

  -- The name of its task.
  function bundle.task_of(b)
    local from = HEAD_SIZE + b.blobs_size
    return call('GETRANGE', b.key, from, from + b.task_size - 1)
  end

  -- The digests that each of its members names that has not ended, one after the other.
  function bundle.blobs_of(b)
    return b.blobs_size == 0 and '' or call('GETRANGE', b.key, HEAD_SIZE + 1, HEAD_SIZE + b.blobs_size - 1)
  end

  -- The beginning of its text.
  function bundle.head_of(b)
    return pack(HEAD, b.status, b.lane, b.have, b.notify, b.seq, b.submitted, b.claimed, b.worker, b.nonce, b.order,
      b.tail, b.row, b.task_size, b.size, b.blobs_size)
  end

  -- What has changed of it.
  function bundle.write(b)
    call('SETRANGE', b.key, 0, bundle.head_of(b))
  end

  -- What stands for all members where each would stand.
  function bundle.entry_of(b)
    local places, from = {}, string.find(b.row, '[^-]')
    while from do
      places[#places + 1] = string.char(from - 1)
      from = string.find(b.row, '[^-]', from + 1)
    end
    return b.family .. b.tail .. table.concat(places)
  end

  -- Whether that stands for several, in place of being an id.
  function bundle.is_entry(entry)
    return #entry ~= ID_SIZE
  end

  -- How many an entry stands for.
  function bundle.size_of(entry)
    return #entry - bundle.PLACES_FROM + 1
  end

  function bundle.ids_of(entry)
    local from = bundle.PLACES_FROM
    local family, tail, ids = bundle.family_of(entry), sub(entry, bundle.TAIL_FROM, from - 1), {}
    for at = from, #entry do
      ids[#ids + 1] = family .. sub(entry, at, at) .. tail
    end
    return ids
  end

  function bundle.ids_of_family(family)
    local b = bundle.of(family)
    return b and bundle.ids_of(bundle.entry_of(b)) or {}
  end

  -- What its worker's hands call its claim.
  function bundle.held_as(b)
    return pack('>I8', b.order + 1) .. bundle.entry_of(b)
  end

  -- The bundle in which that claim of that worker still is, if it is in one.
  function bundle.held(id, worker, attempt, nonce)
    local b = attempt == 1 and bundle.around(id)
    local holds = b and b.status ~= REGISTERED and b.worker == worker and b.nonce == nonce
    return holds and bundle.said_of(b, id) == bundle.OPEN and b or nil
  end
end
