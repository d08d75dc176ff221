-- SPDX-License-Identifier: MIT
local core = require "taskqueue.core"
local support = require "support"
local taskqueue = require "taskqueue"

describe("waiting for many", function()
  local sim, client, node

  before_each(function()
    sim = support.sim()
    client = support.client(sim)
    node = support.node(sim)
  end)

  after_each(support.finish)

  local function tasks_of(...)
    local tasks = {}
    for i, duration in ipairs { ... } do
      if i % 2 == 1 then
        tasks[i] = client:task(sim:task { duration = duration })
      else
        tasks[i] = node:task(sim:task { service = "node", duration = duration })
      end
    end
    return tasks
  end

  describe("with wait_all", function()
    it("gives the outcomes of both services in the given order", function()
      local tasks = tasks_of(0.1, 0.05, 0)
      tasks[4] = client:task(sim:task { outcome = "rejected" })
      tasks[5] = node:task("UNKNOWN")
      local results = taskqueue.wait_all(tasks)
      assert.equal(5, #results)
      for i = 1, 3 do
        assert.equal(tasks[i], results[i].task)
        assert.is_true(results[i].status.ok)
      end
      assert.same({ nil, "failed" }, { results[4].status, results[4].kind })
      assert.matches("rejected by the service", results[4].message)
      assert.equal("not_found", results[5].kind)
    end)

    it("has one timeout for the whole", function()
      local before = core.now()
      local results = taskqueue.wait_all(tasks_of(0, 60, 60), { timeout = 0.2 })
      assert.is_true(results[1].status.ok)
      assert.same({ "timeout", "timeout" }, { results[2].kind, results[3].message })
      assert.is_true(core.now() - before < 5)
    end)

    it("gives nothing for nothing", function()
      assert.same({}, taskqueue.wait_all {})
    end)

    it("takes tasks that are known to have ended, and the same one twice", function()
      local task = client:task(sim:task())
      assert(task:wait_until_done())
      local other = client:task(sim:task { duration = 0.05 })
      local results = taskqueue.wait_all { task, other, other }
      for i = 1, 3 do assert.is_true(results[i].status.ok) end
    end)

    it("tells progress of each", function()
      local last = {}
      local tasks = tasks_of(0.1, 0.1)
      taskqueue.wait_all(tasks, {
        on_progress = function(status) last[status.id] = status.state end,
      })
      assert.same({ [tasks[1].id] = "succeeded", [tasks[2].id] = "succeeded" }, last)
    end)

    it("raises an error of on_progress and leaves nothing behind", function()
      local ok, message = pcall(taskqueue.wait_all, tasks_of(60, 60), {
        on_progress = function() error("boom", 0) end,
      })
      assert.same({ false, "boom" }, { ok, message })
      assert.is_nil(next(client.watches))
      assert.is_nil(next(node.watches))
    end)

    it("ends each that stalls by itself", function()
      local results = taskqueue.wait_all({
        client:task(sim:task { duration = 60, progress = "none" }),
        client:task(sim:task { duration = 0.3 }),
      }, { stall_timeout = 0.15 })
      assert.equal("stalled", results[1].kind)
      assert.is_true(results[2].status.ok)
    end)

    it("ends those of a client that is closed, and no others", function()
      local tasks = tasks_of(60, 0.2)
      local results
      taskqueue.run(function()
        taskqueue.spawn(function() results = taskqueue.wait_all(tasks) end)
        taskqueue.sleep(0.05)
        client:close()
      end)
      assert.equal("closed", results[1].kind)
      assert.is_true(results[2].status.ok)
      assert.equal("closed", taskqueue.wait_all({ tasks[1] })[1].kind)
    end)
  end)

  describe("with wait_any", function()
    it("gives the first to end, and stops asking for the others", function()
      local tasks = tasks_of(60, 0.05, 60)
      local task, status = taskqueue.wait_any(tasks)
      assert.equal(tasks[2], task)
      assert.is_true(status.ok)
      assert.is_nil(next(client.watches))
    end)

    it("gives one that ended badly too", function()
      local bad = client:task(sim:task { outcome = "rejected" })
      local task, status, message, kind = taskqueue.wait_any { bad, tasks_of(60)[1] }
      assert.equal(bad, task)
      assert.is_nil(status)
      assert.matches("rejected", message)
      assert.equal("failed", kind)
    end)

    it("gives nil for nothing, and a timeout like any end", function()
      assert.is_nil(taskqueue.wait_any {})
      local _, _, message = taskqueue.wait_any(tasks_of(60, 60), { timeout = 0.05 })
      assert.equal("timeout", message)
    end)
  end)

  describe("with as_completed", function()
    it("gives tasks of both services in the order of their ends", function()
      local tasks = tasks_of(0.5, 0.25, 0)
      local order = {}
      for task, status in taskqueue.as_completed(tasks) do
        assert.is_true(status.ok)
        order[#order + 1] = task
      end
      assert.same({ tasks[3].id, tasks[2].id, tasks[1].id }, {
        order[1].id, order[2].id, order[3].id,
      })
    end)

    it("works beside other coroutines", function()
      local ticks, ended = 0, 0
      taskqueue.run(function()
        taskqueue.spawn(function()
          while ended < 4 do
            taskqueue.sleep(0.01)
            ticks = ticks + 1
          end
        end)
        for _ in taskqueue.as_completed(tasks_of(0.1, 0.1, 0.1, 0.1)) do ended = ended + 1 end
      end)
      assert.is_true(ticks > 3)
    end)

    it("ends the waits that are left when the loop is left", function()
      local ended = 0
      local function first_of(tasks)
        for _ in taskqueue.as_completed(tasks) do
          ended = ended + 1
          if ended == 1 then break end
        end
      end
      first_of(tasks_of(0, 60, 60))
      assert.equal(1, ended)
      collectgarbage()
      collectgarbage()
      taskqueue.step()
      assert.is_nil(next(client.watches))
      assert.is_nil(next(node.watches))
    end)

    it("gives nothing for nothing", function()
      for _ in taskqueue.as_completed {} do error("a task from nowhere") end
    end)
  end)

  it("checks its arguments at the caller's line", function()
    for expected, fn in pairs {
      ["wait_all: the first argument must be a list of tasks"] = function()
        taskqueue.wait_all(1)
      end,
      ["wait_any: item 1 of the list is no task"] = function() taskqueue.wait_any { "7" } end,
      ["as_completed: item 2 of the list is no task"] = function()
        taskqueue.as_completed { client:task(1), {} }
      end,
      ["wait_all: unknown option 'x'"] = function() taskqueue.wait_all({}, { x = 1 }) end,
    } do
      local ok, message = pcall(fn)
      assert.is_false(ok)
      assert.matches("^spec/many_spec.lua:%d+: " .. expected, message)
    end
  end)

  it("takes thousands with one coroutine", function()
    sim = support.sim()
    client = support.client(sim, { rate = 1e6, max_connections = 16 })
    local tasks = {}
    for i = 1, 2000 do tasks[i] = client:task(sim:task { duration = 0 }) end
    local count = 0
    for _, result in ipairs(taskqueue.wait_all(tasks)) do
      if result.status.ok then count = count + 1 end
    end
    assert.equal(2000, count)
  end)
end)
