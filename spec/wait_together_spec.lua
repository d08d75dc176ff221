-- SPDX-License-Identifier: MIT
local core = require "taskqueue.core"
local support = require "support"
local taskqueue = require "taskqueue"

local huge = math.huge

for _, service in ipairs(support.services) do
  describe("waiting for " .. service.name, function()
    local sim, client

    local function new_client(options) return service.client(sim, options) end
    local function new_task(script) return service.task(sim, script) end

    before_each(function()
      sim = support.sim()
      client = new_client()
    end)

    after_each(support.finish)

    describe("by several at once", function()
      it("shares the polls of a task", function()
        local id = new_task { duration = 60 }
        local before
        taskqueue.run(function()
          for _ = 1, 10 do
            taskqueue.spawn(function()
              client:wait_until_done(id, { timeout = 0.3, interval = 0.1 })
            end)
          end
        end)
        before = support.polls(sim, id)
        -- One each interval, and the last look before the deadline.
        assert.is_true(before <= 6, before)
      end)

      it("looks at once for one who comes later and does not want to wait", function()
        local id = new_task { duration = 0.1 }
        taskqueue.run(function()
          taskqueue.spawn(function() client:wait_until_done(id, { interval = 60, timeout = 1 }) end)
          taskqueue.sleep(0.15)
          local before = core.now()
          assert(client:wait_until_done(id))
          assert.is_true(core.now() - before < 0.5)
        end)
      end)

      it("polls for one who comes while a failure is ending the others", function()
        local id = new_task()
        local second
        sim:fault(service.permanent[1][1])
        taskqueue.run(function()
          -- Both are woken in one turn: the first one asks again before the second one has left.
          for _ = 1, 2 do
            taskqueue.spawn(function()
              assert.is_nil((client:wait_until_done(id)))
              local status = client:wait_until_done(id, { timeout = 5 })
              second = status and status.state
            end)
          end
        end)
        assert.equal("succeeded", second)
      end)

      it("counts failures from when each came, and gives each its own grace", function()
        local id = new_task()
        for _ = 1, 3 do sim:fault(service.transient) end
        taskqueue.run(function()
          taskqueue.spawn(function() assert(client:wait_until_done(id)) end)
          while support.polls(sim) < 2 do taskqueue.sleep(0.01) end
          assert(client:wait_until_done(id, { max_poll_errors = 2 }))
        end)
      end)

      it("ends each at its own deadline", function()
        local id = new_task { duration = 0.6 }
        local kinds = {}
        taskqueue.run(function()
          for _, timeout in ipairs { 0.05, 30 } do
            taskqueue.spawn(function()
              local status, _, kind = client:wait_until_done(id, { timeout = timeout })
              kinds[#kinds + 1] = status and status.state or kind
            end)
          end
        end)
        assert.same({ "timeout", "succeeded" }, kinds)
      end)

      it("lets each survive what it may", function()
        local id = new_task()
        for _ = 1, 2 do sim:fault(service.transient) end
        local ends = {}
        taskqueue.run(function()
          for _, errors in ipairs { 1, 5 } do
            taskqueue.spawn(function()
              local status, _, kind = client:wait_until_done(id, { max_poll_errors = errors })
              ends[errors] = status and status.state or kind
            end)
          end
        end)
        assert.same({ [1] = "service", [5] = "succeeded" }, ends)
      end)
    end)

    describe("that is stopped", function()
      it("ends every waiter with cancelled, also during a request", function()
        local id = new_task { duration = 60 }
        sim:fault { silent = true, times = huge }
        local kinds = {}
        taskqueue.run(function()
          for _ = 1, 3 do
            taskqueue.spawn(function()
              local _, message, kind = client:wait_until_done(id)
              kinds[#kinds + 1] = kind
              assert.equal(("task %s: waiting was stopped"):format(id), message)
            end)
          end
          taskqueue.sleep(0.05)
          client:task(id):stop_waiting()
        end)
        assert.same({ "cancelled", "cancelled", "cancelled" }, kinds)
        sim:clear_faults()
      end)

      it("can be stopped from on_progress", function()
        local task = client:task(new_task { duration = 60 })
        local _, _, kind, detail = task:wait_until_done {
          on_progress = function() task:stop_waiting() end,
        }
        assert.equal("cancelled", kind)
        assert.equal("running", detail.status.state)
      end)

      it("tells the truth when the end is known already", function()
        local task = client:task(new_task())
        local status = task:wait_until_done { on_progress = function() task:stop_waiting() end }
        assert.is_true(status.ok)
      end)

      it("does nothing when nobody waits", function()
        client:task("1"):stop_waiting()
      end)
    end)

    describe("with a client that is closed", function()
      it("ends waits, looks and calls with closed", function()
        sim:fault { silent = true, times = huge }
        local kinds = {}
        taskqueue.run(function()
          taskqueue.spawn(function() kinds[1] = select(3, client:wait_until_done("1")) end)
          taskqueue.spawn(function() kinds[2] = select(3, client:get_status("2")) end)
          taskqueue.spawn(function() kinds[3] = select(3, service.call(client)) end)
          taskqueue.sleep(0.05)
          client:close()
          client:close()
        end)
        assert.same({ "closed", "closed", "closed" }, kinds)
      end)

      it("gives closed at once", function()
        client:close()
        assert.equal("closed", select(3, client:wait_until_done("1")))
        assert.equal("closed", select(3, client:get_status("1")))
        assert.equal("closed", select(3, service.call(client)))
        assert.matches("closed$", tostring(client))
      end)

      it("does not disturb waits of another client", function()
        local other = new_client()
        taskqueue.run(function()
          taskqueue.spawn(function()
            assert(other:wait_until_done(new_task { duration = 0.1 }))
          end)
          taskqueue.spawn(function() client:wait_until_done(new_task { duration = 60 }) end)
          taskqueue.sleep(0.03)
          client:close()
        end)
      end)

      it("may be closed from on_progress", function()
        local _, _, kind = client:wait_until_done(new_task { duration = 60 }, {
          on_progress = function() client:close() end,
        })
        assert.equal("closed", kind)
      end)
    end)

    describe("with an on_progress that fails", function()
      it("raises the same error from the wait, and leaves nothing behind", function()
        local object = {}
        local id = new_task { duration = 60 }
        local ok, raised = pcall(client.wait_until_done, client, id, {
          on_progress = function() error(object) end,
        })
        assert.is_false(ok)
        assert.equal(object, raised)
        assert.is_nil(next(client.watches))
      end)

      it("disturbs no other waiter of the task", function()
        local id = new_task { duration = 0.1 }
        local status
        pcall(taskqueue.run, function()
          taskqueue.spawn(function() status = client:wait_until_done(id) end)
          client:wait_until_done(id, { on_progress = function() error("boom") end })
        end)
        assert.is_true(status.ok)
      end)

      it("may itself wait", function()
        local inner = new_task()
        local id = new_task()
        local found
        assert(client:wait_until_done(id, {
          on_progress = function() found = client:wait_until_done(inner) end,
        }))
        assert.is_true(found.ok)
      end)
    end)
  end)
end
