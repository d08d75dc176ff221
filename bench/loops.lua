-- SPDX-License-Identifier: MIT
--[[
How late a loop's own timer of 10 ms comes while 1,000 waits are in progress, and how often a
process wakes up whose 1,000 waits have nothing to do. Each figure is the median over the rounds; a
sample is a process of its own, with a processor of its own, and those that are compared take turns.
The simulator is in this process, on the other processor.

    make bench-loops            or, after `make`, for one Lua:
    taskset -c 1 lua5.4 bench/loops.lua [ROUNDS]
]]
package.path = "./spec/?.lua;" .. package.path

local WAITS, TICKS, TICK = 1000, 300, 0.010
local SETTLE, IDLE = 3, 5
-- What the waits do: nothing, as there are none; so many polls a second of all together; or all of
-- them in one burst a second, as of a node without a limit.
local LOADS = { "none", "1/s", "100/s", "bursts" }

local function find(name)
  for _, kind in ipairs(require("loops").list) do
    if kind.use == name then return kind end
  end
end

local function percentile(sorted, share)
  return sorted[math.max(1, math.ceil(#sorted * share))]
end

local function median(list)
  table.sort(list)
  return percentile(list, 0.5)
end

-- Times that the main thread gave up the processor by itself.
local function wake_ups()
  for line in io.lines("/proc/self/status") do
    local count = line:match("^voluntary_ctxt_switches:%s+(%d+)")
    if count then return tonumber(count) end
  end
end

-- A client for such a load, and the first id of its tasks.
local function new_client(url, key, load)
  local taskqueue = require "taskqueue"
  if load == "bursts" then return taskqueue.cnode.new { url = url }, WAITS + 1 end
  local rate = tonumber(load:match "%d+") or 1
  return taskqueue.mobizon.new { url = url, api_key = key, rate = rate }, 1
end

-- The loop, chosen, with the waits begun in it, and its own timer.
local function begin(name, client, first, count, interval)
  local taskqueue = require "taskqueue"
  local kind = find(name)
  local loop = kind.new()
  taskqueue.use(kind.use)
  for id = first, first + count - 1 do
    loop.spawn(function() client:wait_until_done(id, { interval = interval }) end)
  end
  return loop, loop.sleep or taskqueue.sleep
end

-- Notes the CPU time of the longest step, in milliseconds: what other programs do is not in it.
local function watch_steps()
  local engine = require "taskqueue.engine"
  local pump, longest = engine.pump, 0
  function engine.pump(timeout)
    local before = os.clock()
    pump(timeout)
    longest = math.max(longest, (os.clock() - before) * 1000)
  end
  return function() return longest end
end

local samples = {}

-- Prints p50 and p99 of the lateness and the longest step, in milliseconds.
function samples.late(name, url, key, load)
  local now = require("taskqueue.core").now
  local longest = watch_steps()
  local client, first = new_client(url, key, load)
  local loop, sleep = begin(name, client, first, load == "none" and 0 or WAITS)
  local late = {}
  loop.spawn(function()
    for i = 1, TICKS do
      local before = now()
      sleep(TICK)
      late[i] = (now() - before - TICK) * 1000
    end
    client:close()
  end)
  loop.run()
  table.sort(late)
  print(percentile(late, 0.5), percentile(late, 0.99), longest())
end

-- Prints wake-ups a second while each task is looked at once a minute and nothing is due.
function samples.idle(name, url, key, count)
  local client, first = new_client(url, key, "5000/s")
  local loop, sleep = begin(name, client, first, tonumber(count), 60)
  loop.spawn(function()
    sleep(SETTLE)
    local before = wake_ups()
    sleep(IDLE)
    print((wake_ups() - before) / IDLE)
    client:close()
  end)
  loop.run()
end

if arg[1] and samples[arg[1]] then
  samples[arg[1]](select(2, (table.unpack or unpack)(arg)))
  return
end

local rounds = tonumber(arg[1]) or 5
local sim = require("taskqueue.sim").start { rate = math.huge, forget_after = math.huge }
for i = 1, WAITS do
  sim:task { id = tostring(i), outcome = "stuck" }
  sim:task { service = "node", id = tostring(WAITS + i), outcome = "stuck" }
end

-- Before all others on its processor, where the system lets us.
local first = os.execute "chrt -f 1 true 2> /dev/null"
local PRIORITY = (first == true or first == 0) and "chrt -f 1" or ""

-- Runs a sample on a processor of its own.
local function sample(what, name, last)
  local command = ("%s taskset -c 0 %s bench/loops.lua %s %s %s %s %s"):format(
    PRIORITY, arg[-1], what, name, sim.url, sim.api_key, last)
  local pipe = assert(io.popen(command))
  local numbers = {}
  for word in pipe:read("*a"):gmatch("%S+") do numbers[#numbers + 1] = assert(tonumber(word)) end
  pipe:close()
  sim:clear_log()
  return (table.unpack or unpack)(numbers)
end

local function lateness(name)
  local figures = {}
  for _, load in ipairs(LOADS) do figures[load] = { {}, {}, {} } end
  for round = 1, rounds do
    for _, load in ipairs(LOADS) do
      local of = figures[load]
      of[1][round], of[2][round], of[3][round] = sample("late", name, load)
    end
  end
  for _, load in ipairs(LOADS) do
    local of = figures[load]
    print(("%-8s  %-6s  %6.2f  %6.2f  %12.2f"):format(
      name, load, median(of[1]), median(of[2]), median(of[3])))
  end
end

local function idleness(name)
  local alone, waiting = {}, {}
  for round = 1, math.min(rounds, 3) do
    alone[round], waiting[round] = sample("idle", name, 0), sample("idle", name, WAITS)
  end
  print(("%-8s  %14.1f  %14.1f"):format(name, median(alone), median(waiting)))
end

local here = {}
for _, kind in ipairs(require("loops").list) do
  if kind.is_here and kind.use then here[#here + 1] = kind.use end
end

print(("%s, %d rounds: how late a timer of %g ms is, in ms"):format(
  _VERSION .. (rawget(_G, "jit") and " (LuaJIT)" or ""), rounds, TICK * 1000))
print "loop      polls      p50     p99  longest step"
for _, name in ipairs(here) do lateness(name) end
print "wake-ups a second while nothing is due"
print "loop      without waits     1,000 waits"
for _, name in ipairs(here) do idleness(name) end
sim:stop()
