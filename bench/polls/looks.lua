-- SPDX-License-Identifier: MIT
-- Single looks: coroutines that call get_status again and again. All that Lua has to do for a call
-- is in it.
local common = dofile "bench/polls/common.lua"
local taskqueue = require "taskqueue"

local service, url, in_flight, seconds = common.arguments()
local client = common.taskqueue_client(service, url, in_flight)

taskqueue.run(function()
  common.run_many(in_flight, seconds, taskqueue.spawn, function(number)
    assert(client:get_status(number))
  end)
end)
