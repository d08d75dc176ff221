-- SPDX-License-Identifier: MIT

--- Mobizon: campaigns, contacts, reports, and the tasks it works on in the background.
-- Numbers and meanings are those of its API documentation (https://mobizon.kz/help/api-docs).
-- @module taskqueue.mobizon
local client = require "taskqueue.client"
local core = require "taskqueue.core"
local failure = require "taskqueue.failure"
local options = require "taskqueue.options"
local strict = require "taskqueue.strict"
local task = require "taskqueue.task"

local kind = failure.kind
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

-- What a code means: words, kind, and whether a poll that got it may succeed later.
local meanings = {
  [1] = { "the parameters are not valid", kind.SERVICE },
  [2] = { "not found, deleted, or not yours", kind.NOT_FOUND },
  [3] = { "application error", kind.SERVICE, true },
  [4] = { "no such module", kind.SERVICE },
  [5] = { "no such method", kind.SERVICE },
  [6] = { "no such format", kind.SERVICE },
  [8] = { "the API key is not accepted", kind.AUTH },
  [9] = { "access denied", kind.AUTH },
  [10] = { "could not be saved, something else is changing it", kind.SERVICE, true },
  [11] = { "a parameter is missing", kind.SERVICE },
  [12] = { "a parameter is out of its limits", kind.SERVICE },
  [13] = { "this server does not serve this account", kind.SERVICE },
  [14] = { "the account is blocked", kind.AUTH },
  [15] = { "operation error", kind.SERVICE, true },
  [30] = { "called too often", kind.THROTTLED, true },
  [98] = { "done in part", kind.SERVICE },
  [99] = { "nothing was done", kind.SERVICE },
  [999] = { "general service error", kind.SERVICE, true },
}

-- An integer that came as a number or as decimal text.
local function integer(value)
  if type(value) == "string" and value:find("^%s*-?%d+%s*$") then value = tonumber(value) end
  if type(value) == "number" and value % 1 == 0 and math.abs(value) < 2 ^ 53 then return value end
end

-- The envelope in a reply, with a whole number as its code, or nil and why there is none. In XML it
-- is the root, whatever that is called, and all leaves are text.
local function envelope_of(self, reply)
  if reply.outcome ~= "answered" then return nil end
  local decode = self.format == "xml" and core.decode_xml or core.decode_json
  local envelope, why = decode(reply.body)
  if why then return nil, ("no %s, %s"):format(self.format:upper(), why) end
  if type(envelope) ~= "table" then return nil, "no envelope" end
  envelope.code = integer(envelope.code)
  if not envelope.code then return nil, "no numeric code" end
  return envelope
end

local function is_good(code)
  return code == mobizon.code.OK or code == mobizon.code.BACKGROUND
end

local function is_documented(code)
  return is_good(code) or meanings[code] ~= nil
end

local function is_bad(reply)
  return reply.status < 200 or reply.status > 299
end

local function of_code(envelope, reply, what)
  local words, of, transient = "unknown code", kind.SERVICE, false
  local meaning = meanings[envelope.code]
  if meaning then words, of, transient = meaning[1], meaning[2], meaning[3] end
  local message = ("%s: %s (code %d)%s"):format(what, words, envelope.code,
    failure.quote(envelope.message))
  local detail = { code = envelope.code, http_status = reply.status, data = envelope.data }
  return failure.new(of, message, detail, transient)
end

-- Reads a reply to anything: its envelope when that is a good one, else nil and the failure.
local function read(self, reply, what)
  local function redact(text) return self.native:redact(text) end
  local envelope, why = envelope_of(self, reply)
  if not envelope then
    reply.error = failure.redact(reply.error, redact)
    return nil, failure.of_reply(reply, what, why)
  elseif failure.is_refusal(reply) or (not is_documented(envelope.code) and is_bad(reply)) then
    -- The words of a gateway in between, or of a service that has no words for it.
    return nil, failure.of_reply(reply, what)
  elseif not is_good(envelope.code) then
    return nil, of_code(failure.redact(envelope, redact), reply, what)
  elseif is_bad(reply) then
    return nil, failure.new(kind.PROTOCOL, ("%s: code %d (success) with HTTP %d"):format(what,
      envelope.code, reply.status), { code = envelope.code, http_status = reply.status }, true)
  end
  return envelope
end

local methods = {}

-- What a poll means that told no status.
function methods:read_failure(reply, id)
  local what = "task " .. id
  local envelope, failed = read(self, reply, what)
  if failed then return failed end
  return failure.new(kind.PROTOCOL, what .. ": the reply holds no readable status",
    { code = envelope.code, http_status = reply.status }, true)
end

function methods.explain_end()
  return "rejected by the service"
end

-- The task that a reply with code 100 names.
local function task_of(self, envelope, what)
  local id = envelope.data
  if options.is_id(id) then return (task.begun(self, id)) end
  return failure.values(failure.new(kind.PROTOCOL,
    ("%s: sent to the background (code 100) without a task id"):format(what),
    { code = envelope.code, data = id, attempts = 1 }))
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
  client.check_name("module", module)
  client.check_name("method", method)
  local what = module .. "/" .. method
  local reply, failed = client.call(self, "/service/" .. what, parameters)
  local envelope
  if reply then envelope, failed = read(self, reply, what) end
  if failed then
    failed.detail.attempts = 1
    return failure.values(failed)
  end
  if envelope.code == mobizon.code.BACKGROUND then return task_of(self, envelope, what) end
  return envelope.data
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
