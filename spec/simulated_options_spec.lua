-- SPDX-License-Identifier: MIT
-- Every option of a wait, on simulated time.
local simulated = require "simulated"
local support = require "support"
local taskqueue = require "taskqueue"

local huge = math.huge

for _, service in ipairs(simulated.services) do
  describe("on simulated time, waiting for " .. service.name, function()
    local world, client
    local cases = simulated.cases(service, function(fresh, own) world, client = fresh, own end)
    local new_task, polls = cases.new_task, cases.polls

    local function simulate(sentence, fn, options) it(sentence, cases.inside(fn, options)) end

    after_each(support.finish)

    describe("with the option", function()
      simulate("timeout: not longer than that", function()
        local id = new_task { outcome = "stuck" }
        local _, message, kind, detail = client:wait_until_done(id, { timeout = 60 })
        assert.same({ "timeout", "timeout", 60 }, { message, kind, world:now() })
        assert.equal("running", detail.status.state)
        local times = polls(id)
        assert.is_true(times[#times] > 59 and times[#times] < 60, times[#times])
      end)

      simulate("timeout: a task that ends just before it is seen to end", function()
        local id = new_task { duration = 59.5, progress = "none" }
        assert(client:wait_until_done(id, { timeout = 60 }))
      end)

      simulate("first_delay: no look before", function()
        local id = new_task { duration = 1 }
        assert(client:wait_until_done(id, { first_delay = 17 }))
        assert.is_true(polls(id)[1] >= 17)
      end)

      simulate("interval: no closer looks, but a last one before the deadline", function()
        local id = new_task { outcome = "stuck" }
        client:wait_until_done(id, { interval = 40, timeout = 100 })
        local times = polls(id)
        assert.equal(4, #times)
        assert.is_true(times[2] - times[1] >= 40 and times[3] - times[2] >= 40)
        assert.is_true(times[4] > 99 and times[4] < 100)
      end)

      simulate("not_found_grace: from the first miss on, until a hit", function()
        taskqueue.spawn(function()
          taskqueue.sleep(50)
          new_task { id = "late", duration = 100 }
          taskqueue.sleep(20)
          world:forget("late", service.kind)
        end)
        local _, _, kind = client:wait_until_done("late", { not_found_grace = 60 })
        assert.equal("expired", kind)
        assert.is_true(world:now() < 90)
        local before = world:now()
        _, _, kind = client:wait_until_done("never", { not_found_grace = 60, first_delay = 30 })
        assert.equal("not_found", kind)
        assert.is_true(world:now() - before >= 90)
      end)

      simulate("stall_timeout: known by a look that came late enough", function()
        local id = new_task { progress = function(seconds) return math.min(seconds, 30) end,
          outcome = "stuck" }
        local _, message, kind, detail = client:wait_until_done(id, { stall_timeout = 120 })
        assert.equal("stalled", kind)
        assert.matches("no change for 120 seconds, last state running", message)
        local expected = service.kind == "cnode" and 0 or 30
        assert.is_true(detail.status.progress >= expected)
        assert.is_true(world:now() >= 120 and world:now() < 200)
      end)

      simulate("stall_timeout: no look closer than the interval or between retries", function()
        local id = new_task { progress = "none", outcome = "stuck" }
        local options = { stall_timeout = 20, interval = 50, timeout = huge }
        assert.equal("stalled", select(3, client:wait_until_done(id, options)))
        local times = polls(id)
        assert.equal(2, #times)
        assert.is_true(times[2] - times[1] >= 50)
        taskqueue.spawn(function()
          taskqueue.sleep(5)
          world:fault { outcome = "network", times = 10 }
        end)
        options.interval = 0
        id = new_task { progress = "none", outcome = "stuck" }
        assert.equal("stalled", select(3, client:wait_until_done(id, options)))
        times = polls(id)
        -- The last of ten retries comes fifteen seconds after the one before, or half as many.
        assert.is_true(times[#times] - times[#times - 1] > 7, times[#times])
      end)

      simulate("max_poll_errors: so many in a row and no more", function()
        world:fault { outcome = "network", times = 3 }
        assert(client:wait_until_done(new_task { duration = 5 }, { max_poll_errors = 3 }))
        world:fault { outcome = "network", times = 4 }
        local _, _, kind, detail = client:wait_until_done(new_task(), { max_poll_errors = 3 })
        assert.same({ "network", 4 }, { kind, detail.attempts })
      end)

      simulate("on_progress: once for each change, whoever else looks", function()
        local points = { { 0, 0 }, { 0.5, 0 }, { 0.5, 60 }, { 1, 60 } }
        local id = new_task { duration = 10, progress = points }
        local told = {}
        taskqueue.spawn(function() client:wait_until_done(id) end)
        assert(client:wait_until_done(id, {
          on_progress = function(status) told[#told + 1] = status.progress end,
        }))
        assert.same({ 0, 60, 100 }, told)
      end)
    end)
  end)
end
