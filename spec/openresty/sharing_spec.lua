-- SPDX-License-Identifier: MIT
-- One budget for all workers, through a lua_shared_dict.
local support = require "support"
local taskqueue = require "taskqueue"
local world = require "openresty.world"

local SHARED = 'taskqueue.use("openresty", { shared_dict = "taskqueue" })'

describe("workers that share a budget", function()
  local sim, nginx

  before_each(function() sim = support.sim() end)
  after_each(function()
    if nginx then nginx:stop() end
    nginx = nil
    support.finish()
  end)

  local function stop()
    if nginx then nginx:stop() end
    nginx = nil
  end

  local function start(rate, options)
    -- One that a disturbed attempt left.
    stop()
    local complete = { init = SHARED, rate = rate }
    for name, value in pairs(options or {}) do complete[name] = value end
    nginx = world.start(sim, complete)
  end

  local function open_all(ids)
    local clients = {}
    for i, id in ipairs(ids) do clients[i] = nginx:open("/content?id=" .. id) end
    return clients
  end

  local function all_succeed(clients)
    for _, client in ipairs(clients) do assert.equal("succeeded", (world.read(client))) end
  end

  local function tasks(number, script)
    local ids = {}
    for i = 1, number do ids[i] = sim:task(script) end
    return ids
  end

  it("never polls closer together than the rate, over 200 waits", function()
    support.undisturbed(function()
      start(50)
      local first = #sim:log() + 1
      local ids = tasks(100, { duration = 1 })
      local clients = open_all(ids)
      for _, client in ipairs(open_all(ids)) do clients[#clients + 1] = client end
      all_succeed(clients)
      support.keeps_rate(sim:log(), 50, first)
    end)
  end)

  it("goes on at a share of the rate when the dictionary has no room for the budget", function()
    start(50, {
      init = SHARED .. [[
        local i = 0
        repeat i = i + 1 until not ngx.shared.taskqueue:safe_set("full" .. i, ("x"):rep(600))
        repeat i = i + 1 until not ngx.shared.taskqueue:safe_set("full" .. i, "x")]],
    })
    all_succeed(open_all(tasks(6, { duration = 0.2 })))
    assert.matches("taskqueue: lua_shared_dict taskqueue: no memory", nginx:log(), 1, true)
  end)

  it("has both workers hear what one of them was told", function()
    start(20)
    local id = sim:task { duration = 1.5 }
    local clients = {}
    for i = 1, 16 do clients[i] = nginx:open("/content?id=" .. id) end
    all_succeed(clients)
    assert.is_true(support.polls(sim, id) <= 40)
    -- One that comes later is told what is known already.
    local polls = support.polls(sim, id)
    all_succeed(open_all { id, id, id, id })
    assert.is_true(support.polls(sim, id) <= polls + 2)
  end)

  it("goes on when the worker is killed that polls", function()
    start(20)
    local pids = nginx:workers()
    local ids = tasks(20, { duration = 2 })
    local clients = open_all(ids)
    taskqueue.sleep(0.5)
    nginx:signal("KILL", pids[1])
    local succeeded = 0
    for _, client in ipairs(clients) do
      local ok, state = pcall(world.read, client)
      if ok then
        assert.equal("succeeded", state)
        succeeded = succeeded + 1
      end
    end
    all_succeed(open_all(ids))
    assert.is_true(succeeded < 20 or #pids == 2)
  end)

  it("loses no wait to a reload", function()
    start(50)
    local clients = open_all(tasks(40, { duration = 1.5 }))
    taskqueue.sleep(0.3)
    local first = #sim:log() + 1
    nginx:signal("HUP")
    taskqueue.sleep(0.2)
    for _, client in ipairs(open_all(tasks(20, { duration = 0.3 }))) do
      clients[#clients + 1] = client
    end
    all_succeed(clients)
    assert.is_true(#sim:log() > first)
  end)

  it("polls on in an old worker whose waits outlast its lease", function()
    start(20, { workers = "1" })
    local old = nginx:workers()
    local clients = open_all(tasks(1, { duration = 4 }))
    taskqueue.sleep(0.3)
    nginx:signal("HUP")
    all_succeed(clients)
    world.await("the end of the old worker", function() return not world.is_alive(old[1]) end)
  end)

  it("raises for a dictionary that is not there", function()
    start(50, {
      init = [[local ok, message = pcall(taskqueue.use, "openresty", { shared_dict = "none" })
        assert(not ok and message:find('there is no lua_shared_dict "none"', 1, true), message)
        ok, message = pcall(taskqueue.use, "openresty", { dict = "x" })
        assert(not ok and message:find('unknown option "dict"', 1, true), message)]],
    })
  end)

  it("says once that each worker takes its part, where there is no dictionary", function()
    start(50, { init = "" })
    all_succeed(open_all(tasks(10, { duration = 0.2 })))
    local lines = nginx:logged("warn")
    assert.is_true(#lines <= 1)
    local text = nginx:log()
    assert.is_nil(text:find("%[error%]"))
  end)
end)
