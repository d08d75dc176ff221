-- SPDX-License-Identifier: MIT
-- What Mobizon is called for and what it answers, beside statuses.
local codes = require("taskqueue.mobizon").code
local common = require "taskqueue.calls"
local core = require "taskqueue.core"
local failure = require "taskqueue.failure"
local options = require "taskqueue.options"
local replies = require "taskqueue.calls.replies"
local task = require "taskqueue.task"

local kind = failure.kind
local calls = {}

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
  return code == codes.OK or code == codes.BACKGROUND
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
    replies.quote(envelope.message))
  local detail = { code = envelope.code, http_status = reply.status, data = envelope.data }
  return failure.new(of, message, detail, transient)
end

-- Reads a reply to anything: its envelope when that is a good one, else nil and the failure.
local function read(self, reply, what)
  local function redact(text) return self.native:redact(text) end
  local envelope, why = envelope_of(self, reply)
  if not envelope then
    reply.error = replies.redact(reply.error, redact)
    return nil, replies.failure(reply, what, why)
  elseif replies.is_refusal(reply) or (not is_documented(envelope.code) and is_bad(reply)) then
    -- The words of a gateway in between, or of a service that has no words for it.
    return nil, replies.failure(reply, what)
  elseif not is_good(envelope.code) then
    return nil, of_code(replies.redact(envelope, redact), reply, what)
  elseif is_bad(reply) then
    return nil, failure.new(kind.PROTOCOL, ("%s: code %d (success) with HTTP %d"):format(what,
      envelope.code, reply.status), { code = envelope.code, http_status = reply.status }, true)
  end
  return envelope
end

-- The task that a reply with code 100 names.
local function task_of(self, envelope, what)
  local id = envelope.data
  if options.is_id(id) then return (task.begun(self, id)) end
  return failure.values(failure.new(kind.PROTOCOL,
    ("%s: sent to the background (code 100) without a task id"):format(what),
    { code = envelope.code, data = id, attempts = 1 }))
end

--- What a poll means that told no status.
function calls.read_failure(self, reply, id)
  local what = "task " .. id
  local envelope, failed = read(self, reply, what)
  if failed then return failed end
  return failure.new(kind.PROTOCOL, what .. ": the reply holds no readable status",
    { code = envelope.code, http_status = reply.status }, true)
end

--- Calls a method, as `client:call` says; an error blames the caller of that.
function calls.call(self, module, method, parameters)
  common.check_name("module", module)
  common.check_name("method", method)
  local what = module .. "/" .. method
  local reply, failed = common.call(self, "/service/" .. what, parameters)
  local envelope
  if reply then envelope, failed = read(self, reply, what) end
  if failed then
    failed.detail.attempts = 1
    return failure.values(failed)
  end
  if envelope.code == codes.BACKGROUND then return task_of(self, envelope, what) end
  return envelope.data
end

return calls
