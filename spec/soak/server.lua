-- SPDX-License-Identifier: MIT
--[[
The services of the soak, in a process of their own: a simulator that now and then drops a
connection, answers by half or with nonsense, refuses, or forgets. Prints its URL and its key, and
serves until nobody asks it any more.
]]
local simulator = require "taskqueue.sim"
local taskqueue = require "taskqueue"

local sim = assert(simulator.start {
  rate = math.huge, forget_after = 2, task = { delay = 0, duration = 0.1 },
})
print(sim.url, sim.api_key)
io.stdout:flush()

local faults = {
  { reset = "before" }, { reset = "headers" }, { reset = "body" }, { truncate = 20 },
  { http_status = 502, body = "<p>" }, { body = "nonsense" }, { close = true }, { close = true },
  { http_status = 503, headers = { ["Retry-After"] = "0" }, body = "" },
}

-- The clients of the soak come and go, and with the last of them there is nothing left to serve.
local quiet_since = sim:now()
local number = 0
while sim:now() - quiet_since < 30 do
  number = number + 1
  local rule = { skip = 40, times = 2 }
  for name, value in pairs(faults[number % #faults + 1]) do rule[name] = value end
  sim:clear_faults()
  sim:fault(rule)
  if #sim:clear_log() > 0 then quiet_since = sim:now() end
  taskqueue.sleep(0.05)
end
