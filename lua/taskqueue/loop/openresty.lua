-- SPDX-License-Identifier: MIT
--[[
Waits inside nginx (ngx_lua, http and stream). It is chosen by itself there, and needs no more than
that the module is found:

    http {
      lua_package_path  "/usr/local/share/lua/5.1/?.lua;/usr/local/share/lua/5.1/?/init.lua;;";
      lua_package_cpath "/usr/local/lib/lua/5.1/?.so;;";
      lua_shared_dict taskqueue 1m;
      init_by_lua_block {
        taskqueue = require "taskqueue"
        taskqueue.use("openresty", { shared_dict = "taskqueue" })
        client = taskqueue.mobizon.new { api_key = "..." }
      }
      server {
        location /wait {
          content_by_lua_block {
            local status, message = client:wait_until_done(ngx.var.arg_id, { timeout = 30 })
            ngx.say(status and status.state or message)
          }
        }
      }
    }

Without the dictionary each worker takes its part of the rates.

A wait suspends only its own light thread: in rewrite, access, content and timer, and where else
nginx can suspend one. In a phase that cannot be suspended it raises; ngx.timer.at begins it then. A
request that is over, because its client went away or by ngx.exit, ends its waits within a second.

The network is the business of a thread (src/http/thread.h), which rings a bell when there is
something to take. nginx lets nobody watch an fd, so that one light thread of a timer reads the bell
from a socket, as long as there are waits. Where there can be none, because all connections of the
worker are in use or it is about to end, the waits look themselves, some times a second.
]]
local budgets = require "taskqueue.budgets"
local core = require "taskqueue.core"
local semaphore = require "ngx.semaphore"

local loop = { name = "openresty", can_drop = true }

local OPTIONS = { shared_dict = "string" }

core.use_thread()

-- Where the bell's socket may lie, for the moment until it is connected to.
local DIRECTORIES = { os.getenv "TMPDIR" or "/tmp", "/dev/shm", "/var/tmp" }
-- Seconds: the longest sleep, how often waits look themselves, how long a reader may take to
-- begin, and how long it stays when nobody waits.
local LONGEST, LOOK, BEGINNING, IDLE = 60, 0.02, 0.5, 5
-- How many ends are taken in before others have their turn, and the seconds that they have: nginx
-- without OpenResty's patches knows no shorter sleep.
local PART, TURN = 16, 0.001
-- Seconds between two looks at whether all who wait are still there.
local SWEEP = 0.5

local CAN_WAIT = {
  rewrite = true, server_rewrite = true, access = true, content = true, timer = true,
  preread = true, ssl_cert = true, ssl_session_fetch = true, ssl_client_hello = true,
}

local engine
local is_attached = false
-- The light thread that reads the bell: its number, whether it hears, and since when it should.
local reader, is_heard, began = 0, false, -math.huge
local looked, swept = -math.huge, -math.huge
local parked = {}

--- A semaphore to wait for.
function loop.current()
  local phase = ngx.get_phase()
  if CAN_WAIT[phase] then return semaphore.new(0) end
  return nil, nil, ("taskqueue: the phase %q of nginx cannot be suspended, so that nothing can "
    .. "wait in it; ngx.timer.at begins what can"):format(phase)
end

local function step(most)
  looked = core.now()
  local ok, result = pcall(engine.step, most)
  if ok then return result end
  ngx.log(ngx.ERR, "taskqueue: ", tostring(result))
  return false
end

-- Between its parts the worker does what others want of it.
local function step_by_step()
  while step(PART) do ngx.sleep(TURN) end
end

-- nginx drops the light threads of a request that is over, and tells nobody; but then nobody waits
-- for the semaphore any more.
local function sweep()
  if looked - swept < SWEEP then return end
  swept = looked
  for token in pairs(parked) do
    if token:count() >= 0 then
      parked[token] = nil
      engine.drop(token)
    end
  end
end

local function connect(socket)
  local message
  for _, directory in ipairs(DIRECTORIES) do
    local ok, path = pcall(core.engine().listen, core.engine(), directory)
    if ok then
      ok, path = socket:connect("unix:" .. path)
      if ok then return pcall(core.engine().hang, core.engine()) end
      core.engine():unhang()
    end
    message = path
  end
  return false, message
