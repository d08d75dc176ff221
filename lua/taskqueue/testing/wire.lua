-- SPDX-License-Identifier: MIT
-- Both services' bytes as a scripted world needs them: what a request asks for, and replies.
local json = require "cjson.safe"

local wire = {}

local function decode(text)
  return (text:gsub("+", " "):gsub("%%(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end))
end

local function form_field(body, name)
  local value = ("&" .. body):match("&" .. name .. "=([^&]*)")
  return value and decode(value)
end

local ENTITIES = { lt = "<", gt = ">", amp = "&", quot = '"', apos = "'" }

local function element(body, name)
  local text = body:match("<" .. name .. ">(.-)</" .. name .. ">")
  return text and (text:gsub("&(%a+);", ENTITIES))
end

--- Reads a request.
-- @tparam string url
-- @tparam string body
-- @treturn table `service`, `method` ("module/method", or an operation), `id` of a status request,
-- `format` of the reply, `body`
function wire.read(url, body)
  local method = url:match("/service/([%w_-]+/[%w_-]+)")
  if method then
    local is_status = method:lower() == "taskqueue/getstatus"
    return {
      service = "mobizon", method = method, id = is_status and form_field(body, "id") or nil,
      format = url:find("output=xml", 1, true) and "xml" or "json", body = body,
    }
  end
  local operation = body:match("<ns:([%w_-]+)>") or ""
  local is_status = operation == "getTaskStatus"
  return {
    service = "cnode", method = operation, id = is_status and element(body, "taskId") or nil,
    format = "soap", body = body,
  }
end

local function escape(text)
  return (tostring(text):gsub("[<>&]", { ["<"] = "&lt;", [">"] = "&gt;", ["&"] = "&amp;" }))
end

local function xml_of(value)
  if type(value) ~= "table" then return escape(value) end
  local parts = {}
  for name, item in pairs(value) do
    parts[#parts + 1] = ("<%s>%s</%s>"):format(name, xml_of(item), name)
  end
  table.sort(parts)
  return table.concat(parts)
end

local function envelope(request, code, data, message)
  if request.format == "json" then
    return json.encode { code = code, data = data, message = message or "" }
  end
  return ("<response><code>%d</code><data>%s</data><message>%s</message></response>"):format(
    code, xml_of(data), escape(message or ""))
end

local function answer(request, fields)
  return ('<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body>'
    .. "<%sResponse><return>%s</return></%sResponse></Body></Envelope>"):format(
    request.method, xml_of(fields), request.method)
end

local MOBIZON_STATUS = { waiting = 0, running = 1, completed = 2, rejected = 3 }
local NODE_STATUS = {
  waiting = "PREPARATION", running = "TRANSFERRING", completed = "FINISHED_OK",
  rejected = "FINISHED_ERR",
}

--- The reply that a task stands there.
function wire.status(request, state, percent)
  if request.service == "mobizon" then
    return envelope(request, 0, { status = MOBIZON_STATUS[state], progress = percent })
  end
  return answer(request, {
    taskId = request.id, status = NODE_STATUS[state] or state, progressPercent = percent,
    requestStatus = "SUCCESS",
  })
end

--- The reply that a task has begun.
function wire.begun(request, id)
  if request.service == "mobizon" then return envelope(request, 100, id) end
  return answer(request, { taskId = id, requestStatus = "SUCCESS" })
end

--- The reply with an error of the service: a number, or a symbol of the node.
function wire.failed(request, code, message)
  if request.service == "mobizon" then return envelope(request, code, {}, message) end
  return answer(request, { requestStatus = code, requestStatusDescription = message })
end

--- The reply that there is no such task.
function wire.missing(request)
  return wire.failed(request, request.service == "mobizon" and 2 or "ERR_TASK_DOES_NOT_EXIST")
end

--- The reply that an answer of the service's own is: `data` of a call.
function wire.data(request, data)
  if request.service == "mobizon" then return envelope(request, 0, data) end
  local fields = { requestStatus = "SUCCESS" }
  for name, value in pairs(data) do fields[name] = value end
  return answer(request, fields)
end

return wire
