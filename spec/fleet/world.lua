-- SPDX-License-Identifier: MIT
-- What the specs of the fleet stand in: a Redis server, a service that is simulated, processes.
local outside = require "outside"
local support = require "support"
local taskqueue = require "taskqueue"

local world = {}

local mt = { __index = world }

local read = outside.read

world.await = outside.await

local function run(command, ...)
  local text = command:format(...)
  local ok = os.execute(text)
  assert(ok == true or ok == 0, text)
end

function world:is_up()
  return os.execute(("redis-cli -s %s ping >/dev/null 2>&1"):format(self.socket)) == self.good
end

--- Starts Redis; `options` are its own.
function world:start_redis(options)
  run("redis-server --port 0 --unixsocket %s --dir %s --save '' --appendonly no --daemonize yes "
    .. "--pidfile %s/pid --logfile %s/log %s >/dev/null", self.socket, self.directory,
    self.directory, self.directory, options or "")
  self.await("Redis", function() return self:is_up() end)
end

--- Waits until Redis has run for longer than a lease: before, nobody polls (docs/fleet.md).
function world:await_trust()
  self.await("the trust in Redis", function()
    return tonumber(self:redis("info server"):match("uptime_in_seconds:(%d+)")) > self.lease
  end)
end

--- Lets processes of other users reach Redis.
function world:open_to_all()
  run("chmod 755 %s", self.directory)
  run("chmod 777 %s", self.socket)
end

--- Ends Redis as a crash does.
function world:kill_redis()
  local pid = read(self.directory .. "/pid"):match("%d+")
  if not pid then return end
  run("kill -9 %s", pid)
  os.remove(self.directory .. "/pid")
  self.await("the end of Redis", function() return not self:is_up() end)
end

--- What Redis answers to a command.
function world:redis(command)
  local pipe = assert(io.popen(("redis-cli -s %s %s"):format(self.socket, command)))
  local text = pipe:read("*a")
  pipe:close()
  return text
end

local process_methods = {}
local process_mt = { __index = process_methods }

--- What the process has written.
function process_methods:text()
  return read(self.path)
end

--- The same, a list of { time =, what =, ... } in the order of its lines.
function process_methods:lines()
  local list = {}
  for line in read(self.path):gmatch("[^\n]+") do
    local words = {}
    for word in (line .. "\t"):gmatch("(.-)\t") do words[#words + 1] = word end
    list[#list + 1] = {
      time = tonumber(words[1]), what = words[2], words[3], words[4], words[5], words[6],
    }
  end
  return list
end

--- Its outcomes by task.
function process_methods:outcomes()
  local outcomes, count = {}, 0
  for _, line in ipairs(self:lines()) do
    if line.what == "end" then
      assert(not outcomes[line[1]], "told twice: " .. line[1])
      outcomes[line[1]] = { state = line[2], message = line[3], time = line.time }
      count = count + 1
    end
  end
  return outcomes, count
end

--- The last role that it has told.
function process_methods:role()
  local role, time
  for _, line in ipairs(self:lines()) do
    if line.what == "role" then role, time = line[1], line.time end
  end
  return role, time
end

function process_methods:has_left()
  return read(self.path):find("\tleft\t") ~= nil
end

function process_methods:signal(name)
  run("kill -%s %s", name, self.pid)
end

--- Starts a process that runs a script of this folder with some words.
function world:start(name, script, words)
  local path = ("%s/%s.out"):format(self.directory, name)
  local pipe = assert(io.popen(("echo $$; exec %s spec/fleet/%s %s >%s 2>&1"):format(
    support.interpreter(), script, table.concat(words, " "), path)))
  local process = setmetatable({ name = name, path = path, pipe = pipe }, process_mt)
  process.pid = pipe:read("*l")
  self.processes[#self.processes + 1] = process
  return process
end

--- Starts a process that waits for tasks.
function world:worker(name, ids, options)
  options = options or {}
  return self:start(name, "worker.lua", {
    name, options.redis or self.url, self.sim.url, self.sim.api_key, options.rate or self.rate,
    options.lease or self.lease, options.away or "share", options.timeout or 120,
    table.concat(ids, " "),
  })
end

--- The owner among processes.
function world.owner_of(processes)
  local owner, latest
  for _, process in ipairs(processes) do
    local role, time = process:role()
    if role == "owner" and (not latest or time > latest) then owner, latest = process, time end
  end
  return owner
end

--- Polls of the log, without those of single looks' clients.
function world:polls()
  local list = {}
  for _, entry in ipairs(self.sim:log()) do
    if entry.method == "taskqueue/getstatus" then list[#list + 1] = entry end
  end
  return list
end

-- Polls of two processes that came too close: each of them is a fault.
local faults = {}

--- Fails when two polls are closer together than the rate allows. Those of one process may be so on
-- a machine under load, where the service begins to work on them late: `undisturbed` tries that
-- again.
function world.keeps_rate(polls, rate)
  local disturbed
  for i = 2, #polls do
    local one, two = polls[i - 1], polls[i]
    if two.time - one.time < 1 / rate then
      local text = ("polls %d of %s and %d of %s are %.6f s apart"):format(i - 1, one.user_agent, i,
        two.user_agent, two.time - one.time)
      if one.user_agent ~= two.user_agent then faults[#faults + 1] = text end
      disturbed = disturbed or text
    end
  end
  assert(not disturbed, disturbed)
end

--- Runs a case in a world of its own, again when a machine under load has disturbed it; but a fault
-- of two processes together fails it for good.
function world.undisturbed(rate, lease, fn)
  support.undisturbed(function()
    local here = world.new(rate, lease)
    local ok, why = pcall(fn, here)
    here:close()
    assert(#faults == 0, faults[1])
    assert(ok, why)
  end)
  assert(#faults == 0, faults[1])
end

--- Ends everything.
function world:close()
  for _, process in ipairs(self.processes) do
    os.execute(("kill -9 %s 2>/dev/null"):format(process.pid))
    process.pipe:close()
  end
  self:kill_redis()
  -- What was put off to the next step.
  taskqueue.step(0)
  support.finish()
  run("rm -rf %s", self.directory)
end

--- A world with a service that allows so many polls a second.
function world.new(rate, lease)
  local pipe = assert(io.popen("mktemp -d"))
  local self = setmetatable({ directory = pipe:read("*l"), rate = rate, lease = lease }, mt)
  pipe:close()
  self.good = os.execute("true")
  self.socket = self.directory .. "/socket"
  self.url = "redis+unix://" .. self.socket
  self.sim = support.sim { keep_bodies = true }
  self.processes = {}
  self:start_redis()
  return self
end

return world
