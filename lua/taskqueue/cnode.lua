-- SPDX-License-Identifier: MIT

--- The Billon Corporate Node: log-ins, registrations, transfers of money, and the tasks they are.
-- SOAP 1.1 over HTTP; names are those of the node's documentation.
-- @module taskqueue.cnode
local client = require "taskqueue.client"
local core = require "taskqueue.core"
local failure = require "taskqueue.failure"
local look = require "taskqueue.look"
local options = require "taskqueue.options"
local strict = require "taskqueue.strict"
local task = require "taskqueue.task"

local kind = failure.kind
local cnode = {}

local function by_name(title, prefix, names)
  local constants = {}
  for name in names:gmatch("%S+") do constants[name] = prefix .. name end
  return strict(title, constants)
end

--- Task statuses, as `status.code` has them. FINISHED_OK is success, every other FINISHED_... a
-- failure; with any other one, known or not, the task goes on.
cnode.status = by_name("taskqueue.cnode.status", "", [[
  PREPARATION SEARCHING WAITING_FOR_USER_DECISION WAITING_FOR_VERIFICATION
  WAITING_FOR_WRITE_PERMISSION SERIES_ACCEPTED TRANSFERRING WAITING_FOR_RESTART SERIES_FINISHED
  FINISHED_OK FINISHED_REVOKED FINISHED_ERR FINISHED_ERR_USER_REJECTED FINISHED_ERR_TOO_OFTEN
  FINISHED_ERR_LOCKED FINISHED_ERR_USER_NOT_FOUND FINISHED_ERR_ITEM_NOT_FOUND
  FINISHED_ERR_NOT_FOUND FINISHED_ERR_INVALID_USERNAME FINISHED_ERR_USER_NOT_AUTHENTICATED
  FINISHED_ERR_INVALID_DATA FINISHED_ERR_INVALID_ACCOUNT_NUMBER FINISHED_ERR_TIMEOUT
  FINISHED_ERR_SELLER_LIMITS_EXCEEDED FINISHED_ERR_BUYER_LIMITS_EXCEEDED
  FINISHED_ERR_CHANGE_MISMATCH FINISHED_ERR_COLLECTING_MONEX_AMOUNT FINISHED_ERR_NOT_ENOUGH_MONEY
  FINISHED_ERR_CANCELLED FINISHED_ERR_OUTDATED FINISHED_ERR_VERIFICATION_TIMEOUT
  FINISHED_ERR_INTERNAL_ERROR FINISHED_ERR_SERIES_CONSTRAINTS_EXCEEDED
  FINISHED_ERR_OUT_TRANSFERS_LIMIT_EXCEEDED FINISHED_ERR_CANCELLED_DUE_TO_PREVIOUS_ERROR
  FINISHED_ERR_USER_TIMEOUT]])

--- Errors of requests, as `detail.code` has them. The node spells "does not exist" in two ways.
cnode.error = by_name("taskqueue.cnode.error", "ERR_", [[
  INVALID_TASK_ID TASK_DOES_NOT_EXIST TASK_DOES_NOT_EXISTS TECHNICAL_PROBLEM TIMEOUT]])

local not_found = {
  [cnode.error.TASK_DOES_NOT_EXIST] = true,
  [cnode.error.TASK_DOES_NOT_EXISTS] = true,
}
local known = { SUCCESS = true }
for _, symbol in pairs(cnode.error) do known[symbol] = true end

local transient = {
  [cnode.error.TECHNICAL_PROBLEM] = true,
  [cnode.error.TIMEOUT] = true,
}

-- A leaf's text without white space around it, or nil when there is none.
local function text_of(fields, name)
  local value = fields[name]
  if type(value) == "table" and type(value[1]) == "string" then value = value[1] end
  value = type(value) == "string" and value:match("^%s*(.-)%s*$")
  return value and value ~= "" and value or nil
end

local function of_symbol(symbol, fields, reply, what, redact)
  if not known[symbol] then symbol = redact(symbol) end
  local of = not_found[symbol] and kind.NOT_FOUND or kind.SERVICE
  local message = ("%s: %s%s"):format(what, failure.line(symbol),
    failure.quote(text_of(fields, "requestStatusDescription")))
  local detail = { code = symbol, http_status = reply.status, data = fields }
  return failure.new(of, message, detail, transient[symbol])
end

-- A Fault of the server's own making may pass; one that blames the request will not.
local function of_fault(fault, reply, what)
  local code = fault.faultcode or "Fault"
  local message = ("%s: %s%s"):format(what, failure.line(code), failure.quote(fault.faultstring))
  local detail = {
    code = code,
    faultcode = fault.faultcode,
    faultstring = fault.faultstring,
    http_status = reply.status,
    data = fault.detail,
  }
  local blame = code:match("[^:]+$") or code
  return failure.new(kind.SERVICE, message, detail, blame:find("^Server") ~= nil)
