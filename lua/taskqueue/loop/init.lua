-- SPDX-License-Identifier: MIT
--[[
Which loop a wait suspends in, and which loops have to watch the engine. A loop is a table of five
functions, as docs/loops.md explains them: current, park, unpark, attach, detach.
]]
local builtin = require "taskqueue.loop.builtin"
local need = require "taskqueue.need"

local loops = {}

-- Inside nginx, which has one loop, there is nothing to choose.
local ngx = rawget(_G, "ngx")
local is_nginx = type(ngx) == "table" and ngx.config ~= nil and ngx.config.subsystem ~= nil
local chosen = is_nginx and require "taskqueue.loop.openresty" or builtin

--- Chooses the loop of the waits that begin from now on; those in progress stay with theirs.
-- @tparam string|table given
-- @tparam[opt] table options of that loop
-- @return[1] the loop
-- @return[2] nil
-- @treturn[2] string what is wrong
function loops.use(given, options)
  local loop, problem = need "taskqueue.loop.choice"(given, options)
  chosen = loop or chosen
  return loop, problem
end

--- The loop in which the caller can be suspended, and its token there; nil where it has to block.
-- A coroutine of the built-in loop waits in that one, whichever is in use.
-- @treturn ?table
-- @return ?
-- @treturn ?string why the caller can neither be suspended nor block
function loops.current()
  local token = builtin.current()
  if token then return builtin, token end
  local loop, problem
  token, loop, problem = chosen.current()
  if token then return loop or chosen, token end
  return nil, nil, problem
end

--- Has a function begin that may wait, beside the caller.
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string why it cannot
function loops.background(fn)
  if chosen.background then return chosen.background(fn) end
  need("taskqueue.run").spawn(fn)
  return true
end

--- What shares the budgets of this process's clients with other processes, where they name nothing
-- themselves and the loop in use knows others.
function loops.fleet()
  return chosen.fleet
end

--- What keeps waits in the background beyond this process, where the loop in use knows others.
function loops.keeper()
  return chosen.keeper
end

--- Does the loop in use drop coroutines that are suspended, as nginx does when a request is over?
function loops.can_drop()
  return chosen.can_drop
end

-- How many waits are in progress, by loop. Who runs the built-in one drives the engine too.
local waits = {}

--- A wait begins under a loop: the first one makes the loop watch the engine.
-- @tparam table loop
-- @tparam table pollable `pollfd`, `events`, `timeout` and `step`, as functions
function loops.enter(loop, pollable)
  if loop == builtin then return end
  local count = waits[loop] or 0
  if count == 0 then loop.attach(pollable) end
  waits[loop] = count + 1
end

--- A wait under a loop is over: after the last one the loop does not know the engine any more.
function loops.leave(loop)
  if loop == builtin then return end
  local count = waits[loop]
  waits[loop] = count > 1 and count - 1 or nil
  if count == 1 then loop.detach() end
end

--- Does any loop but the built-in one watch the engine?
function loops.is_watching()
  return next(waits) ~= nil
end

return loops
