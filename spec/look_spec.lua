-- SPDX-License-Identifier: MIT
-- One poll, in its turn under the budget and not retried.
local core = require "taskqueue.core"
local support = require "support"
local taskqueue = require "taskqueue"

for _, service in ipairs(support.services) do
  describe("looking once at " .. service.name, function()
    local sim, client

    local function new_task(script) return service.task(sim, script) end

    before_each(function()
      sim = support.sim()
      client = service.client(sim)
    end)

    after_each(support.finish)

    it("gives the status as it is", function()
      local id = new_task { delay = 60 }
      local status = assert(client:get_status(id))
      assert.same({ id, service.WAITING, 0, false, false }, {
        status.id, status.code, status.progress, status.done, status.ok,
      })
      assert.equal(1, support.polls(sim))
    end)

    it("gives the status of a rejected task: the look succeeded", function()
      local status = assert(client:get_status(new_task { outcome = "rejected" }))
      assert.same({ "failed", true, false }, { status.state, status.done, status.ok })
    end)

    it("is not retried", function()
      sim:fault(service.transient)
      local _, _, kind, detail = client:get_status(new_task())
      assert.same({ "service", 1 }, { kind, detail.attempts })
      assert.equal(1, #sim:log())
    end)

    it("is throttled when the service says so, and pushes the budget back", function()
      local id = new_task()
      sim:fault(service.refusal)
      assert.equal("throttled", select(3, client:get_status(id)))
      local before = core.now()
      assert(client:get_status(id))
      assert.is_true(core.now() - before >= 0.04)
    end)

    it("is remembered by the handle", function()
      local task = client:task(new_task())
      local status = task:get_status()
      assert.equal(status, task:last_status())
    end)

    it("takes its turn beside a wait on the same task", function()
      local id = new_task { duration = 0.5 }
      local looked
      taskqueue.run(function()
        taskqueue.spawn(function() assert(client:wait_until_done(id)) end)
        taskqueue.sleep(0.02)
        looked = client:get_status(id)
        assert.equal("running", client:task(id):last_status().state)
      end)
      assert.equal("running", looked.state)
    end)
  end)
end
