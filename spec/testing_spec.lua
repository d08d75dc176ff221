-- SPDX-License-Identifier: MIT
-- Waits on simulated time: what a world is, and that it goes the same way each time.
local core = require "taskqueue.core"
local support = require "support"
local taskqueue = require "taskqueue"
local testing = require "taskqueue.testing"

local huge = math.huge

describe("simulated time", function()
  after_each(support.finish)

  it("lets half an hour pass at once, and then gives the real clock back", function()
    local before, began = core.now(), os.clock()
    testing.run(function(world)
      local sms = world:mobizon()
      local id = world:task { duration = 1800 }
      assert(sms:wait_until_done(id, { timeout = 3600 }))
      assert.is_true(world:now() >= 1800 and world:now() < 1802, world:now())
    end)
    assert.is_true(os.clock() - began < 30)
    assert.is_true(core.now() >= before and core.now() < before + 600)
  end)

  it("passes while a coroutine sleeps, and while a script outside of a loop blocks", function()
    local world = testing.start()
    taskqueue.sleep(1000)
    assert.equal(1000, world:now())
    taskqueue.run(function()
      taskqueue.spawn(function()
        taskqueue.sleep(20)
        assert.equal(1020, world:now())
      end)
      taskqueue.sleep(10)
      assert.equal(1010, world:now())
    end)
    world:stop()
    world:stop()
  end)

  for _, service in ipairs {
    { "mobizon", { format = "json" } }, { "mobizon", { format = "xml" } }, { "cnode" },
  } do
    local name = service[1]

    local format = service[2] and service[2].format or "soap"

    it(("serves %s by its real bytes, %s"):format(name, format), function()
      testing.run(function(world)
        local client = world[name](world, service[2])
        local seen = {}
        local id = world:task { service = name, id = "a&<b>", delay = 5, duration = 20 }
        local status = assert(client:wait_until_done(id, {
          on_progress = function(now) seen[#seen + 1] = now.state end,
        }))
        assert.same({ "a&<b>", "succeeded", 100 }, { status.id, status.state, status.progress })
        assert.is_true(#seen > 2)
        local rejected = world:task { service = name, outcome = "rejected", duration = 1 }
        assert.equal("failed", select(3, client:wait_until_done(rejected)))
        assert.equal("not_found", select(3, client:get_status("404")))
        local stuck = world:task { service = name, outcome = "stuck" }
        assert.equal("timeout", select(3, client:wait_until_done(stuck, { timeout = 5000 })))
        world:forget(id, name)
        assert.equal("not_found", select(3, client:get_status(id)))
      end)
    end)
  end

  it("begins a task for each call, as scripted, and answers as told", function()
    testing.run(function(world)
      local sms, node = world:mobizon(), world:cnode()
      world:next_task { duration = 100, outcome = "rejected" }
      local task = assert(sms:call("campaign", "addRecipients", { id = 7 }))
      assert.equal("failed", select(3, task:wait_until_done()))
      assert.is_true(world:now() >= 100)
      local login = assert(node:call("startLogin"))
      assert(login:wait_until_done())
      world:on("user/getOwnBalance", function(request)
        assert.equal("mobizon", request.service)
        return { balance = "5.00" }
      end)
      assert.equal("5.00", assert(sms:call("user", "getOwnBalance")).balance)
      world:on("getInfo", function() return { info = "<&>" } end)
      assert.equal("<&>", assert(node:call("getInfo")).info)
      world:on("report/create", function() return world:task { id = "r1" }, "task" end)
      assert.equal("r1", assert(sms:call("report", "create")).id)
    end)
  end)

  it("shows progress as scripted: even, none, by points, by a function", function()
    testing.run({ latency = 0 }, function(world)
      local sms = world:mobizon { rate = 1000 }
      local function at(id) return assert(sms:get_status(id)).progress end
      local even, none = world:task(), world:task { progress = "none" }
      local points = world:task { progress = { { 0.5, 10 }, { 0.5, 90 } } }
      local back = world:task { progress = function(seconds) return 50 - seconds end }
      assert.same({ 0, 0, 0, 49 }, { at(even), at(none), at(points), at(back) })
      taskqueue.sleep(29)
      assert.same({ 48, 0, 9, 20 }, { at(even), at(none), at(points), at(back) })
      taskqueue.sleep(2)
      assert.same({ 51, 0, 90, 18 }, { at(even), at(none), at(points), at(back) })
    end)
  end)

  it("lets requests fare otherwise: any answer, none, and late ones", function()
    testing.run(function(world)
      local sms = world:mobizon { rate = huge }
      local id, other = world:task { duration = 0 }, world:task { duration = 0 }
      local function kind_of(fault)
        world:fault(fault)
        return select(3, sms:get_status(id))
      end
      assert.equal("service", kind_of { code = 15 })
      assert.equal("throttled", kind_of { code = 30 })
      assert.equal("throttled", kind_of { http_status = 429, body = "", retry_after = 3 })
      assert.equal("http", kind_of { http_status = 502, body = "<p>" })
      assert.equal("protocol", kind_of { body = '{"code":0' })
      for outcome, kind in pairs {
        network = "network", tls = "tls", untrusted = "tls", unreadable = "protocol",
      } do
        assert.equal(kind, kind_of { outcome = outcome })
      end
      local before = world:now()
      assert.equal("network", kind_of { outcome = "silent" })
      assert.is_true(world:now() - before >= 30)
      before = world:now()
      world:fault { latency = 7 }
      assert(sms:get_status(id))
      assert.is_true(world:now() - before >= 7)
      world:fault { id = id, outcome = "network", times = 2 }
      assert(sms:get_status(other))
      assert.equal("network", select(3, sms:get_status(id)))
      assert.equal("network", select(3, sms:get_status(id)))
      assert(sms:get_status(id))
    end)
  end)

  local function trace(seed)
    local lines = {}
    testing.run({ seed = seed }, function(world)
      local sms, node = world:mobizon(), world:cnode()
      local tasks = {}
      for i = 1, 15 do
        local service = i % 3 == 0 and "cnode" or "mobizon"
        local client = service == "cnode" and node or sms
        tasks[i] = client:task(world:task {
          service = service, duration = i * 37 % 101, outcome = i % 4 == 0 and "rejected" or nil,
        })
      end
      world:fault { http_status = 500, body = "", times = 5 }
      world:fault { http_status = 429, body = "" }
      for task, status, message in taskqueue.as_completed(tasks, { timeout = 80 }) do
        lines[#lines + 1] = ("%s %s %s %.9f"):format(task.id, status and status.state, message,
          world:now())
      end
      for _, entry in ipairs(world:log()) do
        lines[#lines + 1] = ("%.9f %s"):format(entry.time, entry.id)
      end
    end)
    return table.concat(lines, "\n")
  end

  it("goes the same way each time, and another way with another seed", function()
    local first = trace(7)
    assert.is_true(#first > 500)
    assert.equal(first, trace(7))
    assert.not_equal(first, trace(8))
  end)

  it("says so when everybody waits for what can never come", function()
    local function look_once(world)
      local id = world:task { outcome = "stuck" }
      world:cnode():wait_until_done(id, { interval = huge, not_found_grace = huge, timeout = huge })
    end
    local function sleep() taskqueue.sleep(huge) end
    local function sleep_long() taskqueue.sleep(1e10) end
    for _, fn in ipairs { sleep, sleep_long, look_once } do
      local ok, message = pcall(testing.run, fn)
      assert.is_false(ok)
      assert.matches("nothing will ever happen any more", message)
    end
    assert(pcall(testing.run, function() taskqueue.sleep(1) end))
  end)

  it("ends with an error of the function, and leaves nothing behind", function()
    local ok, message = pcall(testing.run, function(world)
      world:mobizon():task("1")
      error("on purpose")
    end)
    assert.is_false(ok)
    assert.matches("on purpose", message)
    local sim = support.sim()
    assert(support.client(sim):wait_until_done(sim:task()))
  end)

  it("is one at a time, and refuses what makes no sense", function()
    local world = testing.start()
    assert.has_error(function() testing.start() end, "testing.start: there is a world already")
    world:stop()
    assert.has_error(function() testing.run {} end, "testing.run: no function is given")
    for name, value in pairs { seed = "x", latency = -1, speed = 2 } do
      assert.has_error(function() testing.start { [name] = value } end)
    end
    testing.run(function(inside)
      for name, value in pairs {
        outcome = "done", progress = "even", duration = -1, service = "x", colour = 1,
      } do
        assert.has_error(function() inside:task { [name] = value } end)
      end
      assert.has_error(function() inside:task { progress = { { 0.5, 10 }, { 0.4, 20 } } } end)
      assert.has_error(function() inside:fault { outcome = "x" } end)
    end)
  end)

  it("takes in clients that were there before, each time with a budget that has held back nothing",
    function()
      local sim = support.sim()
      local client = support.client(sim, { rate = 20 })
      assert(client:get_status(sim:task()))
      for _ = 1, 2 do
        testing.run(function(world)
          assert(client:wait_until_done(world:task { duration = 1800 }, { timeout = 1801 }))
          world:fault { http_status = 429, body = "", retry_after = 3000 }
          client:get_status("1")
        end)
      end
      assert(client:get_status(sim:task()))
      assert.equal(20, taskqueue.stats().budgets[1].rate)
    end)

  it("does not stop while a request of another client is in flight, and then does", function()
    local world = testing.start()
    local client = taskqueue.mobizon.new { url = "https://mobizon.test", api_key = "other" }
    world:fault { latency = 60 }
    local waits = taskqueue.as_completed({ client:task(world:task()), client:task("1") })
    assert.equal("1", waits().id)
    assert.has_error(function() world:stop() end, "world:stop: requests are in flight")
    client:close()
    world:stop()
    -- Nor does the answer that nobody waits for stay behind.
    assert.is_nil(core.engine():timeout())
    testing.start():stop()
  end)

  it("does not begin while a real request is in flight", function()
    local sim = support.sim()
    local client = support.client(sim)
    sim:fault { silent = true }
    taskqueue.run(function()
      taskqueue.spawn(function() client:wait_until_done(sim:task(), { timeout = 0.2 }) end)
      taskqueue.sleep(0.1)
      assert.has_error(function() testing.start() end, "testing.start: requests are in flight")
    end)
  end)
end)
