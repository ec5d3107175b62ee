-- Concurrency by key: `r:` who is registered and has not started, oldest first; `x:` who holds a
-- running key and `l:` who was set aside for it; `v:` whose kept result answers.
local function register(r)
  local key = part(r, REGISTRATION)
  if key then
    call('ZADD', P .. 'r:' .. key, r.seq, r.id)
  end
end

local function unregister(r)
  local key = part(r, REGISTRATION)
  if key then
    call('ZREM', P .. 'r:' .. key, r.id)
  end
end

-- Who keeps it from running, if anyone but itself.
local function holder_of(r)
  local key = part(r, RUNNING_KEY)
  local holder = key and call('GET', P .. 'x:' .. key)
  return holder and holder ~= r.id and holder or nil
end

-- Give the running key back, and let the oldest that was set aside for it try. One that stands in
-- nobody's way gives nothing back, but passes a free key on: it may have been woken for it.
local function free_key(r)
  local key = part(r, RUNNING_KEY)
  if not key then
    return
  end
  local holder = call('GET', P .. 'x:' .. key)
  if holder == r.id then
    call('DEL', P .. 'x:' .. key)
  elseif holder then
    return
  end
  local first = call('ZPOPMIN', P .. 'l:' .. key)
  local next = first[1] and load(first[1])
  if next then
    clear(next, ASIDE)
    enqueue(next)
    save(next)
  end
end
