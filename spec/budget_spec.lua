-- SPDX-License-Identifier: MIT
-- The budget on a real wire, judged by the server's log.
local support = require "support"
local taskqueue = require "taskqueue"

describe("a budget on the wire", function()
  after_each(support.finish)

  local function wait_for(client, sim, count, seconds)
    for i = 1, count do
      taskqueue.spawn(function()
        local id = sim:task { duration = seconds * i / count }
        assert(client:wait_until_done(id, { timeout = 60 }))
      end)
    end
  end

  it("keeps 50 waits at 20 polls a second, and none is refused", function()
    local RATE = 20
    local sim = support.sim { rate = RATE }
    local client = support.client(sim, { rate = RATE })
    support.undisturbed(function()
      local first, refused = #sim:log() + 1, taskqueue.stats().clients[1].refused
      taskqueue.run(wait_for, client, sim, 50, 3)
      local log = sim:log()
      assert.is_true(#log - first >= 50)
      support.keeps_rate(log, RATE, first)
      for i = first, #log do assert.equal(0, log[i].code) end
      assert.equal(refused, taskqueue.stats().clients[1].refused)
    end)
  end)

  it("backs off from a server that answers code 30 for a while, and recovers", function()
    local sim = support.sim()
    local client = support.client(sim, { rate = 20 })
    taskqueue.run(function()
      wait_for(client, sim, 50, 3)
      taskqueue.sleep(0.3)
      sim:fault { times = math.huge, code = 30 }
      taskqueue.sleep(3)
      sim:clear_faults()
    end)
    local refused, last = 0, nil
    for _, entry in ipairs(sim:log()) do
      if entry.code == 30 then
        refused = refused + 1
        last = entry.time
      end
    end
    -- At the full rate there would be sixty.
    assert.is_true(refused >= 2 and refused <= 12, refused)
    local stats = taskqueue.stats().budgets[1]
    assert.equal(refused, stats.refused)
    local after = 0
    for _, entry in ipairs(sim:log()) do
      if entry.time > last then after = after + 1 end
    end
    -- All have ended, most of them by polls after it.
    assert.is_true(after > 25, after)
  end)
end)
