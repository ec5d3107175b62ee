-- A worker lives, and names what it knows that it holds: the leases of those are extended, and of
-- no others. One that it was given and never heard of ends by itself.
return function(ARGV)
  local BEAT, BEAT_SIZE = '>c16I4c8', 28
  local worker = ARGV[2]
  local known = call('HMGET', P .. 'w:' .. worker, 'd', 'no')
  lease.note_life()
  if not known[1] then
    return { 0, '', '' }
  end
  local deadline = NOW + limits.lease
  local lost, cancel, extended = {}, {}, {}
  for at = 1, #ARGV[3], BEAT_SIZE do
    local id, attempt, nonce = parse(BEAT, ARGV[3], at)
    local b = bundle.held(id, worker, attempt, nonce)
    local r = not b and glance(id)
    if b then
      if not b.is_extended then
        b.is_extended = true
        extended[#extended + 1] = deadline
        extended[#extended + 1] = bundle.held_as(b)
      end
    elseif not r or r.worker ~= worker or not holds(r, attempt, nonce) then
      lost[#lost + 1] = id
    else
      extended[#extended + 1] = deadline
      extended[#extended + 1] = claim_member(r)
      if has(r, CANCEL) then
        cancel[#cancel + 1] = id
      end
    end
  end
  if extended[1] then
    call('ZADD', P .. 'h:' .. worker, unpack(extended))
  end
  call('HSET', P .. 'w:' .. worker, 'd', deadline)
  lease.look_again(worker, tonumber(known[2]), deadline)
  return { 1, table.concat(lost), table.concat(cancel) }
end
