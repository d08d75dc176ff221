-- SPDX-License-Identifier: MIT
-- What happens in time, on a clock that the spec sets.
local node = require "sim_node"
local world = require "taskqueue.sim.world"

local get_status, message, parse = node.get_status, node.message, node.parse

describe("the simulated Corporate Node", function()
  describe("under a simulated clock", function()
    local now

    local function service(config)
      now = 100
      config.keys, config.rate = { k = "ok" }, 1
      config.forget_after = config.forget_after or 3600
      return world.new(config, function() return now end)
    end

    local function ask(simulated, body)
      return simulated:answer {
        method = "POST", path = "/", query = "", body = body, content_type = "text/xml",
      }
    end

    it("has no budget unless told to", function()
      local simulated = service {}
      for _ = 1, 10 do assert.equal(200, ask(simulated, get_status("A")).status) end
    end)

    it("refuses with HTTP 429 what comes too early", function()
      local simulated = service { node = { rate = 2 } }
      assert.equal(200, ask(simulated, get_status("A")).status)
      now = 100.4
      assert.equal(429, ask(simulated, get_status("B")).status)
      assert.equal(200, ask(simulated, message("startLogin")).status)
      now = 100.5
      assert.equal(200, ask(simulated, get_status("B")).status)
    end)

    it("forgets a task in time", function()
      local simulated = service { forget_after = 60 }
      local id = simulated:task { service = "node" }
      now = 159
      assert.equal("SUCCESS", parse(ask(simulated, get_status(id)).body).requestStatus)
      now = 160
      local fields = parse(ask(simulated, get_status(id)).body)
      assert.equal("ERR_TASK_DOES_NOT_EXIST", fields.requestStatus)
    end)
  end)
end)
