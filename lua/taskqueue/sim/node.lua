-- SPDX-License-Identifier: MIT
-- The Billon Corporate Node: operations of SOAP 1.1 that create tasks, and the one that tells how a
-- task does. What the vendor documents is kept; what it leaves open is this simulator's choice and
-- is listed in docs/simulator.md.

local basic = require("taskqueue.sim.basic")
local soap = require("taskqueue.sim.soap")

local methods = {}
methods.name = "node"
local mt = { __name = "taskqueue.sim.node", __index = methods }

local node = {}

local DESCRIPTIONS = {
  SUCCESS = "Request succeeded.",
  ERR_INVALID_TASK_ID = "Invalid task id.",
  ERR_TASK_DOES_NOT_EXIST = "Task does not exist.",
  ERR_TASK_DOES_NOT_EXISTS = "Task does not exist.",
  ERR_TECHNICAL_PROBLEM = "Technical problem.",
  ERR_TIMEOUT = "Timeout.",
}

-- The operations that create a task, and the type of that. Only GIVE_MONEY is documented.
local TASK_TYPES = {
  startLogin = "LOGIN",
  startRegister = "REGISTER",
  addSlaves = "ADD_SLAVES",
  giveMoneyRequest = "GIVE_MONEY",
  requestPaymentInitiation = "PAYMENT_INITIATION",
  requestPingPaymentInitiation = "PING_PAYMENT_INITIATION",
  requestPersonalLoginAuthentication = "PERSONAL_LOGIN_AUTHENTICATION",
  startSeriesPayment = "SERIES_PAYMENT",
  sendMoneyToTreasuryRequest = "SEND_MONEY_TO_TREASURY",
  changeMonexAtBnode = "CHANGE_MONEX_AT_BNODE",
}

local BOOLEANS = { ["true"] = true, ["false"] = true, ["1"] = true, ["0"] = true }

--- The service.
-- @tparam table config `node`: `generation`, `not_found`, `rate`, `username`, `password`
-- @tparam table store the tasks
-- @tparam function now gives seconds
function node.new(config, store, now)
  local given = config.node or {}
  return setmetatable({
    generation = soap.generations[given.generation or "new"],
    not_found = given.not_found or "ERR_TASK_DOES_NOT_EXIST",
    pause = 1 / (given.rate or math.huge),
    token = given.username and basic.token(given.username, given.password),
    tasks = store,
    now = now,
  }, mt)
end

-- ---- replies ----

local function plain(status, text, header)
  local headers = { { "Content-Type", "text/plain" } }
  headers[2] = header
  return { status = status, headers = headers, body = text .. "\n" }
end

local function xml_reply(status, body, code)
  local headers = { { "Content-Type", "text/xml; charset=utf-8" } }
  return { status = status, headers = headers, body = body, code = code }
end

local function field(name, text, kind)
  return { name = name, text = text, type = kind }
end

