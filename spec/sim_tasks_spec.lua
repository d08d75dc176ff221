-- SPDX-License-Identifier: MIT
local options = require("taskqueue.sim.options")
local script = require("taskqueue.sim.script")
local tasks = require("taskqueue.sim.tasks")

describe("a simulated task's script", function()
  local function at(given, elapsed)
    return { script.at(script.new(given), elapsed) }
  end

  it("waits, runs and completes", function()
    local given = { delay = 1, duration = 10 }
    assert.same({ "waiting", 0 }, at(given, 0))
    assert.same({ "waiting", 0 }, at(given, 0.99))
    assert.same({ "running", 0 }, at(given, 1))
    assert.same({ "running", 50 }, at(given, 6))
    assert.same({ "running", 99 }, at(given, 10.99))
    assert.same({ "completed", 100 }, at(given, 11))
  end)

  it("interpolates between the points of a list", function()
    local given = { delay = 0, duration = 10, progress = { { 0.2, 10 }, { 0.9, 80 } } }
    assert.same({ "running", 5 }, at(given, 1))
    assert.same({ "running", 10 }, at(given, 2))
    assert.same({ "running", 45 }, at(given, 5.5))
    assert.same({ "running", 90 }, at(given, 9.5))
  end)

  it("may show no progress, or jump", function()
    assert.same({ "running", 0 }, at({ delay = 0, duration = 1, progress = "none" }, 0.999))
    local jump = { { 0, 0 }, { 0.5, 0 }, { 0.5, 60 }, { 1, 60 } }
    assert.same({ "running", 0 }, at({ delay = 0, duration = 1, progress = jump }, 0.49))
    assert.same({ "running", 60 }, at({ delay = 0, duration = 1, progress = jump }, 0.5))
  end)

  it("never goes back when it is uneven", function()
    local last = 0
    for step = 0, 100 do
      local now = at({ delay = 0, duration = 100, progress = "uneven" }, step)[2]
      assert.is_true(now >= last)
      last = now
    end
    assert.equal(100, last)
  end)

  it("stands where it stood when it is rejected, never at 100", function()
    local given = { delay = 0, duration = 1, outcome = "rejected" }
    assert.same({ "rejected", 99 }, at(given, 1))
    given.progress = { { 1, 40 } }
    assert.same({ "rejected", 40 }, at(given, 5))
  end)

  it("never ends when it is stuck", function()
    local given = { delay = 0, duration = 1, outcome = "stuck", progress = { { 1, 30 } } }
    assert.same({ "running", 30 }, at(given, 1e6))
    assert.equal(math.huge, script.length(script.new(given)))
  end)

  it("may take no time at all", function()
    assert.same({ "completed", 100 }, at({ delay = 0, duration = 0 }, 0))
    assert.same({ "running", 99 }, at({ delay = 0, duration = 0, outcome = "stuck" }, 0))
  end)

  it("refuses what makes no sense, naming the option", function()
    local function problem(given) return (options.problem(given, script.schema)) end
    assert.is_nil(problem({ delay = 0, duration = 1, progress = "none", outcome = "stuck" }))
    assert.matches("unknown option 'dealy'", problem({ dealy = 1 }))
    assert.matches("'delay'", problem({ delay = -1 }))
    assert.matches("'delay'", problem({ delay = 0 / 0 }))
    assert.matches("'duration'", problem({ duration = "5" }))
    assert.matches("'outcome'", problem({ outcome = "done" }))
    assert.matches("'id'", problem({ id = 7 }))
    local curves = { "fast", {}, { 1 }, { { 2, 0 } }, { { 0, 101 } }, { { 1, 0 }, { 0, 0 } } }
    for _, curve in ipairs(curves) do
      assert.matches("'progress'", problem({ progress = curve }))
    end
  end)
end)

