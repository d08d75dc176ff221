-- SPDX-License-Identifier: MIT
-- Timers of copas beside waits: a thread ticks by copas' own timer while others wait for their
-- tasks. Runs on the simulator; needs copas. Copas 1, as Debian 12 has it, has no timers yet.
local copas = require "copas"
local taskqueue = require "taskqueue"

local sim = require("taskqueue.sim").start { rate = 50, task = { delay = 0.05, duration = 0.2 } }
local sms = taskqueue.mobizon.new { url = sim.url, api_key = sim.api_key, rate = 50 }
taskqueue.use "copas"

local left = 3
local pause = copas.pause or copas.sleep or taskqueue.sleep

copas.addthread(function()
  while left > 0 do
    print "tick"
    pause(0.05)
  end
end)

for i = 1, left do
  copas.addthread(function()
    local task = assert(sms:call("report", "create"))
    local status, message = task:wait_until_done { timeout = 60 }
    print(i, status and status.state or message)
    left = left - 1
  end)
end

-- Where copas.loop returns when all is done, copas.loop() does the same.
while left > 0 do copas.step() end
