-- SPDX-License-Identifier: MIT
--[[
Processes of the specs about waits that belong to the fleet:

    durable_worker.lua NAME REDIS URL KEY RATE LEASE watch IDS ...
    durable_worker.lua NAME REDIS URL KEY RATE LEASE consume GROUP SECONDS [hang]
]]
local core = require "taskqueue.core"
local taskqueue = require "taskqueue"

local name, redis, url, key = arg[1], arg[2], arg[3], arg[4]
local rate, lease, role = tonumber(arg[5]), tonumber(arg[6]), arg[7]

io.stdout:setvbuf("line")

local function say(...)
  print(("%.6f"):format(core.now()), ...)
end

taskqueue.on("sharing", function(event) say("role", event.to, event.why or "") end)
taskqueue.on("error", function(event) say("error", event.of, event.message) end)

local fleet = require("taskqueue.fleet").new { redis = redis, name = "spec", lease = lease }
local client = taskqueue.mobizon.new {
  url = url, api_key = key, rate = rate, fleet = fleet, user_agent = name,
}

local roles = {}

function roles.watch()
  for i = 8, #arg do
    local is_kept, message, kind = fleet:watch(client:task(arg[i]), { data = { order = arg[i] } })
    say(is_kept and "kept" or "not kept", arg[i], kind or "", message or "")
  end
end

function roles.consume()
  local group, seconds, hangs = arg[8], tonumber(arg[9]), arg[10] == "hang"
  for task, status, message, kind, data in fleet:completions { group = group, timeout = seconds } do
    say("end", task.id, status and status.state or kind, message or "", data.order)
    if hangs then while true do taskqueue.sleep(1) end end
  end
end

taskqueue.run(roles[role])
say("left", name)
