-- SPDX-License-Identifier: MIT
--[[
What a large fleet costs its Redis: the scripts of the fleet, run on a real server with the keys of
so many waits of 800 processes (100 hosts), and its processor time and memory for each.

    make bench-fleet            or, after `make`: lua5.4 bench/fleet/growth.lua [WAITS]
]]
package.path = "./spec/?.lua;" .. package.path

local core = require "taskqueue.core"
local message = require "taskqueue.sharing.message"
local new_store = require("taskqueue.fleet.store").new
local taskqueue = require "taskqueue"
local world = require "fleet.world"

local PROCESSES, BATCH, IN_FLIGHT = 800, 200, 8
local waits = tonumber(arg[1]) or 200000
local UNIT = core.keyed_name("", "unit")

local here = world.new(20, 3)

local function number_of(section, name)
  return tonumber(here:redis("info " .. section):match(name .. ":([%d.]+)"))
end

local function cpu()
  return number_of("cpu", "used_cpu_user") + number_of("cpu", "used_cpu_sys")
end

local function open_store()
  local store = new_store({ path = here.socket }, "bench", 60)
  local is_up = false
  store:open(core.unique_name(), {
    up = function() is_up = true end, down = error, heard = function() end,
    changed = function() end, ending = function() end, rename = function() end,
  })
  store:join(UNIT, { url = "http://service.example", method = "status" })
  while not is_up do taskqueue.step(0.1) end
  return store
end

local store = open_store()

-- Runs something so often, some at a time; gives the server's seconds for each, and its bytes.
local function measure(what, count, items, fn)
  local cpu_before, memory_before = cpu(), number_of("memory", "used_memory")
  local began, done, started = core.now(), 0, 0
  while done < count do
    while started < count and started - done < IN_FLIGHT do
      started = started + 1
      fn(started, function(_, problem)
        assert(problem == nil, problem)
        done = done + 1
      end)
    end
    taskqueue.step(1)
  end
  local seconds, used = core.now() - began, cpu() - cpu_before
  local bytes = (number_of("memory", "used_memory") - memory_before) / (count * items)
  print(("%-34s %9d  %7.2f us of Redis each  %7.0f bytes each  %8.0f a second"):format(
    what, count * items, used / (count * items) * 1e6, bytes, count * items / seconds))
  return used / (count * items)
end

local processes = {}
for i = 1, PROCESSES do processes[i] = core.unique_name() end

local WANT = message.want { interval = 5, timeout = 900, born = 12.5, is_watched = true }

local function want(number, done)
  store.process = processes[number % PROCESSES + 1]
  local wants = {}
  for i = 1, BATCH do wants[tostring(number * BATCH + i)] = WANT end
  store:want(UNIT, wants, 60, message.wants(UNIT, store.process, wants), done)
end

-- As the owner of a busy fleet publishes it.
local READING = ('{"id":"1","what":"reading","unit":"%s",%s}'):format(UNIT, ('"x":1,'):rep(100)
  .. '"y":2')

local function publish_to(receivers)
  return function(number, done)
    local list = {}
    for i = 1, receivers do list[i] = processes[i] end
    store:publish(UNIT, tostring(number), READING, 600, false, list)
    -- In their order: what comes after it is answered after it.
    store.commands:command(done, "PING")
  end
end

local batches = math.ceil(waits / BATCH)
local new = measure("a wish, new", batches, BATCH, want)
local renewed = measure("a wish, renewed", batches, BATCH, want)
local owner = core.unique_name()
store.process = owner
local claim = measure("a claim", 20000, 1, function(_, done) store:claim(UNIT, done) end)
local beat = measure("a sign of life with 1 lease", 20000, 1, function(_, done)
  store:beat({ UNIT }, done)
end)
measure("a reading, to nobody", 20000, 1, publish_to(0))
measure("a reading, to 1 process", 20000, 1, publish_to(1))
local hundred = measure("a reading, to 100 processes", 2000, 1, publish_to(100))

local function share(name, each, per_second)
  print(("%-52s %8.0f a second  %6.2f %% of a core"):format(name, per_second,
    each * per_second * 100))
end

print "\n100 hosts with 8 processes, 1,000,000 waits, lease 3 s, 20 polls a second:"
share("signs of life", beat, PROCESSES)
share("claims of listeners", claim, PROCESSES / 3)
share("renewed wishes", renewed, 1e6 / 25)
share("new wishes, of waits of 15 minutes", new, 1e6 / 900)
share("readings, each to 100 processes", hundred, 20)
store:close()
here:close()
