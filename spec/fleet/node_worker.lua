-- SPDX-License-Identifier: MIT
-- A process that waits for tasks of the Corporate Node, without a rate:
-- node_worker.lua NAME REDIS URL LEASE watch|wait IDS ...
local core = require "taskqueue.core"
local taskqueue = require "taskqueue"

local name, redis, url, lease, role = arg[1], arg[2], arg[3], tonumber(arg[4]), arg[5]

io.stdout:setvbuf("line")

local function say(...)
  print(("%.6f"):format(core.now()), ...)
end

taskqueue.on("error", function(event) say("error", event.of, event.message) end)

local fleet = require("taskqueue.fleet").new { redis = redis, name = "spec", lease = lease }
local client = taskqueue.cnode.new { url = url, fleet = fleet, user_agent = name }

local tasks = {}
for i = 6, #arg do tasks[#tasks + 1] = client:task(arg[i]) end

local function tell(task, status, message, kind)
  say("end", task.id, status and status.state or kind, status and status.code or message)
end

taskqueue.run(function()
  if role == "watch" then
    for _, task in ipairs(tasks) do fleet:watch(task) end
    for task, status, message, kind in fleet:completions { group = "a", timeout = 3 } do
      tell(task, status, message, kind)
    end
  else
    for task, status, message, kind in taskqueue.as_completed(tasks, { timeout = 60 }) do
      tell(task, status, message, kind)
    end
  end
end)
local stats = fleet:stats()[1]
say("stats", stats.role, stats.owned, stats.heard)
say("left", name)
