-- SPDX-License-Identifier: MIT
--[[
One process of a fleet, as the specs beside this start it: waits for tasks and writes a line for
each outcome and for each role that it gets.

    worker.lua NAME REDIS URL KEY RATE LEASE AWAY [TIMEOUT] IDS ...
]]
local core = require "taskqueue.core"
local taskqueue = require "taskqueue"

local name, redis, url, key = arg[1], arg[2], arg[3], arg[4]
local rate, lease, away, timeout = tonumber(arg[5]), tonumber(arg[6]), arg[7], tonumber(arg[8])

io.stdout:setvbuf("line")

local function say(...)
  print(("%.6f"):format(core.now()), ...)
end

taskqueue.on("sharing", function(event) say("role", event.to, event.why or "") end)
taskqueue.on("error", function(event) say("error", event.of, event.message) end)

-- Alone, it is what processes of a fleet are compared with.
local fleet = redis ~= "none" and require("taskqueue.fleet").new {
  redis = redis, name = "spec", lease = lease, when_away = away,
} or nil
local client = taskqueue.mobizon.new {
  url = url, api_key = key, rate = rate, fleet = fleet, user_agent = name,
}

local tasks = {}
for i = 9, #arg do tasks[#tasks + 1] = client:task(arg[i]) end

say("begin", name)
taskqueue.run(function()
  for task, status, message, kind in taskqueue.as_completed(tasks, { timeout = timeout }) do
    say("end", task.id, status and status.state or kind, message or "")
  end
end)
say("left", name)
