-- SPDX-License-Identifier: MIT
-- Tells on the standard error what went wrong, and what to do about it.
local cure_of = require "taskqueue.command.cure"
local text = require "taskqueue.command.text"

-- Advice is given once, however many tasks it is for.
local told = {}

--- @tparam string message
-- @tparam[opt] string kind
-- @tparam[opt] table detail
-- @tparam[opt] string label of the task, where the message does not name it
return function(message, kind, detail, label)
  if kind == "timeout" and label then message = ("task %s: the time is over"):format(label) end
  io.stderr:write("taskqueue: ", text.plain(message), "\n")
  local cause = detail and detail.cause
  if cause then io.stderr:write("  because of this: ", text.plain(cause.message), "\n") end
  local cure = cure_of(kind, detail)
  if cure and not told[cure] then
    told[cure] = true
    io.stderr:write("  ", cure, "\n")
  end
end
