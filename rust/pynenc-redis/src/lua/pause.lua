-- The body waits for all of the awaited from now on, and they run first. Edges of the wait graph
-- go from a paused body to what it awaits, and from what a running rule keeps from starting to the
-- holder of its key. A fresh holder waits for nobody, so only a wait can close a cycle, and it is
-- enough to walk here.
--
-- The answer is a number, or a list: whether it is paused, how many of the awaited are queued, and
-- then the path of the cycle if there is one.
local MOST_NODES = 10000
local NOT_PAUSED, IS_PAUSED, CYCLE, TOO_FAR = 0, 1, 2, 3

local function ids_in(text)
  local ids = {}
  for at = 1, #text, 16 do
    ids[#ids + 1] = sub(text, at, at + 15)
  end
  return ids
end

-- What must end before this one can: whom it awaits, or who holds its key.
local function blockers(r)
  if not r then
    return {}
  end
  if r.status == PAUSED then
    return ids_in(call('GET', P .. 'aw:' .. r.id) or '')
  end
  if yes(HELD, r.status) or yes(FINAL, r.status) then
    return {}
  end
  local holder = holder_of(r)
  return holder and { holder } or {}
end

local function path_of(id, from, last)
  local path = { last }
  while from[path[1]] do
    table.insert(path, 1, from[path[1]])
    if path[1] == id then
      break
    end
  end
  return path
end

-- Whether anybody can wait for it: one that was never awaited and needs no key closes no cycle, however
-- many wait below it.
local function can_be_awaited(r)
  return has(r, AWAITED) or part(r, RUNNING_KEY) ~= nil
end

-- Look for a way from the awaited back to the waiter; a cycle's path, or whether it goes too far.
local function walk(waiter, awaited)
  local id, from, layer = waiter.id, {}, {}
  for _, r in ipairs(awaited) do
    if r.id == id then
      return { id }
    end
    local next = blockers(r)
    if next[1] then
      from[r.id] = id
      layer[#layer + 1] = { r.id, next }
    end
  end
  local links, nodes = 0, 0
  while layer[1] do
    links = links + 1
    local deeper = {}
    for _, node in ipairs(layer) do
      nodes = nodes + #node[2]
      if links > limits.links then
        return nil, true
      end
      if nodes > MOST_NODES then
        return nil, can_be_awaited(waiter)
      end
      for _, next in ipairs(node[2]) do
        if next == id then
          return path_of(id, from, node[1])
        end
        if not from[next] then
          from[next] = node[1]
          deeper[#deeper + 1] = { next, blockers(load(next)) }
        end
      end
    end
    layer = deeper
  end
  return nil, false
end

-- Have it run before what nobody waits for.
local function prefer(r)
  if has(r, QUEUED) then
    woken[r.lane] = 1
  end
  if has(r, AWAITED) then
    return
  end
  if has(r, QUEUED) then
    if has(r, BACK) then
      leave('qr:' .. r.lane, r)
      clear(r, BACK)
    end
    stand_in('qa:' .. r.lane, r)
  end
  set(r, AWAITED)
  save_flags(r)
end

local function count_queued(awaited)
  local queued = 0
  for _, r in ipairs(awaited) do
    queued = queued + (has(r, QUEUED) and 1 or 0)
  end
  return queued
end

return function(ARGV)
  local id, attempt, nonce, token, appends = parse('>c16I4c8c8B', ARGV[2])
  local waiter = load(id)
  if not waiter then
    return MISSING
  end
  local awaited, open = {}, ARGV[3] ~= ''
  for i, other in ipairs(ids_in(ARGV[3])) do
    awaited[i] = load(other)
    if not awaited[i] or yes(FINAL, awaited[i].status) then
      open = false
      break
    end
  end
  if waiter.token == token then
    return { IS_PAUSED, count_queued(awaited) }
  end
  if not holds(waiter, attempt, nonce) then
    return FENCED + waiter.status
  end
  if not open then
    return { NOT_PAUSED, 0 }
  end
  local cycle, too_far = walk(waiter, awaited)
  if cycle then
    return { CYCLE, 0, unpack(cycle) }
  end
  if too_far then
    return { TOO_FAR, 0 }
  end
  if waiter.status ~= PAUSED and not move(waiter, PAUSED) then
    return TRANSITION + waiter.status * 100 + PAUSED
  end
  waiter.token = token
  call(appends == 1 and 'APPEND' or 'SET', P .. 'aw:' .. id, ARGV[3])
  save(waiter)
  local preferred = {}
  for _, r in ipairs(awaited) do
    if not preferred[r.id] then
      preferred[r.id] = true
      prefer(r)
    end
  end
  write_changes()
  write_tokens()
  return { IS_PAUSED, count_queued(awaited) }
end
