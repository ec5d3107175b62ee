-- Telling those who wait. Notices to one process travel in one message, which is sent after
-- everything of which it tells can be read.
local NOTICE = { ended = '\1', cancel = 2, dropped = 3, ends = '\4' }
local LEFT = { nothing = 0, value = 1, large = 2, lost = 3 }

-- Have a process told of the end. Most records have one such process, their submitter.
local function add_watcher(r, client)
  if r.notify == client or client == NOBODY then
    return
  end
  if r.notify == NOBODY then
    r.notify = client
    call('SETRANGE', P .. 'i:' .. r.id, NOTIFY_AT, client)
    return
  end
  call('SADD', P .. 'ws:' .. r.id, client)
  if not has(r, WATCHED) then
    set(r, WATCHED)
    save_flags(r)
  end
end

-- Everybody who waits for a record is told, once.
local function tell(r, notice)
  if r.notify ~= NOBODY then
    mail.add(r.notify, notice)
    r.notify = NOBODY
  end
  if has(r, WATCHED) then
    for _, client in ipairs(call('SMEMBERS', P .. 'ws:' .. r.id)) do
      mail.add(client, notice)
    end
    call('DEL', P .. 'ws:' .. r.id)
    clear(r, WATCHED)
  end
end

-- What a notice of an end has between the id and the value.
local function told_of_end(status, losses, left, size)
  return pack('>BBBI4', status, losses, left, size)
end

local tell_end
do
  local function end_notice(id, status, losses, left, value)
    local INLINE_SIZE = 8192
    -- What lies apart and is small enough for a notice travels with it all the same.
    local fits = value and #value <= INLINE_SIZE
    local inline = fits and value or ''
    left = left == LEFT.large and fits and LEFT.value or left
    return NOTICE.ended .. id .. told_of_end(status, losses, left, #inline) .. inline
  end

  function tell_end(r, value)
    if r.notify ~= NOBODY or has(r, WATCHED) then
      tell(r, end_notice(r.id, r.status, r.losses, r.left, value))
    end
  end
end

local send_notices
do
  -- The channels of the latest, which come again with every end.
  local MOST_CHANNELS = 1000
  local channels, channels_kept, prefix = {}, 0, nil
  local HEX = '%02x%02x%02x%02x%02x%02x%02x%02x'

  local function channel_of(client)
    if prefix ~= P or channels_kept == MOST_CHANNELS then
      channels, channels_kept, prefix = {}, 0, P
    end
    local channel = channels[client]
    if not channel then
      channel = P .. 'c:' .. string.format(HEX, byte(client, 1, 8))
      channels[client], channels_kept = channel, channels_kept + 1
    end
    return channel
  end

  -- A sharded channel belongs to the slot of its tag: in a cluster no other node hears of it.
  local function send(client, notices, size)
    call('SPUBLISH', channel_of(client), size == 1 and notices[1] or table.concat(notices, '', 1, size))
  end

  function send_notices()
    mail.take(send)
  end
end
