-- SPDX-License-Identifier: MIT
-- Mobizon's service: reads a request into a call, answers a call with an envelope, and writes the
-- envelope as JSON or XML. What the vendor documents is kept; what it leaves open is this
-- simulator's choice and is listed in docs/simulator.md.

local json = require("cjson.safe")
local form = require("taskqueue.sim.form")
local options = require("taskqueue.sim.options")
local script = require("taskqueue.sim.script")
local xml = require("taskqueue.sim.xml")

local methods = {}
methods.name = "mobizon"
local mt = { __name = "taskqueue.sim.mobizon", __index = methods }

local mobizon = {}

local STATUS = { waiting = 0, running = 1, completed = 2, rejected = 3 }

local MESSAGES = {
  [1] = "Some of the parameters are not valid",
  [2] = "The object is not found",
  [3] = "Application error",
  [4] = "Unknown module",
  [5] = "Unknown method",
  [6] = "Unknown format of the answer",
  [8] = "Login failed",
  [9] = "Access denied",
  [10] = "The data could not be saved",
  [11] = "A required parameter is missing",
  [12] = "A parameter is outside its limits",
  [13] = "This server does not serve this user",
  [14] = "The account is blocked",
  [15] = "The operation failed",
  [30] = "This method is called too often",
  [98] = "Some of the items were not processed",
  [99] = "None of the items was processed",
  [999] = "General error of the service",
}

local KEY_CODES = { denied = 9, elsewhere = 13, blocked = 14 }
local ORIGIN = { service = "mobizon" }
local OTHER_DOMAIN = "api.elsewhere.example"
local LARGEST_EXACT = "9007199254740992"

--- The service.
-- @tparam table config `keys` (what becomes of each API key), `rate` (getStatus calls a second)
-- @tparam table store the tasks
-- @tparam function now gives seconds
function mobizon.new(config, store, now)
  return setmetatable({
    keys = config.keys,
    pause = 1 / config.rate,
    tasks = store,
    now = now,
    accepted = {},
  }, mt)
end

-- ---- envelopes ----

-- `data_json`, where given, is the very text that JSON replies get.
local function envelope(code, data, data_json, message)
  return { code = code, data = data, data_json = data_json, message = message }
end

