-- SPDX-License-Identifier: MIT
--[[
What waits take:

    footprint.lua all COUNT SILENT_URL         bytes a wait in wait_all, beyond the handles
    footprint.lua coroutines COUNT SILENT_URL  bytes a wait in a coroutine of its own
    footprint.lua bare COUNT SILENT_URL        bytes a coroutine that only yields
    footprint.lua polls COUNT URL              CPU of a poll among so many waits
]]
local mode, count, url = arg[1], tonumber(arg[2]), arg[3]

local core = require "taskqueue.core"
local taskqueue = require "taskqueue"

local client = taskqueue.mobizon.new {
  url = url, api_key = "key", rate = 1e9, burst = 1e6, request_timeout = 1e6,
}
local options = { timeout = 1e7 }

local function bytes()
  collectgarbage()
  collectgarbage()
  return collectgarbage "count" * 1024
end

local function answered()
  local stats = client.native:stats()
  return stats.polls - stats.in_flight
end

local function wait_for_polls(number)
  repeat taskqueue.sleep(0.1) until answered() >= number
end

local tasks = {}
for i = 1, count do tasks[i] = client:task(100000 + i) end

if mode == "bare" then
  local coroutines = {}
  for i = 1, count do coroutines[i] = false end
  local before = bytes()
  for i = 1, count do
    coroutines[i] = coroutine.create(function() coroutine.yield(tasks[i], options) end)
    coroutine.resume(coroutines[i])
  end
  print(("bare: %.0f bytes of Lua a coroutine, of %d"):format((bytes() - before) / count, count))
  os.exit(0)
end

taskqueue.run(function()
  local before = bytes()
  if mode == "coroutines" then
    for i = 1, count do
      taskqueue.spawn(function() tasks[i]:wait_until_done(options) end)
    end
  else
    taskqueue.spawn(taskqueue.wait_all, tasks, options)
  end
  taskqueue.sleep(0.5)
  if mode ~= "polls" then
    print(("%s: %.0f bytes of Lua a wait, of %d"):format(mode, (bytes() - before) / count, count))
    os.exit(0)
  end
  -- The first polls tell something new.
  wait_for_polls(1.2 * count)
  local polls, cpu, began = answered(), os.clock(), core.now()
  taskqueue.sleep(2)
  polls = answered() - polls
  print(("polls: %.1f us each among %d waits, %.0f/s"):format((os.clock() - cpu) / polls * 1e6,
    count, polls / (core.now() - began)))
  os.exit(0)
end)
