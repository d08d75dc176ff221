-- SPDX-License-Identifier: MIT
-- The two processes of spec/restart_spec.lua: one that waits and writes down what it knows until it
-- is killed, and one that takes that up and tells how each wait ended.
local json = require "cjson"
local taskqueue = require "taskqueue"

local role, path, url, node_url, key = arg[1], arg[2], arg[3], arg[4], arg[5]
local sms = taskqueue.mobizon.new { url = url, api_key = key, rate = 200 }
local node = taskqueue.cnode.new { url = node_url, rate = 200 }

local function write(data)
  local file = assert(io.open(path .. ".new", "w"))
  file:write(json.encode(data))
  file:close()
  assert(os.rename(path .. ".new", path))
end

local roles = {}

function roles.first()
  for i = 6, #arg do
    local client = arg[i]:find("^%d+$") and sms or node
    taskqueue.spawn(function() client:wait_until_done(arg[i]) end)
  end
  while true do
    taskqueue.sleep(0.05)
    write(taskqueue.export())
  end
end

function roles.second()
  local file = assert(io.open(path))
  local data = json.decode(file:read("*a"))
  file:close()
  local tasks = sms:import(data)
  for _, task in ipairs(node:import(data)) do tasks[#tasks + 1] = task end
  for _, result in ipairs(taskqueue.wait_all(tasks, { timeout = 60 })) do
    print(result.task.id, result.status and result.status.state or result.kind)
  end
end

taskqueue.run(roles[role])
