-- SPDX-License-Identifier: MIT
-- The service behind the example: prints its URL, its key and the ids of tasks that have begun, a
-- line each, then runs until its standard input ends.
local simulator = require "taskqueue.sim"

local TASKS = {
  { duration = 14 },
  { duration = 25, progress = "uneven" },
  { duration = 9, outcome = "rejected" },
  { duration = 40 },
}

local sim = assert(simulator.start { rate = 1, task = { duration = 15 } })
local ids = {}
for i, task in ipairs(TASKS) do ids[i] = sim:task(task) end
io.write(sim.url, "\n", sim.api_key, "\n", table.concat(ids, " "), "\n")
io.flush()
io.read "*a"