end

-- A worker that nobody waits in goes on for a while, or as long as others listen to it; one that is
-- about to end leaves that to them.
local function is_needed(idle_since)
  local fleet = loop.fleet
  if is_attached then return true end
  if ngx.worker.exiting() then
    if fleet then fleet:rest() end
    return fleet and fleet:is_busy()
  end
  return core.now() - idle_since < IDLE or (fleet and fleet:is_busy())
end

local function listen(socket, number)
  local idle_since = core.now()
  while number == reader and is_needed(idle_since) do
    local rung, problem = socket:receiveany(256)
    if not rung then return problem end
    step_by_step()
    sweep()
    if is_attached then idle_since = core.now() else core.engine():arm() end
  end
end

-- Those who wait find out that they have to look themselves.
local function wake_all()
  local tokens = parked
  parked = {}
  for token in pairs(tokens) do token:post(1) end
end

local function read_bell(_, number)
  if number ~= reader then return end
  local socket = ngx.socket.tcp()
  socket:settimeouts(1000, 1000, LONGEST * 1000)
  local ok, problem = connect(socket)
  if ok then
    is_heard = true
    wake_all()
    problem = select(2, pcall(listen, socket, number))
    core.engine():unhang()
  end
  socket:close()
  if number ~= reader then return end
  is_heard, began = false, -math.huge
  if problem then ngx.log(ngx.ERR, "taskqueue: cannot read the bell: ", tostring(problem)) end
  wake_all()
end

local function begin_reader()
  local now = core.now()
  if is_heard or now - began < BEGINNING or ngx.worker.exiting() then return end
  began, reader = now, reader + 1
  ngx.timer.at(0, read_bell, reader)
end

--- Suspends until the token is unparked, or something is to be looked at.
function loop.park(token)
  begin_reader()
  parked[token] = true
  local is_posted = token:wait(is_heard and LONGEST or LOOK)
  if is_posted or is_heard then return end
  if core.now() - looked >= LOOK then step() end
end

function loop.unpark(token)
  parked[token] = nil
  token:post(1)
end

local function share_of_worker()
  local workers = ngx.worker.count()
  if workers == 1 then return end
  budgets.take_part(1 / workers)
  if ngx.worker.id() ~= 0 then return end
  ngx.log(ngx.WARN, "taskqueue: each of the ", workers, " workers takes its part of the rates; ",
    'with taskqueue.use("openresty", { shared_dict = "NAME" }) they share them')
end

local function share_through(name)
  local store = require "taskqueue.sharing.shared_dict"(name)
  if not store then return ("there is no lua_shared_dict %q"):format(name) end
  loop.fleet = require("taskqueue.sharing").new(store, {
    secret = store:secret(), when_away = "share",
  })
  loop.keeper = require "taskqueue.sharing.keeper"(store, name)
end

--- Takes the options of `taskqueue.use`.
-- @treturn ?string what is wrong with them
function loop.configure(options)
  if type(options) ~= "table" then return "the options must be a table" end
  for name, value in pairs(options) do
    if not OPTIONS[name] then return ("unknown option %q"):format(tostring(name)) end
    if type(value) ~= OPTIONS[name] then return ("%s must be a %s"):format(name, OPTIONS[name]) end
  end
  return options.shared_dict and share_through(options.shared_dict)
end

--- Has a function begin in a timer, which outlives the request.
function loop.background(fn)
  local ok, problem = ngx.timer.at(0, fn)
  if ok then return true end
  return nil, "taskqueue: no timer can begin: " .. tostring(problem)
end

local has_begun = false

function loop.attach(pollable)
  engine, is_attached = pollable, true
  if not has_begun and not loop.fleet then share_of_worker() end
  has_begun = true
  begin_reader()
end

function loop.detach()
  is_attached = false
  -- The reader of a worker that is about to end goes now.
  if is_heard and ngx.worker.exiting() then core.engine():arm(0) end
end

return loop
