-- SPDX-License-Identifier: MIT
--[[
Objects that call a function when they are collected, on both Luas: LuaJIT has finalizers for
userdata alone.
]]
local engine = require "taskqueue.engine"

local guard = {}

--- One that calls a function in its finalizer, which may run in the middle of anything, and is run
-- also when the Lua state is closed.
-- @tparam function collected
-- @tparam[opt] function left what is called when its scope is left, on Lua 5.4
function guard.finalizer(collected, left)
  if not newproxy then return setmetatable({}, { __gc = collected, __close = left }) end
  local proxy = newproxy(true)
  getmetatable(proxy).__gc = collected
  return proxy
end

--- One that calls a function when its scope is left, on Lua 5.4, and after it was collected.
function guard.scope(fn)
  return guard.finalizer(function() engine.later(fn) end, fn)
end

return guard
