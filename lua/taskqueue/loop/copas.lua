-- SPDX-License-Identifier: MIT
--[[
Waits under copas. A coroutine of copas watches the engine while somebody waits: it receives from
what looks like a socket and has the engine's fd. Every coroutine counts as one of copas, which does
not tell its own from others.
]]
local copas = require "copas"

local loop = { name = "copas" }

local engine
local is_attached, is_watching = false, false

-- What LuaSocket's select and copas ask of a socket. `receive` says once that nothing has come, so
-- that copas waits; a socket that is dirty counts as readable at once.
local socket = { is_dirty = false, has_waited = true }

function socket:getfd() return self.fd end

function socket:dirty() return self.is_dirty end

function socket:receive()
  self.has_waited = not self.has_waited
  if self.has_waited then return "" end
  return nil, "timeout"
end

function socket.settimeout() end

function socket.close() end

--- The running coroutine; nil on the main thread and where it cannot be suspended.
function loop.current()
  if coroutine.isyieldable() then return (coroutine.running()) end
end

local ready = {}

if copas.wakeup then
  loop.park = copas.pauseforever or function() copas.sleep(-1) end
  loop.unpark = copas.wakeup
else
  -- Copas 1 has no way to park a coroutine, but a queue that forgets it, and one to go on with it.
  local queue = { insert = function() end, push = function() end }

  function loop.park(co) coroutine.yield(co, queue) end

  function loop.unpark(co)
    ready[#ready + 1] = co
    socket.is_dirty = true
  end
end

local function resume_ready()
  local coroutines = ready
  ready = {}
  for _, co in ipairs(coroutines) do
    if coroutine.status(co) == "suspended" then copas.addthread(co) end
  end
end

local function watch()
  while is_attached or #ready > 0 do
    copas.receive(socket)
    socket.is_dirty = false
    engine.step()
    resume_ready()
  end
  is_watching = false
end

function loop.attach(pollable)
  engine, is_attached = pollable, true
  socket.fd = engine.pollfd()
  if is_watching then return end
  is_watching = true
  copas.addthread(watch)
end

function loop.detach()
  is_attached, socket.is_dirty = false, true
end

return loop
