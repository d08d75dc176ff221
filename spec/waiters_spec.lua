-- SPDX-License-Identifier: MIT
-- The chain of those who wait for one task.
local support = require "support"
local taskqueue = require "taskqueue"
local testing = require "taskqueue.testing"
local waiters = require "taskqueue.waiters"

-- What a chain needs of a watch that belongs to no group.
local function new_watch()
  return { place = function() return 0 end, firsts = {} }
end

local function names(watch)
  local list = {}
  for waiter in waiters.each(watch) do list[#list + 1] = waiter.name end
  return list
end

describe("a chain of waiters", function()
  it("keeps the order of their coming over a long random run", function()
    math.randomseed(7)
    local watch, listed, last = new_watch(), {}, 0
    for step = 1, 5000 do
      -- The run swells and shrinks, so that the chain is often empty.
      local swells = math.floor(step / 40) % 2 == 0
      if #listed == 0 or math.random() < (swells and 0.7 or 0.3) then
        last = last + 1
        listed[#listed + 1] = { name = last }
        waiters.add(watch, listed[#listed])
      else
        local left = table.remove(listed, math.random(#listed))
        waiters.remove(watch, left)
        waiters.remove(watch, left)
        assert.is_false(left.is_waiting)
      end
      local expected = {}
      for i, waiter in ipairs(listed) do expected[i] = waiter.name end
      assert.same(expected, names(watch))
      assert.equal(#listed, waiters.count(watch))
      assert.equal(#listed > 0, waiters.is_any(watch))
    end
  end)

  it("lets whoever is told leave while it is walked", function()
    local watch, told = new_watch(), {}
    for name = 1, 5 do waiters.add(watch, { name = name }) end
    for waiter in waiters.each(watch) do
      told[#told + 1] = waiter.name
      if waiter.name ~= 3 then waiters.remove(watch, waiter) end
    end
    assert.same({ 1, 2, 3, 4, 5 }, told)
    assert.same({ 3 }, names(watch))
  end)
end)

describe("a wait that is a place in a group, on simulated time,", function()
  local world, client

  before_each(function()
    world = testing.start { seed = 5 }
    client = world:mobizon { rate = 1 }
  end)

  after_each(function()
    world:stop()
    support.finish()
  end)

  it("is joined by another wait for its task, and each ends by its own deadline", function()
    local task, kinds = client:task(world:task { duration = 300 }), {}
    taskqueue.run(function()
      taskqueue.spawn(function()
        kinds.group = taskqueue.wait_all({ task }, { timeout = 30 })[1].kind
      end)
      taskqueue.sleep(5)
      local watch = client.watches[task.id]
      assert.equal(1, watch:place())
      assert.equal(1, waiters.count(watch))
      kinds.alone = select(3, task:wait_until_done { timeout = 5 })
      assert.equal(0, watch:place())
      assert.equal(1, waiters.count(watch))
      assert.is_nil(kinds.group)
    end)
    assert.same({ alone = "timeout", group = "timeout" }, kinds)
    assert.is_nil(next(client.watches))
  end)

  it("ends with the kind of what ends its task's waits", function()
    for _, kind in ipairs { "cancelled", "closed" } do
      local task = client:task(world:task { duration = 300 })
      local result
      taskqueue.run(function()
        taskqueue.spawn(function() result = taskqueue.wait_all { task }[1] end)
        taskqueue.sleep(5)
        assert.equal(1, client.watches[task.id]:place())
        if kind == "closed" then client:close() else task:stop_waiting() end
      end)
      assert.equal(kind, result.kind)
      assert.equal(task, result.task)
    end
  end)
end)
