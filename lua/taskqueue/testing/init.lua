-- SPDX-License-Identifier: MIT

--- Waits on simulated time, for tasks that are scripted without a server.
-- In a world the clock stands, except that whoever waits moves it: half an hour of waiting takes
-- milliseconds, and goes the same way each time. The clients are real ones, and so are the bytes;
-- only the network is not.
-- @module taskqueue.testing
local budgets = require "taskqueue.budgets"
local builtin = require "taskqueue.loop.builtin"
local core = require "taskqueue.core"
local engine = require "taskqueue.engine"
local export = require "taskqueue.export"
local options = require "taskqueue.options"
local script = require "taskqueue.testing.script"
local watch = require "taskqueue.watch"
local wire = require "taskqueue.testing.wire"

local testing = {}

-- Where a world's clocks begin: the monotonic one, and the wall clock as a Unix time.
local BEGIN, WALL_BEGIN = 1e6, 1e9

local methods = {}
local mt = { __name = "taskqueue.testing.world", __index = methods }
local current

-- A generator of our own (Park and Miller's), because not every Lua's can be seeded for oneself.
local function new_random(seed)
  local state = seed % 2147483646 + 1
  return function()
    state = state * 16807 % 2147483647
    return state / 2147483647
  end
end

--- Seconds since the world began.
-- @treturn number
function methods:now()
  return core.now() - BEGIN
end

--- Makes a client of the world's Mobizon.
-- @tparam[opt] table given options as for `taskqueue.mobizon.new`; none is required
-- @treturn client
function methods:mobizon(given)
  local complete = { url = "https://mobizon.test", api_key = "testing" }
  for name, value in pairs(given or {}) do complete[name] = value end
  return self:keep(require("taskqueue.mobizon").new(complete))
end

--- Makes a client of the world's Corporate Node.
-- @tparam[opt] table given options as for `taskqueue.cnode.new`
-- @treturn client
function methods:cnode(given)
  local complete = { url = "https://cnode.test/" }
  for name, value in pairs(given or {}) do complete[name] = value end
  return self:keep(require("taskqueue.cnode").new(complete))
end

function methods:keep(client)
  self.clients[#self.clients + 1] = client
  return client
end

--- Begins a task now.
-- @tparam[opt] table given `id`, `service` ("mobizon" or "cnode"), `delay` until it starts (0) and
-- `duration` (60) in seconds, `progress` ("linear"; "none"; a list of { fraction, percent }; or a
-- function of the seconds since its start), `outcome` ("completed", "rejected", "stuck", or a
-- status of the node)
-- @treturn string its id
function methods:task(given)
  local task = script.check("task", given)
  self.last_id = self.last_id + 1
  task.id = task.id or tostring(self.last_id)
  task.begun = core.now()
  self.tasks[task.service .. task.id] = task
  return task.id
end

--- Scripts the next task that a call begins; several times for several.
-- @tparam table given as for `task`
function methods:next_task(given)
  script.check("next_task", given)
  self.upcoming[#self.upcoming + 1] = given
end

--- Lets a service forget a task.
function methods:forget(id, service)
  self.tasks[(service or "mobizon") .. id] = nil
end

local fault_spec = {
  times = { is = "count", default = 1 },
  id = { is = "string" },
  http_status = { is = "count" },
  retry_after = { is = "span" },
  body = { is = "text" },
  code = { is = "code" },
  outcome = { is = { "network", "tls", "untrusted", "unreadable", "silent" } },
  latency = { is = "span" },
}

--- Lets the next requests fare otherwise.
-- @tparam table given `times` (1; math.huge for all), `id` (only requests for that task), and what
-- happens: `code` of the service, `http_status`, `retry_after` (seconds), `body`, `outcome`
-- ("network", "tls", "untrusted", "unreadable", or "silent": there is no answer), `latency`
function methods:fault(given)
  self.faults[#self.faults + 1] = options.check("fault", given, fault_spec)
end

--- Answers calls of a method.
-- @tparam string method "module/method", or the node's operation
-- @tparam function fn gets the request (`service`, `method`, `body`) and gives the data of the
-- answer, or a task's id and "task"
function methods:on(method, fn)
  self.handlers[method:lower()] = fn
end

local function next_fault(self, request)
  for i, fault in ipairs(self.faults) do
    if fault.id == nil or fault.id == request.id then
      fault.times = fault.times - 1
      if fault.times <= 0 then table.remove(self.faults, i) end
      return fault
    end
  end
end

local function faulty_reply(fault, request, body)
  local outcome = fault.outcome
  if outcome then return { outcome = outcome, error = "scripted: " .. outcome } end
  if fault.code then body = wire.failed(request, fault.code, "scripted") end
  return {
    status = fault.http_status or 200, retry_after = fault.retry_after, body = fault.body or body,
  }
end

local function begin_task(self, request)
  local given = table.remove(self.upcoming, 1) or {}
  local complete = { service = request.service }
  for name, value in pairs(given) do complete[name] = value end
  return self:task(complete)
end

local function body_of(self, request)
  if request.id then
    local task = self.tasks[request.service .. request.id]
    if not task then return wire.missing(request) end
    return wire.status(request, script.at(task, core.now() - task.begun))
  end
  local handler = self.handlers[request.method:lower()]
  if not handler then return wire.begun(request, begin_task(self, request)) end
  local data, what = handler(request)
  if what == "task" then return wire.begun(request, data) end
  return wire.data(request, data)
end

-- A reply comes after the latency; no reply is a request that is given up at its time-out.
local function deliver(self, number, reply, latency)
  local owner, timer = { broken = function(_, message) error(message, 0) end }, nil
  function owner.timer()
    self.timers[timer] = nil
    core.answer(number, reply)
  end
  timer = core.engine():set_timer(core.now() + latency, owner)
  self.timers[timer] = true
end

local function serve(self, number, url, body)
  local request = wire.read(url, body)
  local fault = next_fault(self, request)
  local reply = { status = 200, body = body_of(self, request) }
  local latency = fault and fault.latency or self.latency
  if fault then reply = faulty_reply(fault, request, reply.body) end
  self.requests[#self.requests + 1] = {
    time = self:now(), service = request.service, method = request.method, id = request.id,
    fault = fault ~= nil,
  }
  if reply.outcome == "silent" then
    reply, latency = { outcome = "network", error = "scripted: no answer" }, self.request_timeout
  end
  deliver(self, number, reply, latency)
end

--- The requests so far, the oldest first.
-- @treturn table a list of `{ time =, service =, method =, id =, fault = }`
function methods:log()
  return self.requests
end

local world_spec = {
  seed = { is = "count", default = 1 },
  latency = { is = "span", default = 0.05 },
  request_timeout = { is = "positive span", default = 30 },
}

--- Begins a world. Until it is stopped time is simulated, and every client of the process is in it.
-- @tparam[opt] table given `seed` of what is random (1), `latency` of an answer in seconds (0.05),
-- `request_timeout` after which a silent request fails (30)
-- @treturn world
-- @raise when there is one already, and while requests are in flight
function testing.start(given)
  if current then error("testing.start: there is a world already", 2) end
  local self = options.check("testing.start", given, world_spec)
  local ok, why = pcall(core.simulate, BEGIN)
  if not ok then error("testing.start: " .. tostring(why), 2) end
  budgets.set_aside()
  self.tasks, self.upcoming, self.faults, self.handlers = {}, {}, {}, {}
  self.requests, self.clients, self.timers, self.last_id = {}, {}, {}, 100000
  self.random, watch.random = watch.random, new_random(self.seed)
  self.wall_time, export.wall_time = export.wall_time, function()
    return WALL_BEGIN + core.now() - BEGIN
  end
  current = setmetatable(self, mt)
  engine.play(function(...) serve(self, ...) end)
  return self
end

--- Ends the world: its clients are closed, and the real clock goes on. Can be repeated.
-- @raise while requests of other clients are in flight
function methods:stop()
  if current ~= self then return end
  for _, client in ipairs(self.clients) do client:close() end
  local ok, why = pcall(core.take_up_clock)
  if not ok then error("world:stop: " .. tostring(why), 2) end
  for timer in pairs(self.timers) do core.engine():clear_timer(timer) end
  budgets.forget_unused()
  budgets.take_back()
  engine.play(nil)
  current, watch.random, export.wall_time = nil, self.random, self.wall_time
end

--- Runs a function in a world, as a coroutine of the built-in loop.
-- @tparam[opt] table given options of the world
-- @tparam function fn gets the world
-- @return what it returns
function testing.run(given, fn)
  if fn == nil then given, fn = nil, given end
  if type(fn) ~= "function" then error("testing.run: no function is given", 2) end
  local world = testing.start(given)
  local function finish(ok, ...)
    -- What has not ended belongs to this world, and ends with it.
    builtin.abandon(builtin.main)
    world:stop()
    if not ok then error((...), 0) end
    return ...
  end
  return finish(pcall(require("taskqueue").run, fn, world))
end

return testing
