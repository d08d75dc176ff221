-- SPDX-License-Identifier: MIT
-- One look at one task, in a process of its own: start.lua URL. See start.py.
local taskqueue = require "taskqueue"

local client = taskqueue.mobizon.new { url = arg[1], api_key = "0123456789abcdef0123456789abcdef" }
assert(client:get_status(1))
