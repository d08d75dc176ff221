-- SPDX-License-Identifier: MIT
--[[
Waits in the background, and what is called when they end: a function, or the name of a module that
gives one. A function belongs to its process; a name means the same in each, so that a wait with
one can go on in another process, where the loop in use knows others.
]]
local cjson = require "cjson"
local loops = require "taskqueue.loop"
local options = require "taskqueue.options"
local wait = require "taskqueue.wait"

local background = {}

--- The options of a wait in the background.
background.options = { data = { is = "table" } }
for name, rule in pairs(wait.options) do background.options[name] = rule end

--- What is to be called.
-- @param given a function, or the name of a module that gives one
-- @treturn[1] function
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function background.handler(given)
  if options.is_callable(given) then return given end
  if type(given) ~= "string" then
    return nil, "the second argument must be a function, or the name of a module that gives one"
  end
  local ok, handler = pcall(require, given)
  if not ok then
    local problem = tostring(handler):match("^[^\n]*")
    return nil, ("the handler '%s' cannot be loaded: %s"):format(given, problem)
  end
  if options.is_callable(handler) then return handler end
  return nil, ("the handler '%s' must be a module that gives a function"):format(given)
end

--- What does not go with the name of a handler, in any process.
-- @treturn ?string what is wrong
function background.problem_of(checked)
  if checked.on_progress then
    return "the option 'on_progress' does not go with the name of a handler"
  end
  local ok, problem = pcall(cjson.encode, checked.data or {})
  if not ok then return "the data cannot be written as JSON: " .. problem end
end

local function call(handler, task, data, status, message, kind, detail)
  handler(task, status, message, kind, detail, data)
end

--- Begins to wait.
-- @tparam task task
-- @param given as `handler` takes it
-- @tparam function handler what that gave
-- @tparam table checked options, complete
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string why it cannot begin
function background.watch(task, given, handler, checked)
  local keeper = type(given) == "string" and task.client.budget.share and loops.keeper()
  if keeper then return keeper:watch(task, given, handler, checked) end
  return loops.background(function()
    call(handler, task, checked.data, wait.until_done(task, checked))
  end)
end

return background
