-- SPDX-License-Identifier: MIT

--- The simulated services: a real HTTP server in this process, in a thread of its own.
--
--     local sim = require("taskqueue.sim").start { rate = 10 }
--     local id = sim:task { delay = 0.1, duration = 1 }
--     -- talk to sim.url with sim.api_key, or to the node at sim.node_url
--     sim:stop()
--
-- Times are seconds; `sim:now`, the log and the tasks share one monotonic clock. Wrong options
-- raise at the caller's line. See docs/simulator.md.
-- @module taskqueue.sim

local core = require("taskqueue.sim.core")
local faults = require("taskqueue.sim.faults")
local script = require("taskqueue.sim.script")
local settings = require("taskqueue.sim.settings")

local methods = {}
local mt = { __name = "taskqueue.sim", __index = methods }

local sim = {}

--- The API key of a simulator that was given none: 40 alphanumerics, and no secret.
sim.API_KEY = "simulator0key0for0tests0and0demos0only00"

local function url_of(host, port, is_tls)
  if host == "0.0.0.0" then host = "127.0.0.1" elseif host == "::" then host = "::1" end
  if host:find(":", 1, true) then host = "[" .. host .. "]" end
  return ("%s://%s:%d"):format(is_tls and "https" or "http", host, port)
end

local function start_server(given, api_key)
  local tls, message = settings.tls(given.tls)
  if message then return nil, message end
  return core.start {
    host = given.host or "127.0.0.1",
    port = given.port or 0,
    path = package.path,
    cpath = package.cpath,
    service = "taskqueue.sim.world",
    config = settings.config(given, api_key),
    tls = tls,
  }
end

--- Starts a simulator.
-- @tparam ?table given all optional:
--
-- * `host` "127.0.0.1", `port` 0 (any free one)
-- * `api_key` `sim.API_KEY`
-- * `keys` more keys: `{ [key] = "ok"|"denied"|"blocked"|"elsewhere" }`
-- * `rate` 1: getStatus calls a second that a key may make; `math.huge` for no limit
-- * `forget_after` 3600: seconds after its creation a task is forgotten; `math.huge` for never
-- * `task` defaults for all tasks: `delay`, `duration`, `progress`, `outcome`
-- * `node` the Corporate Node: `generation` "new"|"old", `not_found`, `rate`, `username`,
--   `password`
-- * `keep_bodies` false: the log keeps what was posted
-- * `tls` `cert`, `key` and perhaps `client_ca`: paths or PEM text; `priority` of GnuTLS
--
-- @treturn[1] taskqueue.sim with `url`, `node_url`, `port` and `api_key`
-- @treturn[2] nil when it cannot listen
-- @treturn[2] string why not
function sim.start(given)
  local problem = settings.problem(given)
  if problem then error("taskqueue.sim.start: " .. problem, 2) end
  given = given or {}
  local api_key = given.api_key or sim.API_KEY
  local server, message = start_server(given, api_key)
  if not server then return nil, message end
  local port = server:port()
  local url = url_of(given.host or "127.0.0.1", port, given.tls)
  return setmetatable({
    server = server,
    url = url,
    node_url = url .. "/",
    port = port,
    api_key = api_key,
    is_tls = given.tls ~= nil,
  }, mt)
end

-- Raises at the line of whoever called the method that calls this.
local function check_running(self)
  if not self.server:is_running() then error("simulator is stopped", 3) end
end

local function check(self, name, given, problem_of)
  if not self.server:is_running() then error("simulator is stopped", 3) end
  local problem = problem_of(given, self.is_tls)
  if problem then error(name .. ": " .. problem, 3) end
end

--- Creates a task.
-- @tparam ?table given all optional:
--
-- * `service` "mobizon" or "node"
-- * `id` any string; by default in the service's style
-- * `delay` 0.5: seconds before it starts
-- * `duration` 5: seconds that it runs
-- * `progress` "linear", "uneven", "none" or a list of `{fraction of duration, percent}`
-- * `outcome` "completed", "rejected" or "stuck"; for the node any "FINISHED_…" too
-- * `type`, `states`, `info` of a task of the node: see docs/simulator.md
--
-- @treturn string its id
function methods:task(given)
  check(self, "sim:task", given, script.problem)
  local id, message = self.server:call("task", script.portable(given))
  if not id then error("sim:task: " .. message, 2) end
  return id
end

--- Gives options to the next task that a call creates, of any service unless they name one; may be
-- called again for those after it.
-- @tparam ?table given as for `sim:task`
function methods:next_task(given)
  check(self, "sim:next_task", given, script.problem)
  self.server:call("next_task", script.portable(given))
end

--- The tasks that are not forgotten, the oldest first.
-- @treturn table a list of `{ id, service, type, outcome, created, started, ended, polls }`;
-- `ended` is the true end, in the future if it has not come, `math.huge` for a task that is stuck
function methods:tasks()
  check_running(self)
  return (self.server:call("tasks"))
end

--- Forgets a task: it is not found from now on.
-- @tparam string id
-- @treturn boolean it was known
function methods:forget(id)
  check_running(self)
  if type(id) ~= "string" then error("sim:forget: an id (a string) expected", 2) end
  return (self.server:call("forget", id))
end

--- The simulator's clock.
-- @treturn number monotonic seconds
function methods:now()
  check_running(self)
  return (self.server:call("now"))
end

--- Adds a rule by which the simulator misbehaves, after those that are there.
-- @tparam table given which calls (`service`, `method`, `id`, `skip`, `times`, `chance`, `seed`)
-- and what happens: see the table in docs/simulator.md
function methods:fault(given)
  check(self, "sim:fault", given, faults.problem)
  local is_copied, is_good, message = pcall(self.server.call, self.server, "fault", given)
  if not is_copied then is_good, message = false, is_good end
  if not is_good then error("sim:fault: option 'data': " .. tostring(message), 2) end
end

--- Drops all rules.
function methods:clear_faults()
  check_running(self)
  self.server:call("clear_faults")
end

--- What was asked of the simulator, in order of arrival.
-- @treturn table a list of `{ time, connection, method, id, code, http_status, query, body_bytes,
-- content_type, key_in, soap_action, authenticated, body, fault }`; `code` and `http_status` are
-- nil where none was sent
function methods:log()
  check_running(self)
  return (self.server:call("log"))
end

--- Empties the log.
-- @treturn table what was in it
function methods:clear_log()
  check_running(self)
  return (self.server:call("clear_log"))
end

--- The number of TCP connections accepted so far.
-- @treturn integer
function methods:connections()
  check_running(self)
  return (self.server:connections())
end

--- Errors of the simulator's own code, each of which gave a client an HTTP 500; the last 100.
-- @treturn table a list of strings
function methods:errors()
  check_running(self)
  return (self.server:call("errors"))
end

--- Ends the server, its thread and its connections. May be called again.
function methods:stop()
  self.server:stop()
end

mt.__close = methods.stop

function mt:__tostring()
  return self.server:is_running() and mt.__name .. ": " .. self.url or mt.__name .. ": stopped"
end

return sim
