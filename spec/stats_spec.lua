-- SPDX-License-Identifier: MIT
local support = require "support"
local taskqueue = require "taskqueue"
local testing = require "taskqueue.testing"

describe("stats", function()
  after_each(support.finish)

  it("tell of nobody when there is nobody", function()
    collectgarbage()
    testing.run(function()
      assert.same({ clients = {}, budgets = {} }, taskqueue.stats())
    end)
  end)

  it("count what is going on, by client and by budget", function()
    testing.run(function(world)
      local first, second = world:mobizon { rate = 2, burst = 3 }, world:mobizon { rate = 4 }
      local node = world:cnode()
      for i = 1, 6 do
        local id = world:task { duration = 1000 }
        local client = i <= 4 and first or second
        for _ = 1, i == 1 and 3 or 1 do
          taskqueue.spawn(function() client:wait_until_done(id, { timeout = 3000 }) end)
        end
      end
      world:fault { http_status = 429, body = "" }
      world:fault { http_status = 500, body = "", times = 2 }
      taskqueue.sleep(100)
      local stats = taskqueue.stats()
      assert.equal(3, #stats.clients)
      local one, two = stats.clients[1], stats.clients[2]
      assert.same({ "mobizon", "mobizon", "cnode" },
        { one.service, two.service, stats.clients[3].service })
      assert.same({ 6, 4, 2, 2 }, { one.waits, one.tasks, two.waits, two.tasks })
      assert.equal(0, stats.clients[3].waits)
      assert.is_nil(stats.clients[3].mean_age)
      local budget = stats.budgets[2]
      assert.same({ "taskqueue/getStatus", 2, 3, 2 },
        { budget.method, budget.rate, budget.burst, budget.clients })
      assert.same({ 8, 6 }, { budget.waits, budget.tasks })
      assert.equal(#world:log(), budget.polls)
      assert.equal(budget.polls, one.polls + two.polls)
      assert.same({ 1, 2 }, { budget.refused, budget.retries })
      assert.is_true(budget.mean_age > 0 and budget.mean_age < 12, budget.mean_age)
      assert.is_true(budget.in_flight <= 1 and budget.next_slot <= 1)
      support.holds_no("testing", stats)
      assert.equal("getTaskStatus", stats.budgets[1].method)
      node:close()
      assert.equal(2, #taskqueue.stats().clients)
    end)
  end)

  it("tell how long a budget is pushed back", function()
    testing.run(function(world)
      local client = world:mobizon()
      world:fault { http_status = 429, body = "", retry_after = 100 }
      client:get_status(world:task())
      assert.is_true(taskqueue.stats().budgets[1].next_slot > 99)
    end)
  end)

  it("give a task's age and what its progress lets expect", function()
    testing.run(function(world)
      local client = world:mobizon()
      local task = client:task(world:task { duration = 500 })
      assert.same({ nil, nil }, { task:age(), task:remaining() })
      taskqueue.spawn(function() task:wait_until_done() end)
      taskqueue.sleep(200.5)
      assert.is_true(task:age() < 2)
      assert.is_true(math.abs(task:remaining() - 300) < 15, task:remaining())
      taskqueue.sleep(500)
      assert.is_nil(task:remaining())
      assert.is_true(task:age() > 190)
    end)
  end)
end)
