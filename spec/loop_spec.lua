-- SPDX-License-Identifier: MIT
-- The contract of every loop, the built-in one included: what a program may rely on, whichever it
-- has. After each case nothing of ours is left in the loop or in the process.
local core = require "taskqueue.core"
local loops = require "loops"
local support = require "support"
local taskqueue = require "taskqueue"

-- A case that takes as long as this has missed something, and was woken by what is due then.
local FOREVER = 60
local IS_THREADED = os.getenv "TASKQUEUE_TEST_THREAD" == "1"

-- After the first look at a task that is stuck nothing is due for long.
local STUCK, RARELY = { outcome = "stuck" }, { timeout = FOREVER, interval = FOREVER }

local function kind_of(_, _, kind) return kind end

-- All orders of a list.
local function orders(list)
  if #list == 0 then return { {} } end
  local found = {}
  for i, first in ipairs(list) do
    local rest = {}
    for j, item in ipairs(list) do
      if i ~= j then rest[#rest + 1] = item end
    end
    for _, order in ipairs(orders(rest)) do
      table.insert(order, 1, first)
      found[#found + 1] = order
    end
  end
  return found
end

-- When the engine is to be looked at again, after all has ended. A thread gives back later what it
-- was told to stop, and the engine then takes that in with a step.
local function last_timeout()
  local native = core.engine()
  local timeout
  repeat
    timeout = native:timeout()
    local is_given_back = IS_THREADED and timeout == 0
    if is_given_back then native:step(0) end
  until not is_given_back
  return timeout
end

local function contract(kind)
  local loop, sim, client, fds, began

  -- Another loop of this kind, from now on the one in use.
  local function another()
    local new = kind.new()
    taskqueue.use(kind.use or new.table)
    return new
  end

  local function spawn_waits(count, script, given)
    local kinds = { count = 0 }
    for i = 1, count do
      local task = client:task(sim:task(script))
      loop.spawn(function()
        kinds[i] = kind_of(task:wait_until_done(given)) or "done"
        kinds.count = kinds.count + 1
      end)
    end
    return kinds
  end

  local function all_are(expected, kinds, count)
    assert.equal(count, kinds.count)
    for i = 1, count do assert.equal(expected, kinds[i]) end
  end

  local function stop_in_the_middle()
    loop.spawn(function()
      taskqueue.sleep(0.001)
      loop.stop()
    end)
    loop.run()
  end

  before_each(function()
    core.engine()
    collectgarbage()
    fds, began = loops.fds(), core.now()
    sim = support.sim()
    client = support.client(sim)
    loop = another()
  end)

  after_each(function()
    taskqueue.use "builtin"
    support.finish()
    assert.same({}, loop.run())
    assert.is_nil(loop.left())
    assert.is_nil(last_timeout())
    assert.is_false(require("taskqueue.loop").is_watching())
    loop = nil
    collectgarbage()
    collectgarbage()
    assert.same(fds, loops.fds())
    assert.is_true(core.now() - began < FOREVER / 2)
  end)

  it("lets thirty coroutines wait at once, each for its own end", function()
    local kinds = {}
    for i = 1, 30 do
      local id = sim:task { duration = 0.05, outcome = i % 2 == 0 and "rejected" or "completed" }
      loop.spawn(function() kinds[i] = kind_of(client:wait_until_done(id)) or "done" end)
    end
    assert.same({}, loop.run())
    for i = 1, 30 do assert.equal(i % 2 == 0 and "failed" or "done", kinds[i]) end
  end)

  it("sleeps beside waits, and ends them from another coroutine", function()
    local task = client:task(sim:task(STUCK))
    local kinds, naps = {}, 0
    for i = 1, 30 do
      loop.spawn(function()
        kinds[i] = kind_of(task:wait_until_done(RARELY))
      end)
    end
    loop.spawn(function()
      for _ = 1, 10 do
        taskqueue.sleep(0.002)
        naps = naps + 1
      end
      task:stop_waiting()
    end)
    assert.same({}, loop.run())
    assert.equal(10, naps)
    for i = 1, 30 do assert.equal("cancelled", kinds[i]) end
  end)

  it("ends waits whose client another coroutine closes", function()
    local kinds = spawn_waits(5, STUCK, RARELY)
    loop.spawn(function()
      -- By the loop's own timer, where it has one.
      for _ = 1, 10 do (loop.sleep or taskqueue.sleep)(0.002) end
      client:close()
    end)
    assert.same({}, loop.run())
    all_are("closed", kinds, 5)
  end)

  it("keeps each wait's own timeout", function()
    local started = core.now()
    local kinds = spawn_waits(5, STUCK, { timeout = 0.03 })
    assert.same({}, loop.run())
    all_are("timeout", kinds, 5)
    assert.is_true(core.now() - started >= 0.03)
  end)

  it("lets one coroutine wait for many tasks, and call the service", function()
    local completed, results, data = 0, nil, nil
    loop.spawn(function()
      local tasks = {}
      for i = 1, 10 do tasks[i] = assert(client:call("report", "create")) end
      for _, status in taskqueue.as_completed(tasks) do
        if status.ok then completed = completed + 1 end
      end
      results = taskqueue.wait_all(tasks)
      data = client:get_status(tasks[1].id)
    end)
    assert.same({}, loop.run())
    assert.equal(10, completed)
    assert.equal(10, #results)
    assert.is_true(data.ok)
  end)

  it("lets on_progress wait", function()
    local seen
    loop.spawn(function()
      client:wait_until_done(sim:task { duration = 0.02 }, {
        on_progress = function(status)
          taskqueue.sleep(0.001)
          seen = status.state
        end,
      })
    end)
    assert.same({}, loop.run())
    assert.equal("succeeded", seen)
  end)

  if kind.use ~= "luv" then
    it("leaves an error in a coroutine to the loop, and goes on with the others", function()
      local kinds = spawn_waits(5, { duration = 0.05 })
      for _, text in ipairs { "one", "two" } do
        loop.spawn(function()
          client:wait_until_done(sim:task())
          error(text)
        end)
      end
      local errors = loop.run()
      all_are("done", kinds, 5)
      local texts = table.concat(errors, "\n")
      assert.matches("loop_spec.lua:%d+: one", texts)
      assert.matches("loop_spec.lua:%d+: two", texts)
    end)
  end

  it("goes idle, and wakes again", function()
    for _ = 1, 3 do
      local kinds = spawn_waits(3)
      assert.same({}, loop.run())
      all_are("done", kinds, 3)
      assert.is_nil(loop.left())
      assert.is_nil(core.engine():timeout())
    end
  end)

  it("serves two loops one after the other", function()
    for _ = 1, 2 do
      local kinds = spawn_waits(3)
      assert.same({}, loop.run())
      all_are("done", kinds, 3)
      assert.is_nil(loop.left())
      loop = another()
    end
  end)

  it("goes on after the loop was stopped in the middle", function()
    local kinds = spawn_waits(3, STUCK, RARELY)
    stop_in_the_middle()
    assert.equal(0, kinds.count)
    loop.spawn(function() client:close() end)
    assert.same({}, loop.run())
    all_are("closed", kinds, 3)
  end)

  it("blocks on the main thread, while a loop that was stopped has waits of its own", function()
    local kinds = spawn_waits(3, STUCK, RARELY)
    stop_in_the_middle()
    assert(client:wait_until_done(sim:task { duration = 0.01 }))
    client:close()
    assert.equal(0, kinds.count)
    assert.same({}, loop.run())
    all_are("closed", kinds, 3)
  end)

  it("blocks on the main thread, also when the loop never ran", function()
    assert(client:wait_until_done(sim:task()))
    taskqueue.sleep(0.001)
    assert.is_nil(loop.left())
  end)

  if core.is_pollable then
    it("keeps the loop in which it began, when another one is chosen meanwhile", function()
      local kinds = spawn_waits(3, { duration = 0.05 })
      loop.spawn(function()
        taskqueue.sleep(0.001)
        taskqueue.use {
          current = error, park = error, unpark = error, attach = error, detach = error,
        }
      end)
      assert.same({}, loop.run())
      all_are("done", kinds, 3)
    end)
  end

  it("leaves nothing, in whatever order all is ended", function()
    local ways = {
      function() client:close() end,
      function() loop.run() end,
      function() taskqueue.use "builtin" end,
      function()
        client = nil
        collectgarbage()
      end,
    }
    for _, order in ipairs(orders(ways)) do
      client, loop = support.client(sim), another()
      spawn_waits(2, { duration = 0.005 })
      stop_in_the_middle()
      for _, way in ipairs(order) do
        if client or way ~= ways[1] then way() end
      end
      assert.same({}, loop.run())
      assert.is_nil(loop.left())
    end
  end)

  it("lets go of a loop that is dropped in the middle", function()
    spawn_waits(2, STUCK, RARELY)
    stop_in_the_middle()
    loop = another()
    collectgarbage()
    collectgarbage()
    client:close()
  end)

  if kind.use ~= "builtin" then
    it("lets the built-in loop run inside a coroutine, and suspends that one alone", function()
      local kinds, order = spawn_waits(1, STUCK, RARELY), {}
      loop.spawn(function()
        order[1] = taskqueue.run(function()
          taskqueue.spawn(function()
            order[2] = assert(client:wait_until_done(sim:task())).state
          end)
          assert(client:wait_until_done(sim:task { duration = 0.01 }))
          return kinds.count
        end)
        client:close()
      end)
      assert.same({}, loop.run())
      assert.same({ 0, "succeeded" }, order)
      all_are("closed", kinds, 1)
    end)

    it("lets the built-in loop run in several coroutines side by side", function()
      local begun, ended, failed = 0, {}, nil
      local function wait_for_all()
        local ends = core.now() + FOREVER
        while begun < 3 do
          assert(core.now() < ends, "they do not run side by side")
          taskqueue.sleep(0.01)
        end
      end
      for i = 1, 3 do
        loop.spawn(function()
          ended[i] = taskqueue.run(function()
            begun = begun + 1
            taskqueue.spawn(wait_for_all)
            return i
          end)
        end)
      end
      loop.spawn(function()
        failed = select(2, pcall(taskqueue.run, function()
          taskqueue.sleep(0.005)
          error("this one's", 0)
        end))
      end)
      assert.same({}, loop.run())
      assert.same({ 1, 2, 3 }, ended)
      assert.matches("^this one's", failed)
    end)
  end
end

for _, kind in ipairs(loops.list) do
  if kind.is_here and (core.is_pollable or kind.use == "builtin") then
    describe("a wait in " .. kind.name, function() contract(kind) end)
  end
end
