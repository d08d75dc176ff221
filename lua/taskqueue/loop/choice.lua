-- SPDX-License-Identifier: MIT
-- Finds the loop that a program asks for.
local builtin = require "taskqueue.loop.builtin"
local core = require "taskqueue.core"

-- Each is a module of this folder, loaded when it is asked for.
local KNOWN = { "builtin", "copas", "cqueues", "luv", "openresty" }
local FUNCTIONS = { "current", "park", "unpark", "attach", "detach" }

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

--- The loop that is asked for, when it can be used.
-- @tparam string|table given
-- @tparam[opt] table options of that loop
-- @return[1] the loop
-- @return[2] nil
-- @treturn[2] string what is wrong
return function(given, options)
  local loop, problem = find(given)
  if loop then loop, problem = configure(loop, options) end
  if loop and loop ~= builtin and not core.is_pollable then
    return nil, "this build has no pollfd (it was made with POLLER=multi), " ..
      "so that only the built-in loop can drive it"
  end
  return loop, problem
end
