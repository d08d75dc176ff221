-- SPDX-License-Identifier: MIT
local core = require "taskqueue.core"
local taskqueue = require "taskqueue"

describe("the built-in loop", function()
  it("gives what the function returns, nils included", function()
    local function count(...) return select("#", ...), ... end
    assert.same({ 3, 1, nil, 3 }, { count(taskqueue.run(function(a) return a, nil, 3 end, 1)) })
  end)

  it("runs until all that was spawned has ended", function()
    local order = {}
    taskqueue.run(function()
      taskqueue.spawn(function(name)
        taskqueue.sleep(0.02)
        order[#order + 1] = name
      end, "late")
      order[#order + 1] = "first"
    end)
    assert.same({ "first", "late" }, order)
  end)

  it("lets sleepers wake in the order of their times", function()
    local order = {}
    taskqueue.run(function()
      for _, ms in ipairs { 30, 10, 20 } do
        taskqueue.spawn(function()
          taskqueue.sleep(ms / 1000)
          order[#order + 1] = ms
        end)
      end
    end)
    assert.same({ 10, 20, 30 }, order)
  end)

  it("sleeps thousands at once", function()
    local count = 0
    taskqueue.run(function()
      for _ = 1, 5000 do
        taskqueue.spawn(function()
          taskqueue.sleep(0.01)
          count = count + 1
        end)
      end
    end)
    assert.equal(5000, count)
  end)

  it("raises an error with its traceback, after all others have ended", function()
    local finished
    local ok, message = pcall(taskqueue.run, function()
      taskqueue.spawn(function()
        taskqueue.sleep(0.01)
        finished = true
      end)
      local function deep() error("boom") end
      deep()
    end)
    assert.is_false(ok)
    assert.is_true(finished)
    assert.matches("builtin_spec.lua:%d+: boom\nstack traceback:.*deep", message)
  end)

  it("raises an error object as it is", function()
    local object = {}
    local ok, raised = pcall(taskqueue.run, function() error(object) end)
    assert.is_false(ok)
    assert.equal(object, raised)
  end)

  it("tells of every error when there are several", function()
    local ok, message = pcall(taskqueue.run, function()
      taskqueue.spawn(error, "one")
      taskqueue.spawn(error, "two")
    end)
    assert.is_false(ok)
    assert.matches("^2 coroutines failed\none.*two", message)
  end)

  it("ends at once when the program is interrupted, whichever coroutine that hits", function()
    local slept
    local ok, message = pcall(taskqueue.run, function()
      taskqueue.spawn(function()
        taskqueue.sleep(0.001)
        slept = true
      end)
      coroutine.yield()
      error "interrupted!"
    end)
    assert.is_false(ok)
    assert.matches("builtin_spec.lua:%d+: interrupted!\nstack traceback:", message)
    assert.is_nil(slept)
    taskqueue.run(function() end)
    assert.is_true(slept)
  end)

  it("goes on when a coroutine was made ready while it ended", function()
    local builtin = require "taskqueue.loop.builtin"
    local went_on = false
    taskqueue.run(function()
      taskqueue.spawn(function() builtin.unpark(coroutine.running()) end)
      taskqueue.spawn(function()
        taskqueue.sleep(0)
        went_on = true
      end)
    end)
    assert.is_true(went_on)
    assert.equal(0, builtin.count())
  end)

  it("can be run again after an error", function()
    pcall(taskqueue.run, error, "boom")
    assert.equal(7, taskqueue.run(function() return 7 end))
  end)

  it("cannot be run inside itself", function()
    local ok, message = pcall(taskqueue.run, function() taskqueue.run(print) end)
    assert.is_false(ok)
    assert.matches("the loop is running already", message)
  end)

  it("does not start a function that it cannot run", function()
    local ran
    pcall(taskqueue.run, function()
      taskqueue.run(function() ran = true end)
    end)
    assert.is_nil(ran)
  end)

  it("is not stepped from within", function()
    local message
    taskqueue.run(function() message = select(2, pcall(taskqueue.step)) end)
    assert.matches("a step is under way already", message)
  end)

  it("blocks where a coroutine cannot be suspended", function()
    local order
    taskqueue.run(function()
      order = { 3, 1, 2 }
      table.sort(order, function(a, b)
        taskqueue.sleep(0.001)
        return a < b
      end)
      taskqueue.sleep(0.01)
    end)
    assert.same({ 1, 2, 3 }, order)
  end)

  it("counts out a coroutine that was closed while it slept", function()
    if not coroutine.close then return end
    taskqueue.run(function()
      local sleeper
      taskqueue.spawn(function()
        sleeper = coroutine.running()
        taskqueue.sleep(0.02)
      end)
      taskqueue.sleep(0.01)
      coroutine.close(sleeper)
    end)
  end)

  it("lets a coroutine yield to the others by itself", function()
    local order = {}
    taskqueue.run(function()
      taskqueue.spawn(function() order[#order + 1] = "b" end)
      coroutine.yield()
      order[#order + 1] = "a"
    end)
    assert.same({ "b", "a" }, order)
  end)

  it("blocks in a coroutine that is not its own", function()
    local slept
    taskqueue.run(function()
      local inner = coroutine.wrap(function()
        taskqueue.sleep(0.01)
        slept = true
      end)
      inner()
    end)
    assert.is_true(slept)
  end)

  it("checks its arguments at the caller's line", function()
    for _, case in ipairs {
      { function() taskqueue.run() end, "taskqueue.run: the first argument must be a function" },
      { function() taskqueue.spawn(1) end, "taskqueue.spawn: the first argument must be" },
      { function() taskqueue.sleep(-1) end, "taskqueue.sleep: the argument must be a number" },
      { function() taskqueue.sleep(0 / 0) end, "taskqueue.sleep: the argument must be a number" },
    } do
      local ok, message = pcall(case[1])
      assert.is_false(ok)
      assert.matches("^spec/builtin_spec.lua:%d+: " .. case[2], message)
    end
  end)
end)

describe("sleeping outside of a loop", function()
  it("blocks for that long", function()
    local before = core.now()
    taskqueue.sleep(0.02)
    assert.is_true(core.now() - before >= 0.02)
  end)
end)

describe("the engine", function()
  it("is one pollable object, which the module is", function()
    if not core.is_pollable then
      local ok, message = pcall(taskqueue.pollfd)
      assert.is_false(ok)
      assert.matches("this build has no pollfd %(it was made with POLLER=multi%)", message)
      return
    end
    assert.equal("number", type(taskqueue.pollfd()))
    assert.equal(taskqueue.pollfd(), taskqueue:pollfd())
    assert.equal("r", taskqueue.events())
    assert.is_nil(taskqueue.timeout())
  end)

  it("runs coroutines when it is stepped by hand", function()
    local done = false
    taskqueue.spawn(function()
      taskqueue.sleep(0.3)
      done = true
    end)
    assert.equal(0, taskqueue.timeout())
    taskqueue.step()
    local timeout = taskqueue.timeout()
    assert.is_true(timeout > 0 and timeout <= 0.3)
    local steps = 0
    while not done and steps < 100 do
      taskqueue.step(taskqueue.timeout())
      steps = steps + 1
    end
    assert.is_true(done)
    assert.is_nil(taskqueue.timeout())
  end)

  it("raises errors of coroutines from a step", function()
    taskqueue.spawn(error, "boom")
    local ok, message = pcall(taskqueue.step)
    assert.is_false(ok)
    assert.matches("^boom", message)
  end)
end)
