-- SPDX-License-Identifier: MIT
-- What happens as JSON, one object a line, for programs.
local cjson = require "cjson.safe"

local methods = {}
local mt = { __index = methods }

local function tenths(seconds)
  return seconds and math.floor(seconds * 10 + 0.5) / 10
end

local function write(record)
  io.stdout:write(cjson.encode(record), "\n")
  io.stdout:flush()
end

-- What is known of a task, whatever the event.
local function record_of(event, entry)
  local status = entry.status or {}
  return {
    event = event, id = entry.task.id, service = entry.service, state = status.state,
    code = status.code, progress = status.progress, remaining = tenths(entry.task:remaining()),
    age = tenths(entry.task:age()),
  }
end

function methods.changed(_, entry)
  write(record_of("change", entry))
end

--- One look, with no wait around it.
function methods.looked(_, entry)
  write(record_of("status", entry))
end

function methods.ended(_, entry)
  local record = record_of("end", entry)
  record.ok, record.kind, record.message = entry.kind == nil, entry.kind, entry.message
  write(record)
end

--- A task that a call has begun.
function methods.began(_, entry)
  write { event = "task", id = entry.task.id, service = entry.service }
end

--- The answer of a call that began none.
function methods.answered(_, data)
  write { event = "answer", data = data }
end

function methods.failed(_, message, kind)
  write { event = "failure", message = message, kind = kind }
end

function methods.tick() end
function methods.close() end

return function()
  return setmetatable({}, mt)
end
