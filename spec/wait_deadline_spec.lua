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

    describe("with a deadline", function()
      it("ends with a timeout, and the last status", function()
        local id = new_task { duration = 60 }
        local before = core.now()
        local status, message, kind, detail = client:wait_until_done(id, { timeout = 0.3 })
        assert.is_nil(status)
        assert.same({ "timeout", "timeout" }, { message, kind })
        assert.equal("running", detail.status.state)
        assert.is_true(detail.attempts > 1)
        assert.is_true(core.now() - before >= 0.3)
      end)

      it("gives up a request in flight", function()
        sim:fault { silent = true }
        local before = core.now()
        local _, _, kind = client:wait_until_done(new_task(), { timeout = 0.1 })
        assert.equal("timeout", kind)
        assert.is_true(core.now() - before < 5)
      end)

      it("of none waits for ever", function()
        assert(client:wait_until_done(new_task { duration = 0.05 }, { timeout = huge }))
      end)

      it("of nothing asks nothing", function()
        local _, _, kind, detail = client:wait_until_done(new_task(), { timeout = 0 })
        assert.same({ "timeout", 0 }, { kind, detail.attempts })
        assert.equal(0, #sim:log())
      end)

      it("is not over when the end came while on_progress was waiting", function()
        local id = new_task { duration = 0.1 }
        local status
        taskqueue.run(function()
          taskqueue.spawn(function() client:wait_until_done(id) end)
          status = client:wait_until_done(id, {
            timeout = 0.2, on_progress = function() taskqueue.sleep(0.3) end,
          })
        end)
        assert.is_true(status.ok)
      end)

      it("tells as its cause a failure of the last poll, and no older one", function()
        support.undisturbed(function()
          local id = new_task { duration = 60, progress = "none" }
          sim:fault(service.transient)
          local _, _, _, detail = client:wait_until_done(id, { timeout = 0.3 })
          assert.is_nil(detail.cause)
        end)
      end)

      it("does not stall when nobody could look", function()
        sim:fault { times = huge, http_status = 500, body = "" }
        local _, _, kind = client:wait_until_done(new_task(), {
          timeout = 0.3, stall_timeout = 0.05, max_poll_errors = huge,
        })
        assert.equal("timeout", kind)
      end)

      it("ends as stalled when nothing changes", function()
        local id = new_task { duration = 60, progress = "none" }
        local _, message, kind, detail = client:wait_until_done(id, { stall_timeout = 0.1 })
        assert.equal("stalled", kind)
        assert.matches("no change for 0.1 seconds, last state running", message)
        assert.equal(0, detail.status.progress)
      end)
    end)

    describe("at a pace", function()
      it("puts off the first look", function()
        local before = sim:now()
        assert(client:wait_until_done(new_task(), { first_delay = 0.1 }))
        assert.is_true(sim:log()[1].time - before >= 0.1)
      end)

      it("keeps the interval between two polls of a task", function()
        local id = new_task { duration = 0.2 }
        assert(client:wait_until_done(id, { interval = 0.05 }))
        local log = sim:log()
        for i = 2, #log do assert.is_true(log[i].time - log[i - 1].time >= 0.05) end
      end)

      it("never polls faster than the budget, however many wait", function()
        local RATE = 100
        client = new_client { rate = RATE, max_connections = 8 }
        local other = new_client { rate = RATE }
        support.undisturbed(function()
          local first = #sim:log() + 1
          taskqueue.run(function()
            for i = 1, 40 do
              taskqueue.spawn(function()
                local id = new_task { duration = 0.3 }
                assert((i % 2 == 0 and client or other):wait_until_done(id))
              end)
            end
          end)
          assert.is_true(#sim:log() - first > 40)
          support.keeps_rate(sim:log(), RATE, first)
        end)
      end)

      it("leaves no task without a look for more than some rounds", function()
        client = new_client { rate = 50, max_connections = 1 }
        local ids, last = {}, {}
        taskqueue.run(function()
          for i = 1, 5 do
            ids[i] = new_task { duration = 600 }
            taskqueue.spawn(function() client:wait_until_done(ids[i]) end)
          end
          while #sim:log() < 50 do taskqueue.sleep(0.05) end
          client:close()
        end)
        local log = sim:log()
        for i, entry in ipairs(log) do
          assert.is_true(i - (last[entry.id] or 0) <= 5 * #ids)
          last[entry.id] = i
        end
        for _, id in ipairs(ids) do assert.is_true(#log - last[id] <= 5 * #ids) end
      end)

      it("keeps its connection from poll to poll", function()
        client = new_client { max_connections = 1 }
        taskqueue.run(function()
          for _ = 1, 20 do
            local id = new_task { duration = 0.1 }
            taskqueue.spawn(function() assert(client:wait_until_done(id)) end)
          end
        end)
        assert.equal(1, sim:connections())
      end)
    end)
  end)
end
