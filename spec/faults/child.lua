-- SPDX-License-Identifier: MIT
-- Meets one row of spec/faults/rows.lua, whose sentence is the argument, in a process of its own
-- with build/world.so in it. Prints for each service its name and what was seen.
package.path = "./spec/?.lua;" .. package.path

local matrix = require "faults.matrix"
local support = require "support"

local row = matrix.row(arg[1])

-- The name leads to whatever the world makes of it.
local function server_of(sim)
  local host, port = "127.0.0.1", sim.port
  if row.world.RESOLVER then host = "service.test" end
  if row.world.BLACKHOLE then port = os.getenv "WORLD_PORT" end
  local url = ("http://%s:%d"):format(host, port)
  return { url = url, node_url = url .. "/" }
end

local sims = {}
local seen = matrix.meet({ row }, function(_, service)
  local sim = sims[service] or support.sim { keys = matrix.keys() }
  sims[service] = sim
  return { sim = sim, server = server_of(sim), options = { allow_plain_http = true } }
end)
for name, line in pairs(seen[row]) do print(name .. "\t" .. line) end
support.finish()
