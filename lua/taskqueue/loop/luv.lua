-- SPDX-License-Identifier: MIT
--[[
Waits under luv. Every coroutine counts as one of the loop, since luv itself knows none. It goes on
from a callback of the loop, where luv handles its errors.
]]
local uv = require "luv"

local loop = { name = "luv" }

local poll, idle
local ready, first, last = {}, 1, 0

--- The running coroutine; nil on the main thread and where it cannot be suspended.
function loop.current()
  if coroutine.isyieldable() then return (coroutine.running()) end
end

function loop.park()
  coroutine.yield()
end

local function resume(co)
  if coroutine.status(co) ~= "suspended" then return end
  local ok, message = coroutine.resume(co)
  if ok then return end
  if type(message) == "string" then message = debug.traceback(co, message) end
  error(message, 0)
end

-- An error leaves the rest to the next turn.
local function resume_ready()
  while first <= last do
    local co = ready[first]
    ready[first] = nil
    first = first + 1
    resume(co)
  end
  first, last = 1, 0
  idle:close()
  idle = nil
end

--- Lets a parked coroutine go on at the loop's next turn.
function loop.unpark(co)
  last = last + 1
  ready[last] = co
  if idle then return end
  -- An active idle handle keeps the loop from sleeping, and from ending.
  idle = uv.new_idle()
  idle:start(resume_ready)
end

function loop.attach(engine)
  poll = assert(uv.new_poll(engine.pollfd()))
  poll:start("r", function() engine.step() end)
end

function loop.detach()
  poll:close()
  poll = nil
end

return loop