describe("the script of a task of the node", function()
  local function at(given, elapsed)
    return { script.node_at(script.new(given), elapsed) }
  end

  it("is prepared, transfers and is finished", function()
    local given = { delay = 1, duration = 10 }
    assert.same({ "PREPARATION", 0 }, at(given, 0.99))
    assert.same({ "TRANSFERRING", 0 }, at(given, 1))
    assert.same({ "TRANSFERRING", 50 }, at(given, 6))
    assert.same({ "FINISHED_OK", 100 }, at(given, 11))
    given.outcome = "rejected"
    assert.same({ "FINISHED_ERR", 100 }, at(given, 11))
    given.outcome = "FINISHED_REVOKED"
    assert.same({ "FINISHED_REVOKED", 100 }, at(given, 11))
    given.outcome = "stuck"
    assert.same({ "TRANSFERRING", 99 }, at(given, 1e6))
  end)

  it("goes through a list of states, each for its share of the duration", function()
    local given = { delay = 1, duration = 9, states = { "SEARCHING", "TRANSFERRING", "ODD" } }
    assert.same({ "SEARCHING", 0 }, at(given, 0))
    assert.same({ "SEARCHING", 0 }, at(given, 3.9))
    assert.same({ "TRANSFERRING", 50 }, at(given, 5.5))
    assert.same({ "ODD", 0 }, at(given, 7))
    assert.same({ "ODD", 0 }, at(given, 9.99))
    assert.same({ "FINISHED_OK", 100 }, at(given, 10))
  end)

  it("goes through states that begin when they are told to", function()
    local given = { delay = 1, duration = 10, states = { { 0.3, "A" }, { 0.3, "B" }, { 1, "C" } } }
    assert.same({ "PREPARATION", 0 }, at(given, 3.9))
    assert.same({ "B", 0 }, at(given, 4))
    given.outcome = "stuck"
    assert.same({ "C", 0 }, at(given, 11))
  end)

  it("shows the first state while it waits, the last one when it takes no time", function()
    assert.same({ "TRANSFERRING", 0 }, at({ delay = 1, states = { "TRANSFERRING" } }, 0))
    local given = { delay = 0, duration = 0, outcome = "stuck", states = { "A", "B" } }
    assert.same({ "B", 0 }, at(given, 0))
  end)

  it("refuses what makes no sense, naming the option", function()
    local function problem(given)
      given.service = "node"
      return (script.problem(given))
    end
    assert.is_nil(problem { id = "A-1", outcome = "FINISHED_X", type = "t", states = { "a" },
      info = { 1 }, delay = 0, duration = 1, progress = "none" })
    assert.is_nil(problem { outcome = "stuck", info = "", states = { { 0, "a" }, { 0.5, "b" } } })
    assert.matches("'outcome'", problem { outcome = "TRANSFERRING" })
    assert.matches("'info'", problem { info = 7 })
    for _, list in ipairs { {}, "a", { 1 }, { "" }, { { 2, "a" } }, { { 0 } }, { "a", { 1, "b" } },
      { { 0.5, "a" }, { 0.4, "b" } }, { { 0 / 0, "a" } } } do
      assert.matches("'states'", problem { states = list })
    end
    assert.matches("'states': only with", (script.problem({ states = { "a" } })))
    assert.is_nil((script.problem(nil)))
    assert.matches("a table", (script.problem(7)))
  end)
end)

describe("the simulator's store of tasks", function()
  local now, store

  before_each(function()
    now = 1000
    store = tasks.new(function() return now end, 60, { duration = 5, delay = 1 })
  end)

  it("gives growing decimal ids", function()
    local first, second = store:create().id, store:create().id
    assert.matches("^%d+$", first)
    assert.equal(1, tonumber(second) - tonumber(first))
  end)

  it("takes any id, once", function()
    assert.equal("9007199254740993", store:create({ id = "9007199254740993" }).id)
    local task, message = store:create({ id = "9007199254740993" })
    assert.is_nil(task)
    assert.matches("exists already", message)
  end)

  it("passes by an id that was taken", function()
    local id = store:create().id
    store:create({ id = ("%d"):format(tonumber(id) + 1) })
    assert.equal(("%d"):format(tonumber(id) + 2), store:create().id)
  end)

  it("tells the true times of a task and counts its polls", function()
    local task = store:create()
    store:poll(task)
    now = 1003
    assert.same({ "running", 40 }, { store:poll(task) })
    assert.same({ {
      id = task.id, outcome = "completed", created = 1000, started = 1001, ended = 1006, polls = 2,
    } }, store:list())
  end)

  it("forgets a task in time", function()
    local id = store:create().id
    now = 1059.9
    assert.truthy(store:find(id))
    now = 1060
    assert.is_nil(store:find(id))
    assert.same({}, store:list())
  end)

  it("forgets a task when told", function()
    local id = store:create().id
    assert.is_true(store:forget(id))
    assert.is_false(store:forget(id))
    assert.same({}, store:list())
  end)

  it("lets a forgotten id be used again", function()
    store:create({ id = "7" })
    store:forget("7")
    store:create({ id = "8" })
    assert.truthy(store:create({ id = "7" }))
    assert.equal(2, #store:list())
    now = 1060
    assert.is_nil(store:find("7"))
    assert.truthy(store:create({ id = "7" }))
    assert.equal(1, #store:list())
  end)

  it("gives each service ids in its style and tasks of its own", function()
    local first = store:create(nil, { service = "node" })
    local second = store:create({ service = "node" }, { service = "mobizon" })
    local third = store:create(nil, { service = "mobizon" })
    assert.equal("7W3A0N1N9I2E7N1TKLS54A9PTR", first.id)
    assert.equal(26, #second.id)
    assert.matches("^%d+$", third.id)
    assert.equal(first, store:find(first.id, "node"))
    assert.is_nil(store:find(first.id, "mobizon"))
    assert.is_nil(store:find(third.id, "node"))
    assert.equal(third, store:find(third.id))
    assert.same({ "TRANSFERRING", 0 }, { (function() now = 1001 return store:poll(first) end)() })
    assert.same({ "running", 0 }, { store:poll(third) })
  end)

  it("never gives the same id of the node twice", function()
    local seen = {}
    for _ = 1, 2000 do
      local id = store:create({ service = "node" }).id
      assert.is_nil(seen[id])
      seen[id] = true
    end
  end)

  it("gives planned options to the tasks that the service creates", function()
    store:plan({ id = "1" })
    store:plan({ id = "2", outcome = "rejected" })
    assert.equal("1", store:create_planned().id)
    assert.equal("rejected", store:create_planned().script.outcome)
    assert.equal(5, store:create_planned().script.duration)
  end)
end)
