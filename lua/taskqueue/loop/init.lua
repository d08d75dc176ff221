-- SPDX-License-Identifier: MIT
--[[
Which loop a wait suspends in, and which loops have to watch the engine. A loop is a table of five
functions, as docs/loops.md explains them: current, park, unpark, attach, detach.
]]
local builtin = require "taskqueue.loop.builtin"
local core = require "taskqueue.core"

local loops = {}

-- Each is a module of this folder, loaded when it is asked for.
local KNOWN = { "builtin", "copas", "cqueues", "luv", "openresty" }
local FUNCTIONS = { "current", "park", "unpark", "attach", "detach" }

-- Inside nginx, which has one loop, there is nothing to choose.
local ngx = rawget(_G, "ngx")
local is_nginx = type(ngx) == "table" and ngx.config ~= nil and ngx.config.subsystem ~= nil
local chosen = is_nginx and require "taskqueue.loop.openresty" or builtin

local function is_known(name)
  for _, known in ipairs(KNOWN) do
    if name == known then return true end
  end
  return false
end

local function load_known(name)
  if not is_known(name) then
    return nil, ("unknown loop %q; the known ones are %s, and a table of functions is one"):format(
      name, table.concat(KNOWN, ", "))
  end
  local ok, loop = pcall(require, "taskqueue.loop." .. name)
  if ok then return loop end
  return nil, ("cannot load the loop %q: %s"):format(name, tostring(loop):match("^[^\n]*"))
end

local function check_table(loop)
  for _, name in ipairs(FUNCTIONS) do
    if type(loop[name]) ~= "function" then
      return nil, ("a loop needs a function '%s'"):format(name)
    end
  end
  return loop
end

local function find(given)
  if type(given) == "string" then return load_known(given) end
  if type(given) == "table" then return check_table(given) end
  return nil, "the argument must be the name of a loop or a table of functions"
end

-- What a loop is to be told is checked by itself.
local function configure(loop, options)
  if options == nil then return loop end
  if not loop.configure then return nil, "this loop has no options" end
  local problem = loop.configure(options)
  return not problem and loop or nil, problem
end

--- Chooses the loop of the waits that begin from now on; those in progress stay with theirs.
-- @tparam string|table given
-- @tparam[opt] table options of that loop
-- @return[1] the loop
-- @return[2] nil
-- @treturn[2] string what is wrong
function loops.use(given, options)
  local loop, problem = find(given)
  if loop then loop, problem = configure(loop, options) end
  if loop and loop ~= builtin and not core.is_pollable then
    loop, problem = nil, "this build has no pollfd (it was made with POLLER=multi), " ..
      "so that only the built-in loop can drive it"
  end
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
  require("taskqueue.run").spawn(fn)
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
