-- SPDX-License-Identifier: MIT
-- What processes tell each other, as JSON: readings, failures, wants. No secret is in it.
local cjson = require "cjson"
local core = require "taskqueue.core"
local plain = require "taskqueue.plain"

local message = {}

local json = cjson.new()
json.encode_number_precision(14)

-- What cannot be written, as a service's list with holes, is left out.
local function encode(record, ...)
  local ok, text = pcall(json.encode, record)
  if ok then return text end
  for i = 1, select("#", ...) do
    record[select(i, ...)] = nil
    ok, text = pcall(json.encode, record)
    if ok then return text end
  end
  error(text, 0)
end

--- What a native watch was told last.
function message.reading(unit, native, id)
  local reading, more = native:reading()
  return encode({
    what = "reading", unit = unit, id = id, reading = reading, more = plain(more),
    knowledge = native:knowledge(),
  }, "knowledge")
end

--- A poll that told no status.
function message.failure(unit, id, failed)
  local record = {
    what = "failure", unit = unit, id = id, kind = failed.kind, message = failed.message,
    transient = failed.transient, code = failed.detail.code,
    http_status = failed.detail.http_status, data = failed.detail.data,
  }
  return encode(record, "data")
end

--- The answer to a single look, which is one of the above.
function message.looked(text, number)
  local record = json.decode(text)
  record.look = number
  return json.encode(record)
end

--- What a process wants to know of a task.
function message.want(want)
  return json.encode(want)
end

--- What a process wants, or wants no longer, for the owner.
function message.wants(unit, process, wants)
  return json.encode { what = "wants", unit = unit, process = process, wants = wants }
end

function message.withdrawal(unit, process, ids)
  return json.encode { what = "withdrawal", unit = unit, process = process, ids = ids }
end

--- A wait that belongs to nobody was added, for the owner.
function message.lodgers(unit)
  return json.encode { what = "lodgers", unit = unit }
end

--- The history of a budget's tasks.
function message.history(lane)
  return encode(lane:history())
end

--- Reads what another process wrote.
-- @treturn ?table nil when it is not that
function message.decode(text)
  local record = core.decode_json(text)
  if type(record) ~= "table" then return nil end
  local more = record.more
  if type(more) == "table" and type(more.info_text) == "string" then
    more.info = core.decode_json(more.info_text)
  end
  return record
end

return message
