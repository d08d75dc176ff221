-- SPDX-License-Identifier: MIT
-- Waits for IN_FLIGHT tasks with a budget that holds nothing back: each of them is polled again as
-- soon as its reply was read. Takes, beside what all clients do, a URL that answers nothing and the
-- number of waits there. Prints what common.lua says.
local common = dofile "bench/polls/common.lua"
local taskqueue = require "taskqueue"

local service, url, in_flight, seconds = common.arguments()
local silent_url, silent_count = arg[5], tonumber(arg[6] or 0)

local tasks = {}
local function add_tasks(client, count)
  for id = 1, count do tasks[#tasks + 1] = client:task(id) end
  return client
end

if silent_count > 0 then
  add_tasks(common.taskqueue_client(service, silent_url, silent_count), silent_count)
end
local client = add_tasks(common.taskqueue_client(service, url, in_flight), in_flight)

local function answered()
  local stats = client.native:stats()
  return stats.polls - stats.in_flight
end

taskqueue.run(function()
  taskqueue.spawn(taskqueue.wait_all, tasks)
  taskqueue.sleep(seconds / 3)
  local finish = common.measure(answered)
  taskqueue.sleep(seconds)
  finish()
  os.exit(0)
end)
