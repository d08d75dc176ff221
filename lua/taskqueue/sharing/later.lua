-- SPDX-License-Identifier: MIT
-- What is done at a later time, from inside the engine's step: without a coroutine, so that nothing
-- in it may wait.
local core = require "taskqueue.core"
local engine = require "taskqueue.engine"
local events = require "taskqueue.events"

local later = {}

local methods = {}
local mt = { __index = methods }

function methods:timer()
  self.timer_handle = nil
  self.fn()
end

function methods.broken(_, message)
  events.tell_error("sharing", message)
end

--- Calls a function after so many seconds.
-- @treturn table to cancel it by
function later.after(seconds, fn)
  local timer = setmetatable({ fn = fn }, mt)
  timer.timer_handle = core.engine():set_timer(core.now() + seconds, timer)
  engine.notify()
  return timer
end

--- Calls a function in this step of the engine, or in the next one.
function later.soon(fn)
  return later.after(0, fn)
end

--- What was done already, or never asked for, is let pass.
function later.cancel(timer)
  if not timer or not timer.timer_handle then return end
  core.engine():clear_timer(timer.timer_handle)
  timer.timer_handle = nil
end

return later
