-- SPDX-License-Identifier: MIT
--[[
What runs inside Redis: each script is atomic, and Redis' own clock decides about leases. Times are
in milliseconds. docs/fleet.md lists the keys.
]]
local scripts = {}

-- The present instant of Redis.
local NOW = [[
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
]]

local DAY = 86400000

-- Whoever has given no sign for so many leases counts as gone.
local ALIVE = [[
local function sign_of_life(processes, process, lease)
  redis.call('ZADD', processes, now, process)
  redis.call('ZREMRANGEBYSCORE', processes, '-inf', now - 20 * lease)
  redis.call('PEXPIRE', processes, ]] .. DAY .. [[)
  return redis.call('ZCOUNT', processes, now - 2 * lease, '+inf')
end
]]

--[[
KEYS unit, processes, units, last (of a task's unit alone); ARGV process, lease, channel, url,
method, name (none for a task's). A server that was started less than a lease ago may have forgotten
an owner that still believes in its lease: whoever is the next one waits so long.
]]
scripts.claim = NOW .. ALIVE .. [[
local unit, lease = KEYS[1], tonumber(ARGV[2])
local members = sign_of_life(KEYS[2], ARGV[1], lease)
local is = redis.call('HMGET', unit, 'owner', 'expires', 'hold', 'history', 'released')
local owner, expires = is[1], tonumber(is[2] or 0)
if owner and owner ~= ARGV[1] and expires > now then
  return { 0, expires - now, members }
end
local was = 'expired'
if is[5] then was = 'released' elseif not owner then was = 'none'
elseif owner == ARGV[1] then was = 'mine' end
local hold = math.max(0, tonumber(is[3] or 0) - now)
local ok, info = pcall(redis.call, 'INFO', 'server')
local uptime = ok and type(info) == 'string' and tonumber(info:match('uptime_in_seconds:(%d+)'))
if uptime and uptime * 1000 < lease and was ~= 'mine' then hold = math.max(hold, lease) end
redis.call('HDEL', unit, 'released')
redis.call('HSET', unit, 'owner', ARGV[1], 'expires', now + lease)
redis.call('HSET', unit, 'url', ARGV[4], 'method', ARGV[5])
if was ~= 'mine' then redis.call('HSET', unit, 'since', now) end
if ARGV[6] ~= '' then
  redis.call('ZADD', KEYS[3], now, ARGV[6])
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now - ]] .. DAY .. [[)
  redis.call('PEXPIRE', KEYS[3], ]] .. DAY .. [[)
end
local token = redis.call('HINCRBY', unit, 'token', was == 'mine' and 0 or 1)
redis.call('PEXPIRE', unit, ]] .. DAY .. [[)
if was ~= 'mine' then redis.call('PUBLISH', ARGV[3], 'owned') end
local last = KEYS[4] and redis.call('HMGET', KEYS[4], 'text', 'at') or {}
return { 1, hold, members, was, is[4] or '', token, last[1] or '', last[1] and now - last[2] or 0 }
]]

-- KEYS processes, unit ...; ARGV process, lease.
scripts.beat = NOW .. ALIVE .. [[
local lease = tonumber(ARGV[2])
local reply = { sign_of_life(KEYS[1], ARGV[1], lease) }
for i = 2, #KEYS do
  local is_mine = redis.call('HGET', KEYS[i], 'owner') == ARGV[1]
  if is_mine then
    redis.call('HSET', KEYS[i], 'expires', now + lease)
    redis.call('PEXPIRE', KEYS[i], ]] .. DAY .. [[)
  end
  reply[i] = is_mine and 1 or 0
end
return reply
]]

-- KEYS unit; ARGV process, channel or '', hold or '', history or ''. Gives the lease back when a
-- channel is named to tell it to.
scripts.note = NOW .. [[
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return 0 end
if ARGV[3] ~= '' then
  local hold = math.max(now + tonumber(ARGV[3]), tonumber(redis.call('HGET', KEYS[1], 'hold') or 0))
  redis.call('HSET', KEYS[1], 'hold', hold)
end
if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'history', ARGV[4]) end
if ARGV[2] ~= '' then
  redis.call('HDEL', KEYS[1], 'owner', 'expires')
  redis.call('HSET', KEYS[1], 'released', now)
  redis.call('PUBLISH', ARGV[2], 'released')
end
return 1
]]

