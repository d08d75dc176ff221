-- SPDX-License-Identifier: MIT
-- Every option of a wait and every way in which one ends, on simulated time.
local support = require "support"
local taskqueue = require "taskqueue"
local testing = require "taskqueue.testing"

local huge = math.huge

local services = {
  { name = "Mobizon in JSON", kind = "mobizon", options = {}, transient = 15, denied = 8 },
  {
    name = "Mobizon in XML", kind = "mobizon", options = { format = "xml" }, transient = 15,
    denied = 9,
  },
  {
    name = "the Corporate Node", kind = "cnode", options = { rate = 1 },
    transient = "ERR_TECHNICAL_PROBLEM",
  },
}

for _, service in ipairs(services) do
  describe("on simulated time, waiting for " .. service.name, function()
    local world, client

    local function new_client(options)
      local complete = {}
      for name, value in pairs(service.options) do complete[name] = value end
      for name, value in pairs(options or {}) do complete[name] = value end
      return world[service.kind](world, complete)
    end

    -- One with a budget of its own.
    local function new_stranger(options)
      options[service.kind == "mobizon" and "api_key" or "username"] = "stranger"
      return new_client(options)
    end

    local function new_task(script)
      local complete = { service = service.kind }
      for name, value in pairs(script or {}) do complete[name] = value end
      return world:task(complete)
    end

    -- A case inside a world, as a coroutine.
    local function simulate(sentence, fn, options)
      it(sentence, function()
        testing.run(options, function(fresh)
          world = fresh
          client = new_client()
          fn()
        end)
      end)
    end

    local function polls(id)
      local times = {}
      for _, entry in ipairs(world:log()) do
        if entry.id == id then times[#times + 1] = entry.time end
      end
      return times
    end

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

    describe("ends with the kind", function()
      local function ends_with(kind, fault, options)
        world:fault(fault)
        local checked = { max_poll_errors = 0 }
        for name, value in pairs(options or {}) do checked[name] = value end
        local status, message, of, detail = client:wait_until_done(new_task(), checked)
        assert.is_nil(status)
        assert.equal(kind, of, message)
        assert.equal(1, detail.attempts)
      end

      simulate("network, tls, http, protocol, auth or service, as the poll did", function()
        ends_with("network", { outcome = "network" })
        ends_with("network", { outcome = "silent" })
        ends_with("tls", { outcome = "tls" })
        ends_with("tls", { outcome = "untrusted" }, { max_poll_errors = 10 })
        ends_with("http", { http_status = 503, body = "" })
        ends_with("http", { http_status = 404, body = "" }, { max_poll_errors = 10 })
        ends_with("protocol", { body = "<" })
        ends_with("protocol", { outcome = "unreadable" })
        ends_with("auth", { http_status = 401, body = "" }, { max_poll_errors = 10 })
        ends_with("service", { code = service.transient })
        if service.denied then ends_with("auth", { code = service.denied }) end
      end)

      simulate("failed, not_found or expired, as the service said", function()
        assert.equal("failed", select(3, client:wait_until_done(new_task { outcome = "rejected" })))
        assert.equal("not_found", select(3, client:wait_until_done("404")))
        local task = client:task(new_task())
        assert(task:get_status())
        world:forget(task.id, service.kind)
        assert.equal("expired", select(3, task:wait_until_done()))
      end)

      simulate("throttled never: a refusal pushes back", function()
        world:fault { http_status = 429, body = "", retry_after = 100 }
        assert(client:wait_until_done(new_task { duration = 1 }, { max_poll_errors = 0 }))
        assert.is_true(world:now() >= 100)
        world:fault { http_status = 429, body = "" }
        assert.equal("throttled", select(3, client:get_status(new_task())))
      end)

      simulate("cancelled at once, while it sleeps and while a request is under way", function()
        for _, latency in ipairs { 0.05, 20 } do
          local task = client:task(new_task { outcome = "stuck" })
          world:fault { latency = latency }
          local kind, at
          taskqueue.spawn(function()
            _, _, kind = task:wait_until_done { interval = 30 }
            at = world:now()
          end)
          taskqueue.sleep(10)
          local stopped = world:now()
          task:stop_waiting()
          taskqueue.sleep(0)
          taskqueue.sleep(0)
          assert.same({ "cancelled", stopped }, { kind, at })
          taskqueue.sleep(60)
        end
      end)

      simulate("closed when its client is", function()
        local kind
        taskqueue.spawn(function() kind = select(3, client:wait_until_done(new_task())) end)
        taskqueue.sleep(10)
        client:close()
        taskqueue.sleep(0)
        taskqueue.sleep(0)
        assert.equal("closed", kind)
        assert.equal("closed", select(3, client:wait_until_done("1")))
      end)
    end)

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
