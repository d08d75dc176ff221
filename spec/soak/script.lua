-- SPDX-License-Identifier: MIT
--[[
One life of an engine: clients of both services, and waits that come and go in all ways there are.
Gives how many polls there were.
]]
local url, key, seed = ...
local taskqueue = require "taskqueue"
require("taskqueue.watch").first_retry = 0.002

local SECONDS, COROUTINES = 4, 48
math.randomseed(seed)

local function new_clients()
  local common = { url = url, api_key = key, rate = 1e6, request_timeout = 5 }
  local in_xml = { format = "xml" }
  for name, value in pairs(common) do in_xml[name] = value end
  return {
    taskqueue.mobizon.new(common),
    taskqueue.mobizon.new(in_xml),
    taskqueue.cnode.new { url = url .. "/", rate = 1e6, request_timeout = 5 },
  }
end

-- What a wait ends with in a world of faults that heals; anything else is a mistake.
local kinds = {
  timeout = true, cancelled = true, expired = true, not_found = true, closed = true, failed = true,
  network = true, http = true, protocol = true, throttled = true,
}

local function check(status, message, kind)
  assert(status or kinds[kind], message)
end

local function new_task(client)
  if client.format then return client:call("report", "create") end
  return client:call("startLogin", { billonUserName = "u", billonUserPassword = "p" })
end

local wait = { interval = 0.001, max_poll_errors = 50, not_found_grace = 1 }

local function options(timeout, on_progress)
  local given = { timeout = timeout, on_progress = on_progress }
  for name, value in pairs(wait) do given[name] = value end
  return given
end

local ways = {
  function(task) check(task:wait_until_done(options(10))) end,
  function(task) check(task:wait_until_done(options(0.02))) end,
  function(task)
    check(task:wait_until_done(options(10, function(status) assert(status.id == task.id) end)))
  end,
  function(task)
    taskqueue.spawn(function()
      taskqueue.sleep(0.01)
      task:stop_waiting()
    end)
    check(task:wait_until_done(options(10)))
  end,
  function(task)
    taskqueue.wait_any({ task, task.client:task("999999999") }, options(0.1))
  end,
  function(task)
    -- The waits that are left end with the next collection.
    local next_ended = taskqueue.as_completed({ task, task }, options(0.05))
    next_ended()
  end,
  function(task) check(task:get_status()) end,
}

local clients = new_clients()
local ends = os.time() + SECONDS

local function live()
  while os.time() < ends do
    local task = new_task(clients[math.random(#clients)])
    if task then ways[math.random(#ways)](task) end
  end
end

taskqueue.run(function()
  for _ = 1, COROUTINES do taskqueue.spawn(live) end
end)
local polls = 0
for _, entry in ipairs(taskqueue.stats().clients) do polls = polls + entry.polls end
-- Every other time the clients are left to the collector.
if seed % 2 == 0 then
  for _, client in ipairs(clients) do client:close() end
end
return polls