end

-- A document that grows too large by its references is one that cannot be read.
local function decode(text)
  local ok, fields, fault, why = pcall(core.decode_soap, text)
  if not ok then return nil, nil, fields end
  return fields, fault, why
end

-- Reads a reply to anything: the fields of a good answer, else nil and the failure.
local function read(self, reply, what)
  local function redact(text) return self.native:redact(text) end
  local fields, fault, why
  if reply.outcome == "answered" then fields, fault, why = decode(reply.body) end
  if reply.outcome == "answered" and failure.is_refusal(reply) then
    return nil, failure.of_reply(reply, what)
  end
  if fault then return nil, of_fault(failure.redact(fault, redact), reply, what) end
  if not fields then
    reply.error = failure.redact(reply.error, redact)
    return nil, failure.of_reply(reply, what, why)
  end
  if type(fields) ~= "table" then fields = {} end
  local symbol = text_of(fields, "requestStatus")
  if fields.requestStatus and not symbol then
    return nil, failure.of_reply(reply, what, "an empty requestStatus")
  elseif symbol and symbol ~= "SUCCESS" then
    return nil, of_symbol(symbol, failure.redact(fields, redact), reply, what, redact)
  elseif reply.status < 200 or reply.status > 299 then
    local message = ("%s: an answer with HTTP %d"):format(what, reply.status)
    return nil, failure.new(kind.PROTOCOL, message, { http_status = reply.status }, true)
  end
  return fields
end

local methods = {}

-- What a poll means that told no status.
function methods:read_failure(reply, id)
  local what = "task " .. id
  local _, failed = read(self, reply, what)
  return failed or failure.new(kind.PROTOCOL, what .. ": the reply holds no readable status",
    { http_status = reply.status }, true)
end

function methods.explain_end(_, status)
  return "ended with " .. failure.line(status.code)
end

local status_arguments = {
  uniqueTransferId = { is = "string" },
  callback = { is = "boolean" },
}

--- Looks at a task once, in its turn under the budget, without a retry.
-- @tparam string|number id
-- @tparam[opt] table arguments `uniqueTransferId` (string) and `callback` (boolean; what it makes
-- the node do is not documented), sent only when given
-- @treturn[1] table the status
-- @treturn[2] nil
-- @treturn[2] string message
-- @treturn[2] string kind
-- @treturn[2] table detail
function methods:get_status(id, arguments)
  local handle = task.new(self, id)
  local checked = options.check("get_status", arguments, status_arguments)
  local request
  if next(checked) then
    request = core.encode_soap {
      { "uniqueTransferId", checked.uniqueTransferId or core.null },
      { "callback", checked.callback == nil and core.null or checked.callback },
    }
  end
  local status, message, of, detail = look(handle, request)
  return status, message, of, detail
end

--- Calls an operation. The request is sent once and never repeated by itself.
-- @tparam string operation for instance "giveMoneyRequest"
-- @tparam[opt] table arguments strings, numbers, booleans and tables of them. A table goes in the
-- order of its names; a list of { name, value } pairs keeps its own order; any other list repeats
-- its element
-- @treturn[1] task when the node answered with a task's id
-- @treturn[2] table else the answer's fields: text, or tables where they nest
-- @treturn[3] nil
-- @treturn[3] string message
-- @treturn[3] string kind
-- @treturn[3] table detail
-- @raise for an argument that cannot be sent
function methods:call(operation, arguments)
  client.check_name("operation", operation)
  local reply, failed = client.call(self, operation, arguments)
  local fields
  if reply then fields, failed = read(self, reply, operation) end
  if failed then
    failed.detail.attempts = 1
    return failure.values(failed)
  end
  local id = text_of(fields, "taskId")
  if not id then return fields end
  if options.is_id(id) then return (task.begun(self, id)) end
  return failure.values(failure.new(kind.PROTOCOL,
    ("%s: answered with a task id that cannot be one"):format(operation),
    { data = fields, attempts = 1 }))
end

local mt = client.type("cnode", methods)

local spec = {
  username = { is = "user name" },
  password = { is = "string" },
}
for name, rule in pairs(client.options) do spec[name] = spec[name] or rule end

local DEFAULT_URL = "http://127.0.0.1:9091/"

--- Makes a client. Does no I/O.
-- @tparam[opt] table given options, see `docs/clients.md`
-- @treturn client
-- @raise for an unknown or wrong option
function cnode.new(given)
  local checked = options.check("cnode.new", given, spec)
  checked.url = checked.url or DEFAULT_URL
  local ok, native = pcall(core.cnode, checked)
  if not ok then error("cnode.new: " .. tostring(native), 2) end
  local credential = (checked.username or "") .. "\0" .. (checked.password or "")
  checked.rate = checked.rate or math.huge
  return client.new(mt, native, checked, credential, "getTaskStatus")
end

return cnode
