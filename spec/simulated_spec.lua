-- SPDX-License-Identifier: MIT
-- How soon ends are told, and who is looked at when, on simulated time.
local simulated = require "simulated"
local support = require "support"
local taskqueue = require "taskqueue"

local huge = math.huge

for _, service in ipairs(simulated.services) do
  describe("on simulated time, waiting for " .. service.name, function()
    local world, client
    local cases = simulated.cases(service, function(fresh, own) world, client = fresh, own end)
    local new_client, new_stranger, new_task, polls =
      cases.new_client, cases.new_stranger, cases.new_task, cases.polls

    local function simulate(sentence, fn, options) it(sentence, cases.inside(fn, options)) end

    after_each(support.finish)

    simulate("tells of an end soon after it, in few polls where none is scarce", function()
      local free = new_stranger { rate = huge }
      local id = new_task { duration = 3600 }
      assert(free:wait_until_done(id, { timeout = huge }))
      assert.is_true(world:now() < 3601)
      assert.is_true(#polls(id) < 600, #polls(id))
    end)

    simulate("looks where it counts when twenty share one poll a second", function()
      local tasks, ends = {}, {}
      for i = 1, 20 do
        local id = new_task { duration = 20 + i * 47 % 100 }
        ends[id] = 20 + i * 47 % 100
        tasks[i] = client:task(id)
      end
      local late = 0
      for task, status in taskqueue.as_completed(tasks, { timeout = huge }) do
        assert(status)
        late = late + world:now() - ends[task.id]
      end
      -- By turns it would be five seconds and more.
      assert.is_true(late / #tasks < 2.5, late / #tasks)
    end)

    simulate("keeps the rate, whatever waits", function()
      local other = new_client()
      for i = 1, 30 do
        taskqueue.spawn(function()
          local id = new_task { duration = i * 3 }
          assert((i % 2 == 0 and client or other):wait_until_done(id, { timeout = huge }))
        end)
      end
      taskqueue.sleep(200)
      local log = world:log()
      assert.is_true(#log > 60)
      for i = 2, #log do assert.is_true(log[i].time - log[i - 1].time >= 1) end
    end)

    simulate("has a burst where one is wished, and keeps the rate after it", function()
      local bursty = new_stranger { burst = 5 }
      for _ = 1, 10 do
        local id = new_task { outcome = "stuck" }
        taskqueue.spawn(function() bursty:wait_until_done(id, { timeout = 20 }) end)
      end
      taskqueue.sleep(6)
      local log = world:log()
      assert.is_true(log[5].time < 0.1 and log[6].time >= 1)
      assert.is_true(#log <= 5 + 6)
    end)

    simulate("ends waits of several clients in the order in which these were made", function()
      local order = {}
      for i = 1, 8 do
        local other = new_client()
        taskqueue.spawn(function()
          other:wait_until_done(new_task(), { timeout = 40 })
          order[#order + 1] = i
        end)
      end
      world:fault { http_status = 429, body = "", retry_after = 100 }
      taskqueue.sleep(50)
      assert.same({ 1, 2, 3, 4, 5, 6, 7, 8 }, order)
    end)

    simulate("gives as many first looks before a deadline as there are slots, refusing the rest",
      function()
        local seen, told_at_once = 0, 0
        for _ = 1, 40 do
          local id = new_task { outcome = "stuck" }
          taskqueue.spawn(function()
            local _, _, _, detail = client:wait_until_done(id, { timeout = 20 })
            if detail.status then seen = seen + 1 end
            if detail.cause and world:now() < 1 then told_at_once = told_at_once + 1 end
          end)
        end
        taskqueue.sleep(30)
        assert.equal(20, told_at_once)
        -- Answers take time as well, which costs a slot or two.
        assert.is_true(seen >= 18 and seen <= 20, seen)
      end)

    simulate("leaves no wait without a look, although single looks go first", function()
      local other = new_task { outcome = "stuck" }
      taskqueue.spawn(function()
        while world:now() < 300 do client:get_status(other) end
      end)
      assert(client:wait_until_done(new_task { duration = 30 }, { timeout = huge }))
      assert.is_true(world:now() < 60, world:now())
    end)
  end)
end
