-- SPDX-License-Identifier: MIT
local json = require "cjson"
local support = require "support"
local taskqueue = require "taskqueue"
local testing = require "taskqueue.testing"

-- Through text and back, as between two processes.
local function carried(data)
  return json.decode(json.encode(data))
end

describe("export and import", function()
  after_each(support.finish)

  it("carry a task with its status and the knowledge of its pace", function()
    testing.run(function(world)
      local client = world:mobizon()
      local task = client:task(world:task { duration = 1000 })
      assert.equal("timeout", select(3, task:wait_until_done { timeout = 400 }))
      local data = carried(task:export())
      assert.same({ task.id, "mobizon" }, { data.id, data.service })
      assert.equal("https://mobizon.test", data.url)
      assert.is_true(data.exported - data.first_seen >= 399)
      support.holds_no("testing", data)
      client:close()
      taskqueue.sleep(100)

      local again = world:mobizon()
      local taken = again:import(data)
      assert.equal(task.id, taken.id)
      assert.same({ "running", 39 }, { taken:last_status().state, taken:last_status().progress })
      taskqueue.spawn(function() assert(taken:wait_until_done()) end)
      taskqueue.sleep(0.01)
      -- Before the first look of the new process.
      assert.is_true(math.abs(taken:remaining() - 500) < 25, taken:remaining())
      taskqueue.sleep(600)
      assert.is_true(taken:last_status().ok)
    end)
  end)

  it("let a task that is gone meanwhile be expired, and not unknown", function()
    testing.run(function(world)
      local client = world:cnode()
      local task = client:task(world:task { service = "cnode" })
      assert(task:get_status())
      local data = carried(task:export())
      world:forget(task.id, "cnode")
      assert.equal("expired", select(3, client:import(data):wait_until_done()))
    end)
  end)

  it("carry all that is waited for, and each client takes its own", function()
    testing.run(function(world)
      local sms, node = world:mobizon(), world:cnode()
      local ids = {}
      for i = 1, 9 do
        local service = i % 3 == 0 and "cnode" or "mobizon"
        local client = service == "cnode" and node or sms
        ids[i] = world:task { service = service, duration = 100 + i }
        taskqueue.spawn(function() client:wait_until_done(ids[i]) end)
      end
      taskqueue.sleep(50)
      local data = carried(taskqueue.export())
      support.holds_no("testing", data)
      assert.equal(9, #data.tasks)
      sms:close()
      node:close()

      local tasks = world:mobizon():import(data)
      assert.equal(6, #tasks)
      for _, task in ipairs(world:cnode():import(data)) do tasks[#tasks + 1] = task end
      assert.equal(9, #tasks)
      for _, result in ipairs(taskqueue.wait_all(tasks)) do
        assert.is_true(result.status.ok and result.status.id == result.task.id)
      end
    end)
  end)

  it("carry what the tasks before have taught about durations", function()
    local data
    local function average_delay(world, client, count)
      local late = 0
      for _ = 1, count do
        world:next_task { duration = 300, progress = "none" }
        local began = world:now()
        assert(client:call("report", "create"):wait_until_done())
        late = late + world:now() - began - 300
      end
      return late / count
    end
    testing.run(function(world)
      local client = world:mobizon { rate = math.huge }
      average_delay(world, client, 40)
      data = carried(taskqueue.export())
      assert.is_true(data.budgets[1].history.end_count >= 40)
    end)
    local function polls_with(knowledge)
      return testing.run(function(world)
        local client = world:mobizon { rate = math.huge }
        if knowledge then client:import(knowledge) end
        average_delay(world, client, 1)
        return #world:log()
      end)
    end
    -- Fewer polls before the end can be near.
    assert.is_true(polls_with(data) < polls_with(nil))
  end)

  it("give a handle that knows its end without asking", function()
    testing.run(function(world)
      local client = world:mobizon()
      local task = client:task(world:task { duration = 1, outcome = "rejected" })
      task:wait_until_done()
      local polls = #world:log()
      local taken = client:import(carried(task:export()))
      assert.equal("failed", select(3, taken:wait_until_done()))
      assert.equal(polls, #world:log())
    end)
  end)

  it("carry a task that nobody has heard of yet", function()
    testing.run(function(world)
      local client = world:mobizon()
      local taken = client:import(carried(client:task(world:task()):export()))
      assert.is_nil(taken:last_status())
      assert(taken:wait_until_done())
    end)
  end)

  it("keep the node's additionalInfo", function()
    local sim = support.sim()
    local node = support.node(sim)
    local task = node:task(sim:task { service = "node", duration = 60, info = { transferId = 7 } })
    assert(task:get_status())
    local taken = node:import(carried(task:export()))
    assert.equal(7, taken:last_status().info.transferId)
  end)

  it("refuse what is no export, naming what is wrong, at the caller's line", function()
    testing.run(function(world)
      local client, node = world:mobizon(), world:cnode()
      local task = client:task(world:task())
      client:wait_until_done(task.id, { timeout = 5 })
      local good = carried(task:export())
      local function refused(change, message)
        local data = carried(good)
        change(data)
        local ok, why = pcall(function() client:import(data) end)
        assert.is_false(ok)
        assert.matches(message, why)
        assert.matches("export_spec.lua:%d+: import: ", why)
      end
      refused(function(d) d.version = 2 end, "the data must be an export of version 1")
      refused(function(d) d.url = "https://other.test" end, "of mobizon at https://other.test")
      refused(function(d) d.service = nil end, "not of this client")
      refused(function(d) d.id = {} end, "the data.id must be a task's id")
      refused(function(d) d.first_seen = "x" end, "first_seen must be a Unix time")
      refused(function(d) d.exported = 0 / 0 end, "exported must be a Unix time")
      refused(function(d) d.status = { state = "done" } end, "status must be a status")
      refused(function(d) d.knowledge = 1 end, "knowledge must be a table")
      refused(function(d) d.knowledge = { born = 1 } end, "must be as it was exported: 'read'")
      assert.has_error(function() client:import("x") end)
      assert.has_error(function() node:import(good) end)
      local all = carried(taskqueue.export())
      for _, budget in ipairs(all.budgets) do budget.history = {} end
      assert.has_error(function() client:import(all) end)
      all.budgets = nil
      assert.has_error(function() client:import(all) end)
    end)
  end)

  it("can be carried on, whatever numbers they came with", function()
    testing.run(function(world)
      local client = world:mobizon()
      local task = client:task(world:task {
        outcome = "stuck", progress = function(seconds) return math.min(seconds, 20) end,
      })
      task:wait_until_done { timeout = 30 }
      for name, known in pairs(task:export().knowledge) do
        for _, value in ipairs(type(known) == "number" and { -9e11, -2, 0, 1e-45, 9e11 } or {}) do
          local data = carried(task:export())
          data.knowledge[name] = value
          local imported = client:import(data)
          imported:wait_until_done { timeout = 5 }
          client:import(carried(imported:export()))
        end
      end
    end)
  end)

  it("survive numbers that make no sense: only the prediction is off", function()
    testing.run(function(world)
      local client = world:mobizon()
      local task = client:task(world:task { duration = 100 })
      task:wait_until_done { timeout = 20 }
      for _, value in ipairs { -1e11, 0, 1e11, 1e-300 } do
        local data = carried(task:export())
        for name, known in pairs(data.knowledge) do
          if type(known) == "number" then data.knowledge[name] = value end
        end
        assert(client:import(data):wait_until_done { timeout = 10000 })
      end
      for _, value in ipairs { -9e11, 0, 9e11 } do
        local data = carried(task:export())
        data.first_seen, data.exported, data.knowledge = value, value, nil
        local imported = client:import(data)
        assert.is_true(math.abs(imported:export().first_seen) < 2.1e9)
        assert(imported:wait_until_done { timeout = 10000 })
      end
    end)
  end)
end)