-- KEYS unit, wants; ARGV process, ttl, prefix of processes' channels, prefix of lasts, text for the
-- owner, then id and text of each want.
scripts.want = NOW .. [[
local reply, is_wanted = {}, false
for i = 6, #ARGV, 2 do
  local last = redis.call('HMGET', ARGV[4] .. ARGV[i], 'text', 'at', 'final')
  if last[1] then
    reply[#reply + 1] = { ARGV[i], last[1], now - last[2] }
  end
  if last[3] ~= '1' then
    redis.call('HSET', KEYS[2], ARGV[i] .. '\n' .. ARGV[1], (now + ARGV[2]) .. ' ' .. ARGV[i + 1])
    is_wanted = true
  end
end
if is_wanted then
  redis.call('PEXPIRE', KEYS[2], 2 * ARGV[2])
  local owner = redis.call('HGET', KEYS[1], 'owner')
  if owner and owner ~= ARGV[1] then redis.call('PUBLISH', ARGV[3] .. owner, ARGV[5]) end
end
return reply
]]

-- KEYS unit, wants; ARGV process, prefix of processes' channels, text for the owner, then ids.
scripts.withdraw = [[
for i = 4, #ARGV do redis.call('HDEL', KEYS[2], ARGV[i] .. '\n' .. ARGV[1]) end
local owner = redis.call('HGET', KEYS[1], 'owner')
if owner and owner ~= ARGV[1] then redis.call('PUBLISH', ARGV[2] .. owner, ARGV[3]) end
return 1
]]

-- KEYS wants, processes; ARGV prefix of lasts, cursor, lease. Gives a part and the next cursor.
-- What has run out, or is of a process that is gone, is removed.
scripts.wants = NOW .. [[
local part, reply = redis.call('HSCAN', KEYS[1], ARGV[2], 'COUNT', 200), {}
local all = part[2]
for i = 1, #all, 2 do
  local id, process = all[i]:match('^(.-)\n(.*)$')
  local expires, text = all[i + 1]:match('^(%S+) (.*)$')
  local seen = redis.call('ZSCORE', KEYS[2], process)
  if tonumber(expires) <= now or not seen or tonumber(seen) < now - 5 * ARGV[3] then
    redis.call('HDEL', KEYS[1], all[i])
  else
    local last = redis.call('HMGET', ARGV[1] .. id, 'text', 'at')
    reply[#reply + 1] = { id, process, text, last[1] or '', last[1] and now - last[2] or 0 }
  end
end
return { part[1], reply }
]]

-- KEYS unit, last; ARGV process, text, ttl, final, channels. The fencing: who is not the owner any
-- more tells nobody anything.
scripts.publish = NOW .. [[
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[2], 'text', ARGV[2], 'at', now, 'final', ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
for i = 5, #ARGV do redis.call('PUBLISH', ARGV[i], ARGV[2]) end
return 1
]]

--[[
KEYS unit, waits; ARGV prefix of processes' channels, id, deadline in milliseconds from now, text,
text for the owner. The one that comes first stays. A wait is never older than its field says.
]]
scripts.keep_wait = NOW .. [[
local until_ms = string.format('%.0f', now + ARGV[3])
local since = string.format('%.0f', now)
redis.call('HSETNX', KEYS[2], ARGV[2], until_ms .. ' ' .. since .. ' ' .. ARGV[4])
if redis.call('PTTL', KEYS[2]) < tonumber(ARGV[3]) + ]] .. DAY .. [[ then
  redis.call('PEXPIRE', KEYS[2], ARGV[3] + ]] .. DAY .. [[)
end
local owner = redis.call('HGET', KEYS[1], 'owner')
if owner then redis.call('PUBLISH', ARGV[1] .. owner, ARGV[5]) end
return owner or ''
]]

-- KEYS waits; ARGV prefix of lasts, cursor. Gives a part and the next cursor.
scripts.list_waits = NOW .. [[
local part, reply = redis.call('HSCAN', KEYS[1], ARGV[2], 'COUNT', 200), {}
local all = part[2]
for i = 1, #all, 2 do
  local until_ms, since, text = all[i + 1]:match('^(%d+) (%d+) (.*)$')
  local last = redis.call('HMGET', ARGV[1] .. all[i], 'text', 'at')
  reply[#reply + 1] = {
    all[i], text, math.max(0, until_ms - now), now - since, last[1] or '',
    last[1] and now - last[2] or 0
  }
end
return { part[1], reply }
]]

-- KEYS unit, waits, stream; ARGV process, id, outcome, longest stream, how long that is kept. Only
-- the owner ends a wait, and each is ended once.
scripts.complete_wait = [[
local owner = redis.call('HGET', KEYS[1], 'owner')
if owner ~= ARGV[1] then return redis.error_reply('not the owner') end
if redis.call('HDEL', KEYS[2], ARGV[2]) == 0 then return 0 end
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[4], '*', 'outcome', ARGV[3])
redis.call('PEXPIRE', KEYS[3], ARGV[5])
return 1
]]

-- ARGV prefix, lease. For operators; of the newest budgets.
scripts.overview = NOW .. [[
local prefix, lease = ARGV[1], tonumber(ARGV[2])
local budgets, groups, stream = {}, {}, prefix .. 'completions'
for _, name in ipairs(redis.call('ZREVRANGE', prefix .. 'units', 0, 99)) do
  local unit = prefix .. 'unit:' .. name
  local is = redis.call('HMGET', unit, 'expires', 'since')
  budgets[#budgets + 1] = {
    name, redis.call('HGETALL', unit), math.max(0, tonumber(is[1] or 0) - now),
    redis.call('HLEN', prefix .. 'wants:' .. name), redis.call('HLEN', prefix .. 'waits:' .. name),
    now - tonumber(is[2] or now)
  }
end
if redis.call('EXISTS', stream) == 1 then groups = redis.call('XINFO', 'GROUPS', stream) end
local alive = redis.call('ZCOUNT', prefix .. 'processes', now - 2 * lease, '+inf')
return { alive, budgets, redis.call('XLEN', stream), groups }
]]

return scripts