local function created(task)
  local id = task.id
  local is_exact = id:find("^[1-9]%d*$")
    and (#id < #LARGEST_EXACT or (#id == #LARGEST_EXACT and id <= LARGEST_EXACT))
  return envelope(100, id, is_exact and id or json.encode(id))
end

local function invalid(field, message)
  return envelope(1, { [field] = { message } })
end

local function data_text(answer)
  if answer.data_json then return answer.data_json end
  if answer.data == nil or (type(answer.data) == "table" and next(answer.data) == nil) then
    return "[]"
  end
  return assert(json.encode(answer.data))
end

-- Text that is no JSON stands in XML as it is.
local function data_value(answer)
  if answer.data ~= nil or not answer.data_json then return answer.data end
  local value = json.decode(answer.data_json)
  if value == nil then return answer.data_json end
  return value
end

local function message_of(answer)
  return answer.message or MESSAGES[answer.code] or ""
end

local function json_body(answer)
  return ('{"code":%d,"data":%s,"message":%s}'):format(
    answer.code, data_text(answer), json.encode(message_of(answer)))
end

local function xml_body(answer)
  return '<?xml version="1.0" encoding="UTF-8"?>\n<response>'
    .. xml.element("code", answer.code)
    .. xml.element("data", data_value(answer))
    .. xml.element("message", message_of(answer))
    .. "</response>\n"
end

local function reply_with(call, answer)
  local is_xml = call.output == "xml"
  return {
    status = 200,
    headers = { { "Content-Type", is_xml and "application/xml" or "application/json" } },
    body = is_xml and xml_body(answer) or json_body(answer),
    code = answer.code,
  }
end

-- ---- calls ----

--- Is the request for this service?
function methods:is_mine(request)
  return request.path:lower():find("^/service/") ~= nil
end

local function key_of(query, body)
  if type(query.apiKey) == "string" then return query.apiKey, "query" end
  if type(body.apiKey) == "string" then return body.apiKey, "body" end
end

local function text_or_nil(value)
  if type(value) == "string" then return value end
end

--- Reads a request.
-- @tparam table request `method`, `path`, `query`, `body`, `content_type`
-- @treturn table the call: `method` ("module/method" in lower case), `params`, `files`, `id`, …
function methods:read(request)
  local module, name = request.path:lower():match("^/service/([^/]*)/?([^/]*)")
  local query = form.decode(request.query)
  local body, files = form.decode_body(request.body, request.content_type)
  local params = {}
  for key, value in pairs(query) do params[key] = value end
  for key, value in pairs(body) do params[key] = value end
  local key, key_in = key_of(query, body)
  return {
    http_method = request.method,
    module = module,
    method = module .. "/" .. name,
    params = params,
    files = files,
    key = key,
    key_in = key_in,
    output = params.output or "json",
    id = text_or_nil(params.id),
  }
end

local calls = {}

-- Parameter checks come after the budget: a call that is refused for its parameters was a call.
local function is_throttled(self, call)
  local now = self.now()
  local last = self.accepted[call.key]
  if last and now - last < self.pause then return true end
  self.accepted[call.key] = now
  return false
end

calls["taskqueue/getstatus"] = function(self, call)
  if is_throttled(self, call) then return envelope(30) end
  local id = call.params.id
  if id == nil or id == "" then return envelope(11) end
  if type(id) ~= "string" or not id:find("^%d+$") then return envelope(12) end
  local task = self.tasks:find(id, "mobizon")
  if not task then return envelope(2) end
  local state, progress = self.tasks:poll(task)
  local data = { progress = progress, status = STATUS[state] }
  return envelope(0, data, ('{"progress":%d,"status":%d}'):format(progress, data.status))
end

calls["campaign/create"] = function(self)
  self.campaigns = (self.campaigns or 70000000000) + 1
  return envelope(0, ("%.0f"):format(self.campaigns))
end

calls["campaign/send"] = function()
  return envelope(0, 2)
end

local function start_task(self)
  return created(self.tasks:create_planned(ORIGIN))
end

local function recipient_number(item)
  if type(item) == "table" then item = item.recipient or item.number end
  return type(item) == "string" and (item:gsub("%D", "")) or ""
end

local function recipient_results(items)
  local results, good = {}, 0
  for i, item in ipairs(items) do
    local number = recipient_number(item)
    local is_good = number ~= ""
    if is_good then good = good + 1 end
    results[i] = {
      recipient = number,
      code = is_good and 0 or 1,
      messages = is_good and "" or "The number has no digits",
    }
  end
  return results, good
end

local function add_inline(items)
  local results, good = recipient_results(items)
  if good == #items then return envelope(0, results) end
  return envelope(good > 0 and 98 or 99, results)
end

calls["campaign/addrecipients"] = function(self, call)
  if call.params.recipientGroups or call.files.recipientsFile then return start_task(self) end
  local items = form.list(call.params.recipients)
  if #items > 0 then return add_inline(items) end
  return invalid("recipients", "Recipients, recipientGroups or recipientsFile is required")
end

calls["contactcard/import"] = start_task
calls["report/create"] = start_task

calls["user/getownbalance"] = function()
  return envelope(0, { balance = "1234.5600", currency = "KZT" })
end

-- ---- the simulator's own module ----

local function points_of(value)
  if type(value) ~= "table" then return value end
  local points = form.list(value)
  for i, point in ipairs(points) do
    local pair = form.list(point)
    points[i] = { tonumber(pair[1]), tonumber(pair[2]) }
  end
  return points
end

local function number_of(value)
  return type(value) == "string" and tonumber(value) or value
end

calls["sim/createtask"] = function(self, call)
  local params = call.params
  local given = {
    id = params.id,
    delay = number_of(params.delay),
    duration = number_of(params.duration),
    progress = points_of(params.progress),
    outcome = params.outcome,
  }
  local problem, field = options.problem(given, script.schema)
  if problem then return invalid(field, problem) end
  local task, taken = self.tasks:create(given, ORIGIN)
  return task and created(task) or invalid("id", taken)
end

calls["sim/answer"] = function(self, call)
  local code = call.params.code
  if type(code) ~= "string" or not code:find("^%d%d?%d?%d?%d?%d?$") then
    return invalid("code", "A number is required")
  end
  local data = text_or_nil(call.params.data)
  if data and json.decode(data) == nil then return invalid("data", "JSON text is required") end
  return self:own_envelope(math.floor(tonumber(code)), data, text_or_nil(call.params.message))
end

local modules = {}
for method in pairs(calls) do modules[method:match("^[^/]+")] = true end

-- ---- answers ----

-- An answer that was asked for by its code; where the code means something, so do its data.
function methods:own_envelope(code, data_json, message)
  if not data_json and code == 100 then
    local answer = start_task(self)
    answer.message = message
    return answer
  end
  local data = not data_json and code == 13 and OTHER_DOMAIN or nil
  return envelope(code, data, data_json, message)
end

local function refuse_key(self, call)
  local state = call.key and self.keys[call.key]
  if not state then return envelope(8) end
  local code = KEY_CODES[state]
  return code and envelope(code, code == 13 and OTHER_DOMAIN or nil)
end

local function refuse(self, call)
  if call.output ~= "json" and call.output ~= "xml" then return envelope(6) end
  local refusal = refuse_key(self, call)
  if refusal then return refusal end
  if not modules[call.module] then return envelope(4) end
  if not calls[call.method] then return envelope(5) end
end

--- Does what the call asks.
-- @treturn table a reply
function methods:answer(call)
  if call.http_method ~= "POST" and call.http_method ~= "GET" then
    return { status = 405, headers = { { "Allow", "GET, POST" } }, body = "" }
  end
  return reply_with(call, refuse(self, call) or calls[call.method](self, call))
end

--- Answers with a given envelope in place of doing what the call asks.
-- @tparam table call
-- @tparam table given `code`, `data_json`, `message`
-- @treturn table a reply
function methods:answer_with(call, given)
  return reply_with(call, self:own_envelope(given.code or 0, given.data_json, given.message))
end

function mt:__tostring()
  return mt.__name
end

return mobizon
