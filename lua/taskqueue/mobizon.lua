-- SPDX-License-Identifier: MIT

--- Mobizon: campaigns, contacts, reports, and the tasks it works on in the background.
-- Numbers and meanings are those of its API documentation (https://mobizon.kz/help/api-docs).
-- @module taskqueue.mobizon
local client = require "taskqueue.client"
local core = require "taskqueue.core"
local need = require "taskqueue.need"
local options = require "taskqueue.options"
local strict = require "taskqueue.strict"

local mobizon = {}

--- Task statuses, as `status.code` has them.
mobizon.status = strict("taskqueue.mobizon.status", {
  WAITING = 0,
  IN_PROGRESS = 1,
  COMPLETED = 2,
  REJECTED = 3,
})

--- Codes of replies, as `detail.code` has them.
mobizon.code = strict("taskqueue.mobizon.code", {
  OK = 0,
  VALIDATION_ERROR = 1,
  NOT_FOUND = 2,
  APPLICATION_ERROR = 3,
  WRONG_MODULE = 4,
  WRONG_METHOD = 5,
  WRONG_FORMAT = 6,
  LOGIN_FAILED = 8,
  ACCESS_DENIED = 9,
  NOT_SAVED = 10,
  PARAMETER_MISSING = 11,
  PARAMETER_INVALID = 12,
  WRONG_SERVER = 13,
  ACCOUNT_BLOCKED = 14,
  OPERATION_ERROR = 15,
  TOO_FREQUENT = 30,
  PARTLY_DONE = 98,
  NOTHING_DONE = 99,
  BACKGROUND = 100,
  SERVICE_ERROR = 999,
})

local status_names = {}
for name, code in pairs(mobizon.status) do status_names[code] = name end

--- The name of a task status.
-- @tparam number code 0 to 3
-- @treturn ?string for instance "COMPLETED"; nil for a code that is not documented
function mobizon.status_name(code)
  return status_names[code]
end

local methods = {}

-- What a poll means that told no status.
function methods:read_failure(reply, id)
  return need("taskqueue.calls.mobizon").read_failure(self, reply, id)
end

function methods.explain_end()
  return "rejected by the service"
end

--- Calls a method of the API. The request is sent once and never repeated by itself.
-- @tparam string module for instance "campaign"
-- @tparam string method for instance "addRecipients"
-- @tparam[opt] table parameters strings, numbers, booleans (sent as 1 and 0), tables of them in
-- PHP's bracket notation, lists counted from 0, and `taskqueue.file`
-- @treturn[1] task when the service sent the work to the background (code 100)
-- @treturn[2] any the decoded `data`, with `taskqueue.null` for null
-- @treturn[3] nil
-- @treturn[3] string message
-- @treturn[3] string kind
-- @treturn[3] table detail
-- @raise for a parameter that cannot be sent, and for a file that cannot be read
function methods:call(module, method, parameters)
  -- A tail call: an error blames the caller.
  return need("taskqueue.calls.mobizon").call(self, module, method, parameters)
end

local mt = client.type("mobizon", methods)

local spec = {
  api_key = { is = "string", required = true },
  host = { is = "string" },
  format = { is = { "json", "xml" }, default = "json" },
  key_in = { is = { "body", "query" }, default = "body" },
}
for name, rule in pairs(client.options) do spec[name] = spec[name] or rule end

local DEFAULT_HOST = "api.mobizon.kz"
-- One getStatus a second, says the page of the method.
local DEFAULT_RATE = 1

local function base_url(checked)
  if checked.url and checked.host then
    error("mobizon.new: give either 'host' or 'url', not both", 3)
  end
  if checked.url then return (checked.url:gsub("/+$", "")) end
  local host = checked.host or DEFAULT_HOST
  if not host:find("^[%w.-]+:?%d*$") then
    error("mobizon.new: option 'host' must be a host name, with a port or without", 3)
  end
  return "https://" .. host
end

--- Makes a client. Does no I/O.
-- @tparam table given options, see `docs/clients.md`
-- @treturn client
-- @raise for an unknown, missing or wrong option
function mobizon.new(given)
  local checked = options.check("mobizon.new", given, spec)
  checked.url = base_url(checked)
  local ok, native = pcall(core.mobizon, checked)
  if not ok then error("mobizon.new: " .. tostring(native), 2) end
  checked.rate = checked.rate or DEFAULT_RATE
  return client.new(mt, native, checked, checked.api_key, "taskqueue/getStatus")
end

return mobizon
