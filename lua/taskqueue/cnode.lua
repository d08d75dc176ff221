-- SPDX-License-Identifier: MIT

--- The Billon Corporate Node: log-ins, registrations, transfers of money, and the tasks they are.
-- SOAP 1.1 over HTTP; names are those of the node's documentation.
-- @module taskqueue.cnode
local client = require "taskqueue.client"
local core = require "taskqueue.core"
local look = require "taskqueue.look"
local need = require "taskqueue.need"
local options = require "taskqueue.options"
local strict = require "taskqueue.strict"
local task = require "taskqueue.task"

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

local methods = {}

-- What a poll means that told no status.
function methods:read_failure(reply, id)
  return need("taskqueue.calls.cnode").read_failure(self, reply, id)
end

function methods.explain_end(_, status)
  return "ended with " .. need("taskqueue.calls.replies").line(status.code)
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
  -- A tail call: an error blames the caller.
  return need("taskqueue.calls.cnode").call(self, operation, arguments)
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
