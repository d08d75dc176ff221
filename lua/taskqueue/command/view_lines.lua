-- SPDX-License-Identifier: MIT
-- What happens as plain lines, for files and pipes: the task as it was named, then its state.
local advise = require "taskqueue.command.advise"
local cjson = require "cjson.safe"
local text = require "taskqueue.command.text"

local methods = {}

function methods.write(_, ...)
  io.stdout:write(text.plain(table.concat({ ... }, " ")), "\n")
  io.stdout:flush()
end

function methods:changed(entry)
  local status = entry.status
  if status.done then return end
  self:write(entry.label, status.state, status.progress and status.progress .. "%")
end

--- One look, with no wait around it.
function methods:looked(entry)
  local status = entry.status
  self:write(entry.label, status.state, status.progress and status.progress .. "%")
end

function methods:ended(entry)
  if not entry.kind then
    self:write(entry.label, "succeeded")
  else
    self:write(entry.label, entry.kind)
    self:failed(entry.message, entry.kind, entry.detail, entry.label)
  end
end

function methods:began(entry)
  self:write(entry.label)
end

-- An answer is data: cjson has escaped what is no text.
function methods.answered(_, data)
  io.stdout:write(type(data) == "table" and cjson.encode(data) or text.plain(tostring(data)), "\n")
end

function methods.failed(_, message, kind, detail, label)
  advise(message, kind, detail, label)
end

function methods.tick() end
function methods.close() end

return {
  methods = methods,
  new = function() return setmetatable({}, { __index = methods }) end,
}
