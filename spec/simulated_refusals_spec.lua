-- SPDX-License-Identifier: MIT
-- Waits under a budget that refuses, on simulated time.
local simulated = require "simulated"
local support = require "support"
local taskqueue = require "taskqueue"

for _, service in ipairs(simulated.services) do
  describe("on simulated time, waiting for " .. service.name, function()
    local world, client
    local cases = simulated.cases(service, function(fresh, own) world, client = fresh, own end)
    local new_client, new_task = cases.new_client, cases.new_task

    local function simulate(sentence, fn, options) it(sentence, cases.inside(fn, options)) end

    after_each(support.finish)

    describe("under a budget that refuses", function()
      simulate("all wait for as long as the service said, and no task pays", function()
        local other = new_client()
        taskqueue.sleep(5)
        world:fault { http_status = 429, body = "", retry_after = 60 }
        for i = 1, 6 do
          local id = new_task { duration = 70 }
          taskqueue.spawn(function()
            assert((i % 2 == 0 and client or other):wait_until_done(id, { max_poll_errors = 0 }))
          end)
        end
        taskqueue.sleep(200)
        local log = world:log()
        assert.is_true(log[2].time - log[1].time >= 60)
        for i = 3, #log do assert.is_true(log[i].time - log[i - 1].time >= 1) end
      end)

      simulate("the pauses grow when the service tells none, and are short again after", function()
        world:fault { http_status = 429, body = "", times = 6 }
        assert(client:wait_until_done(new_task { duration = 300 }))
        local log, pauses = world:log(), {}
        for i = 1, 6 do pauses[i] = log[i + 1].time - log[i].time end
        for i = 2, 6 do assert.is_true(pauses[i] > pauses[i - 1] * 1.2 and pauses[i] < 100) end
        assert.is_true(log[8].time - log[7].time < 3)
      end)

      simulate("a wait that can have no look before its deadline is told so at once", function()
        world:fault { http_status = 429, body = "", retry_after = 100 }
        taskqueue.spawn(function() client:wait_until_done(new_task()) end)
        taskqueue.sleep(10)
        local before = world:now()
        local _, message, kind, detail = client:wait_until_done(new_task(), { timeout = 50 })
        assert.same({ "timeout", "timeout", before }, { message, kind, world:now() })
        assert.equal("throttled", detail.cause.kind)
        assert.matches("no slot for a first look before the deadline", detail.cause.message)
        assert.is_true(detail.cause.detail.next_slot > 80)
        assert.equal(0, detail.attempts)
        assert(client:wait_until_done(new_task(), { timeout = 300 }))
      end)

      simulate("which lets others have their turns, when a script tries again and again", function()
        world:fault { http_status = 429, body = "", retry_after = 100 }
        client:get_status(new_task())
        local is_over, tries = false, 0
        taskqueue.spawn(function() is_over = true end)
        repeat
          assert.equal("timeout", select(3, client:wait_until_done(new_task(), { timeout = 50 })))
          tries = tries + 1
        until is_over or tries == 10
        assert.is_true(is_over)
      end)

      simulate("and a timeout of nothing blames nobody", function()
        local _, _, kind, detail = client:wait_until_done(new_task(), { timeout = 0 })
        assert.same({ "timeout", 0 }, { kind, detail.attempts })
        assert.is_nil(detail.cause)
      end)

      simulate("and so is one that loses its look to a push-back", function()
        local kinds = {}
        for i = 1, 3 do
          taskqueue.spawn(function()
            local _, _, kind, detail = client:wait_until_done(new_task(), { timeout = 40 })
            kinds[i] = { kind, detail.cause and detail.cause.kind, world:now() < 2 }
          end)
        end
        world:fault { http_status = 429, body = "", retry_after = 100 }
        taskqueue.sleep(2)
        for i = 1, 3 do assert.same({ "timeout", "throttled", true }, kinds[i]) end
      end)
    end)
  end)
end
