-- SPDX-License-Identifier: MIT
--[[
Chooses how what happens is shown. A view is told `changed(entry)`, `ended(entry)`, `looked(entry)`,
`began(entry)`, `answered(data)`, `failed(message, kind, detail)`, `tick()` and `close()`.
]]
local core = require "taskqueue.core"

local view = {}

local function is_terminal()
  local term = os.getenv "TERM"
  return core.terminal(1) ~= nil and term ~= nil and term ~= "dumb"
end

-- One that shows nothing: the exit status tells.
local function silent()
  local function nothing() end
  return setmetatable({}, { __index = function() return nothing end })
end

--- @tparam table given the command line, read
function view.new(given)
  if given.quiet then return silent() end
  if given.json then return require("taskqueue.command.view_json")() end
  return require("taskqueue.command.view_lines").new()
end

--- The same for waiting, which on a terminal is a table with bars.
function view.new_for_wait(given)
  if given.quiet or given.json or not is_terminal() then return view.new(given) end
  return require("taskqueue.command.view_bars")()
end

return view