-- A <return> with the fields and how the request went, unless they tell that themselves.
local function result(self, call, fields, status, description)
  status = soap.text(fields, "requestStatus") or status or "SUCCESS"
  if not soap.text(fields, "requestStatus") then
    fields[#fields + 1] = field("requestStatus", status)
  end
  if not soap.text(fields, "requestStatusDescription") then
    description = description or DESCRIPTIONS[status] or status
    fields[#fields + 1] = field("requestStatusDescription", description)
  end
  return xml_reply(200, soap.reply(self.generation, call.operation, fields), status)
end

local function fault_reply(self, fault)
  return xml_reply(fault.status or 500, soap.fault(self.generation, fault), fault.code)
end

-- A fault of the simulator's own.
local function refusal(self, fault)
  local code = self.generation.prefix .. ":" .. fault.code
  return fault_reply(self, { code = code, string = fault.string, status = fault.status })
end

-- ---- calls ----

--- Is the request for this service?
function methods:is_mine(request)
  return request.path == "/"
end

local function is_xml(content_type)
  local kind, rest = (content_type or ""):lower():match("^%s*([^;%s]*)(.*)$")
  local charset = rest:match('[;%s]charset="?([^;%s"]+)')
  return kind == "text/xml" and (not charset or charset == "utf-8" or charset == "us-ascii")
end

local function refuse_http(self, request)
  if self.token and not basic.is_good(request.authorization, self.token) then
    return plain(401, "Unauthorized",
      { "WWW-Authenticate", 'Basic realm="Corporate Node", charset="UTF-8"' })
  end
  if request.method ~= "POST" then return plain(405, "POST is expected", { "Allow", "POST" }) end
end

local function read_message(request)
  if request.method == "POST" and not is_xml(request.content_type) then
    return nil, { code = "Client", string = "text/xml in UTF-8 is expected", status = 415 }
  end
  return soap.read(request.body)
end

--- Reads a request.
-- @tparam table request `method`, `path`, `body`, `content_type`, `soap_action`, `authorization`
-- @treturn table the call: `operation`, `arguments`, `method`, `id`, `refused` (a reply)
function methods:read(request)
  local message, problem = read_message(request)
  local call = message or { problem = problem }
  call.refused = refuse_http(self, request)
  call.method = message and message.operation:lower()
  call.id = message and soap.text(message.arguments, "taskId")
  call.soap_action = request.soap_action
  call.authenticated = request.authorization ~= nil
  return call
end

local calls = {}

local function is_throttled(self)
  local now = self.now()
  if self.accepted and now - self.accepted < self.pause then return true end
  self.accepted = now
  return false
end

local function state_of(self, task)
  local status, progress = self.tasks:poll(task)
  return {
    field("type", task.type or "GIVE_MONEY"),
    field("progressPercent", ("%d"):format(progress), "unsignedInt"),
    field("status", status),
    field("additionalInfo", task.script.info or self.generation.empty_info),
    field("taskId", task.id),
  }
end

function calls.getTaskStatus(self, call)
  if is_throttled(self) then return plain(429, "Too many requests") end
  local callback = soap.text(call.arguments, "callback")
  if callback and not BOOLEANS[callback] then
    return refusal(self, { code = "Client", string = "callback is not a boolean" })
  end
  local id = call.id or ""
  if not id:find("^[%w-]+$") then return result(self, call, {}, "ERR_INVALID_TASK_ID") end
  local task = self.tasks:find(id, "node")
  return result(self, call, task and state_of(self, task) or {}, not task and self.not_found or nil)
end

--- The simulator's own: its arguments come back as they are.
function calls.simEcho(self, call)
  local fields = {}
  for i, item in ipairs(call.arguments) do fields[i] = item end
  return result(self, call, fields)
end

local function start_task(self, call)
  local origin = { service = "node", type = TASK_TYPES[call.operation] }
  local task = self.tasks:create_planned(origin)
  local fields = {
    field("requestStatus", "SUCCESS"),
    field("requestStatusDescription", DESCRIPTIONS.SUCCESS),
    field("taskId", task.id),
  }
  return result(self, call, fields)
end

for operation in pairs(TASK_TYPES) do calls[operation] = start_task end

--- Does what the call asks.
-- @treturn table a reply
function methods:answer(call)
  if call.refused then return call.refused end
  if call.problem then return refusal(self, call.problem) end
  local run = calls[call.operation]
  if run then return run(self, call) end
  return refusal(self, { code = "Client", string = "Unknown operation " .. call.operation })
end

--- Answers with a given envelope in place of doing what the call asks.
-- @tparam table call
-- @tparam table given `soap_fault`, or `code` and `message`
-- @treturn table a reply
function methods:answer_with(call, given)
  local fault = given.soap_fault
  if fault then
    return fault_reply(self, {
      code = fault.code or "SOAP-ENV:Server",
      string = fault.string or "",
      detail = fault.detail,
      status = fault.status,
    })
  end
  if not call.operation then return self:answer(call) end
  return result(self, call, {}, given.code, given.message)
end

function mt:__tostring()
  return mt.__name
end

return node
