-- SPDX-License-Identifier: MIT
-- `taskqueue status`: one look at each task.
local exit = require "taskqueue.command.exit"
local taskqueue = require "taskqueue"
local view = require "taskqueue.command.view"

local status = {}

local function show(shown, entry)
  local message, kind, detail
  entry.status, message, kind, detail = entry.task:get_status()
  if entry.status then
    shown:looked(entry)
  else
    shown:failed(message, kind, detail)
  end
  return exit.of(kind)
end

--- Looks at tasks, one after the other in the order in which they were named.
-- @treturn number exit status: whether they could be read, whatever they are at
function status.run(entries, given)
  local shown, statuses = view.new(given), {}
  taskqueue.run(function()
    for i, entry in ipairs(entries) do statuses[i] = show(shown, entry) end
  end)
  return exit.of_all(statuses)
end

return status
