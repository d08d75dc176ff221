-- SPDX-License-Identifier: MIT

--- What the clients of all services have in common.
-- A service adds `call`, `read_failure(reply, id)`, which tells what a poll without a status means,
-- and `explain_end(status)`.
-- @classmod client
local aside = require("taskqueue.core").aside
local budgets = require "taskqueue.budgets"
local engine = require "taskqueue.engine"
local failure = require "taskqueue.failure"
local look = require "taskqueue.look"
local loops = require "taskqueue.loop"
local need = require "taskqueue.need"
local new_task = require("taskqueue.task").new
local version = require "taskqueue.version"

local kind = failure.kind
-- Loaded by the first wait.
local wait
local client = {}

-- Options that every client takes.
client.options = {
  url = { is = "string" },
  rate = { is = "positive number" },
  burst = { is = "burst", default = 1 },
  connect_timeout = { is = "positive span", default = 10 },
  request_timeout = { is = "positive span", default = 30 },
  max_response_bytes = { is = "positive count", default = 16 * 1024 * 1024 },
  max_connections = { is = "positive count", default = 64 },
  ca_file = { is = "string" },
  client_cert = { is = "string" },
  client_key = { is = "string" },
  proxy = { is = "string" },
  user_agent = { is = "string", default = "taskqueue/" .. version },
  fleet = { is = "fleet" },
  insecure = { is = "boolean", default = false },
  allow_plain_http = { is = "boolean", default = false },
}

-- The clients that are open or in use, by the order in which they were made.
local clients = setmetatable({}, { __mode = "v" })
local last_number = 0

-- The open clients in the order in which they were made.
-- @treturn table a list
function client.open_ones()
  local open = {}
  for _, number in ipairs(budgets.sorted_keys(clients)) do
    local one = clients[number]
    if one and not one:is_closed() then open[#open + 1] = one end
  end
  return open
end

local methods = {}
client.methods = methods

--- A handle of a task. Does no I/O.
-- @tparam string|number id
-- @treturn task
-- @raise when the id is no whole number and no text
function methods:task(id)
  -- Aside, as in `wait.lua`: most coroutines that wait have made a handle before.
  local ok, task = aside(new_task, self, id)
  return ok and task or (new_task(self, id))
end

--- Looks at a task once; see `task:get_status`.
function methods:get_status(id)
  local status, message, of, detail = look(new_task(self, id))
  return status, message, of, detail
end

--- Waits until a task has ended; see `task:wait_until_done`.
function methods:wait_until_done(id, given)
  wait = wait or need "taskqueue.wait"
  return wait.of_id(self, id, given)
end

-- The watches of a client as they are now, in the order of their tasks' ids.
function methods:watch_list()
  local list = {}
  for i, id in ipairs(budgets.sorted_keys(self.watches)) do list[i] = self.watches[id] end
  return list
end

-- Suspends the caller until a request of its own has come to an end, or the client is closed.
-- `pending` is a sleeper, whose `call` or `native` is what is under way.
function methods:await(pending)
  self.requests = self.requests + 1
  local number = self.requests
  self.pending[number] = pending
  function pending.give_up()
    self.pending[number] = nil
    if pending.native then pending.native:stop() end
    if pending.call then pending.call:cancel() end
  end
  engine.park(pending, math.huge)
  self.pending[number] = nil
end

-- Calls a function that a finalizer may disturb, which closes the client; false then, else true and
-- what the function gives.
function methods:unless_closed(fn, ...)
  local ok, result = pcall(fn, ...)
  if not ok and not self:is_closed() then error(result, 0) end
  return ok, result
end

--- Takes up what `task:export` or `taskqueue.export` gave, in this process or another one.
-- @tparam table data of one task, or of all; of the latter only what is this client's is taken
-- @treturn task a handle, or a list of handles
-- @raise when the data is no export, or that of another service's task
function methods:import(data)
  if self:is_closed() then error("import: the client is closed", 2) end
  local ok, result = pcall(need("taskqueue.export").import, self, data)
  if not ok then error(result, 2) end
  return result
end

function methods:is_closed()
  return self.native:is_closed()
end

--- Ends the client: waits in progress and calls end with the kind `closed`. Can be repeated.
function methods:close()
  if self:is_closed() then return end
  for _, watch in ipairs(self:watch_list()) do
    watch:end_all(kind.CLOSED, ("task %s: the client was closed"):format(watch.id))
    watch:stop()
  end
  for _, number in ipairs(budgets.sorted_keys(self.pending)) do
    local pending = self.pending[number]
    pending.outcome = failure.new(kind.CLOSED, "the client was closed")
    if pending.native then pending.native:stop() end
    if pending.call then pending.call:cancel() end
    pending:wake()
  end
  self.native:close()
  self.budget.rates[self] = nil
  budgets.settle_rate(self.budget)
end

-- Makes the metatable of a service's clients.
-- @tparam string name of the service
-- @tparam table own its methods
function client.type(name, own)
  for key, method in pairs(methods) do
    if own[key] == nil then own[key] = method end
  end
  own.service = name
  return {
    __name = "taskqueue." .. name,
    __index = own,
    __close = own.close,
    __tostring = function(self)
      return ("taskqueue.%s (%s)%s%s"):format(name, self.url,
        self.insecure and " INSECURE: TLS is not verified" or "",
        self:is_closed() and " closed" or "")
    end,
  }
end

-- Puts a client together.
-- @tparam table mt from `client.type`
-- @tparam userdata native
-- @tparam table checked options, complete
-- @tparam string credential what a budget belongs to besides the URL and the method
-- @tparam string method of a status poll
function client.new(mt, native, checked, credential, method)
  last_number = last_number + 1
  local self = setmetatable({
    number = last_number,
    native = native,
    url = checked.url,
    format = checked.format,
    insecure = checked.insecure,
    watches = {},
    commons = {},
    pending = {},
    requests = 0,
    retries = 0,
  }, mt)
  clients[self.number] = self
  self.budget = budgets.join(self, credential, method, checked)
  self.lane = self.budget.lane
  local fleet = checked.fleet or loops.fleet()
  if fleet then
    local ok, why = pcall(fleet.share, fleet, self, credential, method)
    if not ok then
      self:close()
      -- The services call this as their last act.
      error(("%s.new: option 'fleet': %s"):format(mt.__index.service, why), 2)
    end
  end
  return self
end

return client
