-- SPDX-License-Identifier: MIT
-- Waits in the background: on the built-in loop here, inside nginx in spec/openresty.
local support = require "support"
local taskqueue = require "taskqueue"

describe("taskqueue.watch", function()
  after_each(support.finish)

  it("calls the function with the task and its end", function()
    local sim = support.sim()
    local client = support.client(sim)
    local good, bad = client:task(sim:task()), client:task(sim:task { outcome = "rejected" })
    local ends = {}
    taskqueue.run(function()
      for _, task in ipairs { good, bad } do
        assert.is_true(taskqueue.watch(task, function(of, status, message, kind, detail)
          ends[of] = { status = status, message = message, kind = kind, detail = detail }
        end))
      end
      assert.same({}, ends)
    end)
    assert.is_true(ends[good].status.ok)
    assert.equal("failed", ends[bad].kind)
    assert.equal("failed", ends[bad].detail.status.state)
  end)

  it("takes the options of a wait", function()
    local sim = support.sim()
    local kind
    taskqueue.run(function()
      local task = support.client(sim):task(sim:task { outcome = "stuck" })
      taskqueue.watch(task, function(_, _, _, of) kind = of end, { timeout = 0.05 })
    end)
    assert.equal("timeout", kind)
  end)

  it("blames the caller for what it cannot take", function()
    local sim = support.sim()
    local task = support.client(sim):task "1"
    local function blames(pattern, ...)
      local ok, message = pcall(function(...) taskqueue.watch(...) end, ...)
      assert.is_false(ok)
      assert.matches("^[^:]*background_spec.lua:%d+: " .. pattern, message)
    end
    blames("watch: the first argument must be a task", "1", print)
    blames("watch: the second argument must be a function", task, 1)
    blames("watch: .*'timout'", task, print, { timout = 1 })
  end)
end)
