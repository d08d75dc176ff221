-- SPDX-License-Identifier: MIT
-- All that lives in the server's own Lua state: the services, the tasks, the faults and the log.
-- `answer` is called by the server's thread, everything else by the user's through `server:call`.
--
-- A service is a file of its own with `new(config, store, now)`, a field `name` (whose tasks and
-- faults are its own) and the methods
--   is_mine(request)         is the request for this service?
--   read(request)            the call: a table with `method` (lower case) and, for faults and the
--                            log, `id`, `key_in`, `soap_action`, `authenticated`
--   answer(call)             does what the call asks; gives a reply: `status`, `headers`, `body`
--                            and, for the log, `code`
--   answer_with(call, rule)  a reply with the rule's own envelope instead

local json = require("cjson.safe")
local faults = require("taskqueue.sim.faults")
local tasks = require("taskqueue.sim.tasks")

-- One file a service, asked in this order whose request it is.
local SERVICES = { "taskqueue.sim.mobizon", "taskqueue.sim.node" }

local methods = {}
local mt = { __name = "taskqueue.sim.world", __index = methods }

local world = {}

local MAX_ERRORS = 100
local NOTED = { "method", "id", "key_in", "soap_action", "authenticated" }

--- @tparam table config checked options
-- @tparam function now gives seconds
function world.new(config, now)
  local store = tasks.new(now, config.forget_after, config.task)
  local self = {
    clock = now,
    store = store,
    rules = faults.new(),
    entries = {},
    failures = {},
    services = {},
    keeps_bodies = config.keep_bodies,
  }
  for i, name in ipairs(SERVICES) do self.services[i] = require(name).new(config, store, now) end
  return setmetatable(self, mt)
end

-- ---- answering ----

local function service_for(self, request)
  for _, service in ipairs(self.services) do
    if service:is_mine(request) then return service end
  end
end

local function with_fault(rule, service, call)
  local reply = { status = 200, headers = {}, body = "" }
  if faults.is_executed(rule) then reply = service:answer(call) end
  if faults.has_envelope(rule) then reply = service:answer_with(call, rule) end
  faults.apply(rule, reply)
  return reply
end

local function note(entry, reply)
  entry.code = reply.code
  if reply.shown_status ~= false then entry.http_status = reply.status end
end

local function handle(self, request, entry)
  local service = service_for(self, request)
  if not service then
    entry.http_status = 404
    return { status = 404, headers = { { "Content-Type", "text/plain" } }, body = "Not found\n" }
  end
  local call = service:read(request)
  call.service = service.name
  for _, name in ipairs(NOTED) do entry[name] = call[name] end
  local rule = self.rules:take(call)
  entry.fault = rule ~= nil
  local reply = rule and with_fault(rule, service, call) or service:answer(call)
  note(entry, reply)
  return reply
end

--- Keeps an error for `sim:errors`.
function methods:note_failure(message)
  table.insert(self.failures, message)
  if #self.failures > MAX_ERRORS then table.remove(self.failures, 1) end
end

local function fail(self, entry, message)
  self:note_failure(message)
  entry.code, entry.http_status = 999, 500
  return {
    status = 500,
    headers = { { "Content-Type", "application/json" } },
    body = '{"code":999,"data":[],"message":"The simulator failed"}',
  }
end

--- Answers a request; see src/sim/exchange.h for both tables.
function methods:answer(request)
  local entry = {
    time = self.clock(),
    connection = request.connection,
    query = request.query,
    body_bytes = #request.body,
    content_type = request.content_type,
    body = self.keeps_bodies and request.body or nil,
    user_agent = self.keeps_bodies and request.user_agent or nil,
    fault = false,
  }
  self.entries[#self.entries + 1] = entry
  local is_ok, reply = xpcall(handle, debug.traceback, self, request, entry)
  if is_ok then return reply end
  return fail(self, entry, tostring(reply))
end

-- ---- the user's side: sim:task and so on ----

local MOBIZON, NODE = { service = "mobizon" }, { service = "node", type = "GIVE_MONEY" }

function methods:task(given)
  local is_node = given and given.service == "node"
  local task, message = self.store:create(given, is_node and NODE or MOBIZON)
  return task and task.id, message
end

function methods:next_task(given)
  self.store:plan(given)
end

function methods:tasks()
  return self.store:list()
end

function methods:forget(id)
  return self.store:forget(id)
end

function methods:now()
  return self.clock()
end

--- Adds a fault; its `data` become text here, so that what cannot be written is told at once.
function methods:fault(given)
  if given.data ~= nil and not given.data_json then
    local is_empty = type(given.data) == "table" and next(given.data) == nil
    local text, message = json.encode(given.data)
    if not text then return nil, message end
    given.data_json = is_empty and "[]" or text
  end
  self.rules:add(given)
  return true
end

function methods:clear_faults()
  self.rules:clear()
end

function methods:log()
  return self.entries
end

function methods:clear_log()
  local entries = self.entries
  self.entries = {}
  return entries
end

function methods:errors()
  return self.failures
end

function mt:__tostring()
  return mt.__name
end

return world
