-- SPDX-License-Identifier: MIT
-- What a node is called for and what it answers, beside statuses.
local common = require "taskqueue.calls"
local core = require "taskqueue.core"
local errors = require("taskqueue.cnode").error
local failure = require "taskqueue.failure"
local options = require "taskqueue.options"
local replies = require "taskqueue.calls.replies"
local task = require "taskqueue.task"

local kind = failure.kind
local calls = {}

local not_found = {
  [errors.TASK_DOES_NOT_EXIST] = true,
  [errors.TASK_DOES_NOT_EXISTS] = true,
}
local known = { SUCCESS = true }
for _, symbol in pairs(errors) do known[symbol] = true end

local transient = {
  [errors.TECHNICAL_PROBLEM] = true,
  [errors.TIMEOUT] = true,
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
  local message = ("%s: %s%s"):format(what, replies.line(symbol),
    replies.quote(text_of(fields, "requestStatusDescription")))
  local detail = { code = symbol, http_status = reply.status, data = fields }
  return failure.new(of, message, detail, transient[symbol])
end

-- A Fault of the server's own making may pass; one that blames the request will not.
local function of_fault(fault, reply, what)
  local code = fault.faultcode or "Fault"
  local message = ("%s: %s%s"):format(what, replies.line(code), replies.quote(fault.faultstring))
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
  if reply.outcome == "answered" and replies.is_refusal(reply) then
    return nil, replies.failure(reply, what)
  end
  if fault then return nil, of_fault(replies.redact(fault, redact), reply, what) end
  if not fields then
    reply.error = replies.redact(reply.error, redact)
    return nil, replies.failure(reply, what, why)
  end
  if type(fields) ~= "table" then fields = {} end
  local symbol = text_of(fields, "requestStatus")
  if fields.requestStatus and not symbol then
    return nil, replies.failure(reply, what, "an empty requestStatus")
  elseif symbol and symbol ~= "SUCCESS" then
    return nil, of_symbol(symbol, replies.redact(fields, redact), reply, what, redact)
  elseif reply.status < 200 or reply.status > 299 then
    local message = ("%s: an answer with HTTP %d"):format(what, reply.status)
    return nil, failure.new(kind.PROTOCOL, message, { http_status = reply.status }, true)
  end
  return fields
end

--- What a poll means that told no status.
function calls.read_failure(self, reply, id)
  local what = "task " .. id
  local _, failed = read(self, reply, what)
  return failed or failure.new(kind.PROTOCOL, what .. ": the reply holds no readable status",
    { http_status = reply.status }, true)
end

--- Calls an operation, as `client:call` says; an error blames the caller of that.
function calls.call(self, operation, arguments)
  common.check_name("operation", operation)
  local reply, failed = common.call(self, operation, arguments)
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

return calls
