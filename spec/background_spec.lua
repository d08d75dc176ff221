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

  it("takes the name of a module that gives the function, and data for it", function()
    local sim = support.sim()
    local told
    package.loaded["spec.told"] = function(...) told = { n = select("#", ...), ... } end
    local task = support.client(sim):task(sim:task())
    taskqueue.run(function() taskqueue.watch(task, "spec.told", { data = { invoice = 17 } }) end)
    package.loaded["spec.told"] = nil
    assert.equal(6, told.n)
    assert.equal(task, told[1])
    assert.is_true(told[2].ok)
    assert.same({ invoice = 17 }, told[6])
  end)

  it("has nothing to resume outside nginx", function()
    local ok, message = pcall(function() taskqueue.resume_watches() end)
    assert.is_false(ok)
    assert.matches("^[^:]*background_spec.lua:%d+: resume_watches: .*shared_dict", message)
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
    blames("watch: the handler 'no.such' cannot be loaded: module 'no.such' not found", task,
      "no.such")
    blames("watch: the handler 'support' must be a module that gives a function", task, "support")
    blames("watch: option 'data' must be a table", task, print, { data = 1 })
    package.loaded["spec.told"] = print
    blames("watch: the option 'on_progress' does not go with the name", task, "spec.told",
      { on_progress = print })
    blames("watch: the data cannot be written as JSON", task, "spec.told",
      { data = { print } })
    package.loaded["spec.told"] = nil
  end)
end)
