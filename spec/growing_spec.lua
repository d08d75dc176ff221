-- SPDX-License-Identifier: MIT
-- as_completed over a set that grows: a function that gives tasks.
local support = require "support"
local taskqueue = require "taskqueue"
local testing = require "taskqueue.testing"

describe("as_completed of a function", function()
  after_each(support.finish)

  local function collect(next_task, options)
    local ended = {}
    for task, status, _, kind in taskqueue.as_completed(next_task, options) do
      ended[#ended + 1] = task.id .. " " .. (status and status.state or kind)
    end
    return ended
  end

  it("takes all that it gives, in the order of their ends", function()
    testing.run(function(world)
      local client = world:mobizon()
      local durations = { 30, 10, 20 }
      local function next_task()
        local duration = table.remove(durations, 1)
        if not duration then return nil end
        return client:task(world:task { id = "t" .. duration, duration = duration })
      end
      assert.same({ "t10 succeeded", "t20 succeeded", "t30 succeeded" }, collect(next_task))
    end)
  end)

  it("is over at once when there is nothing", function()
    assert.same({}, collect(function() end))
  end)

  it("asks again after each end, so that a number of tasks can be kept in progress", function()
    testing.run(function(world)
      local client = world:mobizon { rate = 50 }
      local begun, ended, most = 0, 0, 0
      local function next_task()
        if begun == 20 or begun - ended == 3 then return nil end
        begun = begun + 1
        most = math.max(most, begun - ended)
        -- The function waits itself: a call begins the work.
        world:next_task { duration = begun * 7 % 20 + 1 }
        return assert(client:call("report", "create"))
      end
      for _, status in taskqueue.as_completed(next_task) do
        assert(status)
        ended = ended + 1
      end
      assert.same({ 20, 20, 3 }, { begun, ended, most })
    end)
  end)

  it("notices within a second what another coroutine has added", function()
    testing.run(function(world)
      local client = world:mobizon()
      local queue = { client:task(world:task { id = "long", duration = 100 }) }
      taskqueue.spawn(function()
        taskqueue.sleep(10)
        queue[1] = client:task(world:task { id = "short", duration = 20 })
      end)
      local at = {}
      for task in taskqueue.as_completed(function() return table.remove(queue) end) do
        at[task.id] = world:now()
      end
      assert.is_true(at.short < 40 and at.long >= 100)
    end)
  end)

  it("takes an object that can be called, and one timeout covers the whole", function()
    testing.run(function(world)
      local client = world:mobizon()
      local count = 0
      local source = setmetatable({}, {
        __call = function()
          count = count + 1
          if count > 3 then return nil end
          return client:task(world:task { id = "t" .. count, outcome = "stuck" })
        end,
      })
      assert.same({ "t1 timeout", "t2 timeout", "t3 timeout" }, collect(source, { timeout = 50 }))
      assert.equal(50, world:now())
    end)
  end)

  it("raises what the function raises, or that it gave no task, and ends the others", function()
    testing.run(function(world)
      local client = world:mobizon()
      for _, case in ipairs {
        { function() error("no more") end, "no more" },
        { function() return "100001" end, "the function gave what is no task" },
      } do
        local is_first = true
        local ok, message = pcall(collect, function()
          if not is_first then return case[1]() end
          is_first = false
          return client:task(world:task())
        end)
        assert.is_false(ok)
        assert.matches(case[2], message)
        assert.equal(0, taskqueue.stats().clients[1].waits)
      end
    end)
  end)

  it("looks at one that came late before the deadline of the whole", function()
    testing.run(function(world)
      local client, begun, lengths = world:cnode(), 0, { 15, 49.5 }
      local function next_task()
        if begun == 2 or world:now() < begun * 10 then return nil end
        begun = begun + 1
        return client:task(world:task {
          id = "t" .. begun, service = "cnode", duration = lengths[begun], progress = "none",
        })
      end
      assert.same({ "t1 succeeded", "t2 succeeded" },
        collect(next_task, { timeout = 60, interval = 1000 }))
    end)
  end)

  it("asks for none that there is no time for", function()
    testing.run(function(world)
      local client, begun = world:mobizon(), 0
      local ended = collect(function()
        if begun > world:now() / 5 then return nil end
        begun = begun + 1
        return client:task(world:task { outcome = "stuck" })
      end, { timeout = 20 })
      assert.equal(begun, #ended)
      assert.is_true(begun >= 4 and begun <= 5, begun)
      assert.equal(20, world:now())
      assert.same({}, collect(function() error("not to be asked") end, { timeout = 0 }))
    end)
  end)
end)
