-- SPDX-License-Identifier: MIT
-- What happens in the same instant, on simulated time.
local simulated = require "simulated"
local support = require "support"
local taskqueue = require "taskqueue"

for _, service in ipairs(simulated.services) do
  describe("on simulated time, waiting for " .. service.name, function()
    local world, client
    local cases = simulated.cases(service, function(fresh, own) world, client = fresh, own end)
    local new_client, new_stranger, new_task, polls =
      cases.new_client, cases.new_stranger, cases.new_task, cases.polls

    local function simulate(sentence, fn, options) it(sentence, cases.inside(fn, options)) end

    after_each(support.finish)

    describe("when things happen in the same instant", function()
      simulate("an end that is known comes before a stop", function()
        local task = client:task(new_task { duration = 10 })
        local second
        taskqueue.spawn(function() second = task:wait_until_done() end)
        assert(client:wait_until_done(task.id, {
          on_progress = function(status)
            if status.done then task:stop_waiting() end
          end,
        }))
        taskqueue.sleep(0)
        taskqueue.sleep(0)
        assert.is_true(second and second.ok)
      end)

      simulate("a stop comes before a failure that is heard of before the wait goes on", function()
        local task, kind = client:task(new_task { outcome = "stuck" }), nil
        taskqueue.spawn(function() kind = select(3, task:wait_until_done { interval = 60 }) end)
        taskqueue.sleep(5)
        task:stop_waiting()
        -- One who comes before the other has left is polled for at once.
        world:fault { http_status = 401, body = "", latency = 0 }
        assert.equal("auth", select(3, client:wait_until_done(task.id)))
        assert.equal("cancelled", kind)
      end)

      simulate("an answer comes before the deadline", function()
        world:fault { latency = 5 }
        local status = client:wait_until_done(new_task { duration = 0 }, { timeout = 5 })
        assert.is_true(status and status.ok)
        assert.equal(5, world:now())
      end)

      simulate("a client may be closed in on_progress", function()
        local _, _, kind = client:wait_until_done(new_task(), {
          on_progress = function() client:close() end,
        })
        assert.equal("closed", kind)
      end)

      simulate("a wait may begin inside on_progress, for this task and for others", function()
        local id, other = new_task { duration = 30 }, new_task { duration = 60 }
        local inner, foreign
        local outer = client:wait_until_done(id, {
          on_progress = function(status)
            if inner or status.done then return end
            inner = client:wait_until_done(id)
            foreign = client:wait_until_done(other)
          end,
        })
        assert.same({ true, true, true }, { outer.ok, inner.ok, foreign.ok })
      end)

      simulate("an on_progress that waits holds up neither the deadline nor a stop", function()
        local quick = new_stranger { rate = 10 }
        local task = quick:task(new_task { duration = 1000 })
        taskqueue.spawn(function()
          taskqueue.sleep(400)
          task:stop_waiting()
        end)
        local options = { timeout = 200, on_progress = function() taskqueue.sleep(15) end }
        assert.equal("timeout", select(3, task:wait_until_done(options)))
        assert.is_true(world:now() < 216, world:now())
        options.timeout = 9000
        assert.equal("cancelled", select(3, task:wait_until_done(options)))
        assert.is_true(world:now() < 416, world:now())
      end)

      simulate("waiters of one task end each by its own deadline and options", function()
        local id = new_task { duration = 100 }
        local ends = {}
        for i, timeout in ipairs { 10, 20, 200 } do
          taskqueue.spawn(function()
            local status, _, kind = client:wait_until_done(id, { timeout = timeout })
            ends[i] = { status and status.state or kind, math.floor(world:now() + 0.5) }
          end)
        end
        taskqueue.spawn(function()
          local _, _, kind = client:wait_until_done(id, { max_poll_errors = 0 })
          ends[4] = { kind, math.floor(world:now() + 0.5) }
        end)
        taskqueue.sleep(5)
        world:fault { outcome = "network" }
        taskqueue.sleep(300)
        assert.same({ { "timeout", 10 }, { "timeout", 20 } }, { ends[1], ends[2] })
        assert.equal("succeeded", ends[3][1])
        assert.is_true(ends[3][2] < 103)
        assert.same({ "network", 5 }, ends[4])
      end)

      simulate("the last look comes before the deadline, if the next one is due after", function()
        local id = new_task { duration = 2 }
        assert(client:wait_until_done(id, { timeout = 10, interval = 60 }))
        local times = polls(id)
        assert.equal(2, #times)
        assert.is_true(times[2] > 8 and times[2] < 10)
      end)

      simulate("a refusal pushes back the whole budget, and Retry-After is believed", function()
        local ids = { new_task { duration = 0 }, new_task { duration = 0 } }
        local other = new_client()
        world:fault { http_status = 503, body = "", retry_after = 7 }
        taskqueue.spawn(function() assert(other:wait_until_done(ids[2])) end)
        assert(client:wait_until_done(ids[1]))
        taskqueue.sleep(20)
        local log = world:log()
        assert.equal(3, #log)
        assert.is_true(log[2].time - log[1].time >= 7 and log[2].time - log[1].time < 9)
      end)

      simulate("an error in on_progress reaches its waiter and nobody else", function()
        local id = new_task { duration = 50 }
        local other
        taskqueue.spawn(function() other = client:wait_until_done(id) end)
        local ok, message = pcall(client.wait_until_done, client, id, {
          on_progress = function() error("mine") end,
        })
        assert.is_false(ok)
        assert.matches("mine", message)
        taskqueue.sleep(60)
        assert.is_true(other.ok)
      end)
    end)
  end)
end
