-- Telling those who wait. Notices to one process travel in one message, which is sent after
-- everything of which it tells can be read.
local ENDED_NOTICE, CANCEL_NOTICE, DROPPED_NOTICE = '\1', 2, 3
local LEFT_NOTHING, LEFT_VALUE, LEFT_LARGE, LEFT_LOST = 0, 1, 2, 3
local INLINE_SIZE = 8192

local function notify(client, notice)
  local waiting = mail[client]
  if waiting then
    waiting[#waiting + 1] = notice
  else
    mail[client] = { notice }
  end
end

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
    notify(r.notify, notice)
    r.notify = NOBODY
  end
  if has(r, WATCHED) then
    for _, client in ipairs(call('SMEMBERS', P .. 'ws:' .. r.id)) do
      notify(client, notice)
    end
    call('DEL', P .. 'ws:' .. r.id)
    clear(r, WATCHED)
  end
end

-- What a notice of an end has between the id and the value.
local function told_of_end(status, losses, left, size)
  return pack('>BBBI4', status, losses, left, size)
end

local function end_notice(id, status, losses, left, value)
  -- What lies apart and is small enough for a notice travels with it all the same.
  local fits = value and #value <= INLINE_SIZE
  local inline = fits and value or ''
  left = left == LEFT_LARGE and fits and LEFT_VALUE or left
  return ENDED_NOTICE .. id .. told_of_end(status, losses, left, #inline) .. inline
end

local function tell_end(r, value)
  if r.notify ~= NOBODY or has(r, WATCHED) then
    tell(r, end_notice(r.id, r.status, r.losses, r.left, value))
  end
end

local channel_of
do
  -- Those of the latest, which come again with every end.
  local CHANNELS, MOST_CHANNELS, channels = {}, 1000, 0
  local HEX = '%02x%02x%02x%02x%02x%02x%02x%02x'

  function channel_of(client)
    local channel = CHANNELS[client]
    if not channel then
      if channels == MOST_CHANNELS then
        CHANNELS, channels = {}, 0
      end
      channel = string.format(HEX, byte(client, 1, 8))
      CHANNELS[client], channels = channel, channels + 1
    end
    return P .. 'c:' .. channel
  end
end

local function send_notices()
  for client, notices in pairs(mail) do
    -- A sharded channel belongs to the slot of its tag: in a cluster no other node hears of it.
    call('SPUBLISH', channel_of(client), table.concat(notices))
  end
end
