-- SPDX-License-Identifier: MIT
-- What the specs share: simulators and clients that are gone after each case.
local core = require "taskqueue.core"
local simulator = require "taskqueue.sim"
local taskqueue = require "taskqueue"

-- Specs do not wait for a back-off that fits a real service.
require("taskqueue.watch").first_retry = 0.02

local support = {}

local opened = {}

local function keep(object, close)
  opened[#opened + 1] = function() close(object) end
  return object
end

--- A simulator without a limit, whose tasks run at once unless told otherwise.
function support.sim(options)
  local complete = { rate = math.huge, task = { delay = 0, duration = 0 } }
  for name, value in pairs(options or {}) do complete[name] = value end
  local sim = assert(simulator.start(complete))
  return keep(sim, sim.stop)
end

--- A client of it, with a rate that a spec does not notice.
function support.client(sim, options)
  local complete = { url = sim.url, api_key = sim.api_key, rate = 200 }
  for name, value in pairs(options or {}) do complete[name] = value end
  local client = taskqueue.mobizon.new(complete)
  return keep(client, client.close)
end

--- A client of the simulator's Corporate Node, with a pace that a spec does not notice.
function support.node(sim, options)
  local complete = { url = sim.node_url, rate = 200 }
  for name, value in pairs(options or {}) do complete[name] = value end
  local client = taskqueue.cnode.new(complete)
  return keep(client, client.close)
end

local function mobizon(format, more)
  local service = {
    WAITING = 0, RUNNING = 1, SUCCEEDED = 2, FAILED = 3, UNKNOWN = 7, NOT_FOUND = 2,
    FAILED_TEXT = "rejected by the service",
    transient = { code = 15 },
    refusal = { code = 30 },
    permanent = {
      { { code = 8 }, "auth" }, { { code = 12 }, "service" }, { { code = 77 }, "service" },
      { { http_status = 401, body = "" }, "auth" }, { { http_status = 404, body = "<p>" }, "http" },
      { { http_status = 302, body = "" }, "http" },
    },
    client = function(sim, options)
      local complete = { format = format }
      for name, value in pairs(options or {}) do complete[name] = value end
      return support.client(sim, complete)
    end,
    identity = function(name) return { api_key = name } end,
    task = function(sim, script) return sim:task(script) end,
    CALL = "report/create", POLL = "taskqueue/getstatus",
    call = function(client) return client:call("report", "create") end,
  }
  function service.reply(status, progress) return { envelope = service.text(status, progress) } end
  for name, value in pairs(more) do service[name] = value end
  return service
end

local NODE_REPLY = [[
<?xml version="1.0"?><E:Envelope xmlns:E="e"><E:Body><n:r xmlns:n="ns1"><return>
<status>%s</status><progressPercent>%d</progressPercent><requestStatus>SUCCESS</requestStatus>
</return></n:r></E:Body></E:Envelope>]]

--- The services, and how to make each do what all of them do.
support.services = {
  mobizon("json", {
    name = "Mobizon in JSON",
    text = function(status, progress)
      local data = ('{"progress":%d,"status":%d}'):format(progress, status)
      return '{"code":0,"data":' .. data .. ',"message":""}'
    end,
    unreadable = { "", "null", "[]", "<r><code>0</code></r>", '{"code":0,"data":{}}' },
  }),
  mobizon("xml", {
    name = "Mobizon in XML",
    text = function(status, progress)
      local data = ("<status>%d</status><progress> %d </progress>"):format(status, progress)
      return "<x:r xmlns:x='u'><x:data a='1'>" .. data .. "</x:data><code>0</code></x:r>"
    end,
    unreadable = {
      "", "<r/>", "<r><code>0</code><data/></r>", "<r><code/><data><status>2</status></data></r>",
      "<r><code>0</code><data><status>done</status></data></r>",
      "<r><code>0</code><data><status>2<b/></status></data></r>",
      "<r><code>0</code><status>2</status></r>", '{"code":0,"data":{"status":2}}',
      "<!DOCTYPE r><r><code>0</code><data><status>2</status></data></r>",
      "<r><code>0x0</code><data><status>2</status></data></r>",
    },
  }),
  {
    name = "the Corporate Node",
    WAITING = "PREPARATION", RUNNING = "TRANSFERRING", SUCCEEDED = "FINISHED_OK",
    FAILED = "FINISHED_ERR", UNKNOWN = "SERIES_FINISHED", NOT_FOUND = "ERR_TASK_DOES_NOT_EXIST",
    FAILED_TEXT = "ended with FINISHED_ERR",
    transient = { code = "ERR_TECHNICAL_PROBLEM" },
    refusal = { http_status = 429, body = "" },
    permanent = {
      { { code = "ERR_INVALID_TASK_ID" }, "service" }, { { code = "ERR_NEW" }, "service" },
      { { soap_fault = { code = "SOAP-ENV:Client", string = "no" } }, "service" },
      { { http_status = 401, body = "" }, "auth" }, { { http_status = 404, body = "<p>" }, "http" },
      { { http_status = 302, body = "" }, "http" },
    },
    text = function(status, progress) return NODE_REPLY:format(status, progress) end,
    reply = function(status, progress) return { body = NODE_REPLY:format(status, progress) } end,
    unreadable = {
      "", "<r/>", '{"code":0}', "<Envelope><Body/></Envelope>", "<Envelope/>",
      "<Body><r><return><status>FINISHED_OK</status></return></r></Body>",
      "<Envelope><Body><r><return><status/></return></r></Body></Envelope>",
      "<Envelope><Body><r><return/></r></Body></Envelope>",
      "<!DOCTYPE a><Envelope><Body><r><status>FINISHED_OK</status></r></Body></Envelope>",
    },
    client = function(sim, options) return support.node(sim, options) end,
    identity = function(name) return { username = name, password = "x" } end,
    task = function(sim, script)
      local complete = { service = "node" }
      for name, value in pairs(script or {}) do complete[name] = value end
      return sim:task(complete)
    end,
    CALL = "startlogin", POLL = "gettaskstatus",
    call = function(client) return client:call("startLogin") end,
  },
}

--- The interpreter that runs the specs, as a word for the shell.
function support.interpreter()
  local i = 0
  while arg and arg[i - 1] do i = i - 1 end
  return arg and i < 0 and arg[i] or (rawget(_G, "jit") and "luajit" or "lua5.4")
end

--- Runs a shell script.
-- @treturn string its output, errors included
-- @treturn number its exit status
function support.shell(script)
  local pipe = assert(io.popen("( " .. script .. '\n) 2>&1 ; echo "|$?"'))
  local output, status = pipe:read("*a"):match("^(.*)|(%d+)\n$")
  pipe:close()
  return output, tonumber(status)
end

--- A file with this content, removed afterwards.
function support.file(content)
  local path = os.tmpname()
  local file = assert(io.open(path, "wb"))
  file:write(content)
  file:close()
  return keep(path, os.remove)
end

--- An empty directory, removed afterwards.
function support.directory()
  local pipe = assert(io.popen("mktemp -d"))
  local path = pipe:read("*l")
  pipe:close()
  return keep(path, function() os.execute("rm -r " .. path) end)
end

--- Closes what the case opened, and fails when the engine still has something to do.
function support.finish()
  for i = #opened, 1, -1 do opened[i]() end
  opened = {}
  collectgarbage()
  collectgarbage()
  local native = core.engine()
  native:step(0)
  assert(native:take() == nil, "the engine still has news")
  assert(native:in_flight() == 0, "a request is still in flight")
end

--- How many polls of getStatus the simulator saw, for one id or for all.
function support.polls(sim, id)
  local count = 0
  for _, entry in ipairs(sim:log()) do
    local is_poll = entry.method == "taskqueue/getstatus" or entry.method == "gettaskstatus"
    if is_poll and (id == nil or entry.id == id) then
      count = count + 1
    end
  end
  return count
end

--- Runs a function up to three times, until it raises nothing: for what a machine under load may
-- disturb, as the times in a server's log, and a real fault breaks each time.
function support.undisturbed(fn)
  for _ = 1, 2 do
    if pcall(fn) then return end
  end
  fn()
end

--- Fails when two requests of a server's log, from the one numbered `first` on, are closer together
-- than a rate allows.
function support.keeps_rate(log, rate, first)
  for i = first + 1, #log do
    local apart = log[i].time - log[i - 1].time
    assert(apart >= 1 / rate, ("requests %d and %d are %.6f s apart"):format(i - 1, i, apart))
  end
end

--- Fails unless nothing in the value, however deep, holds the text.
function support.holds_no(text, value, seen)
  seen = seen or {}
  if type(value) == "string" then
    assert(not value:find(text, 1, true), "found where it must not be: " .. value)
  elseif type(value) == "table" and not seen[value] then
    seen[value] = true
    for key, item in pairs(value) do
      support.holds_no(text, key, seen)
      support.holds_no(text, item, seen)
    end
  end
  support.count = (support.count or 0) + 1
end

return support
