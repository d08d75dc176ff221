-- SPDX-License-Identifier: MIT
-- What a process gets that does not poll itself, and what it lets out.
local core = require "taskqueue.core"
local new_fleet = require("taskqueue.fleet").new
local shell = require "shell"
local support = require "support"
local taskqueue = require "taskqueue"
local world = require "fleet.world"

describe("a listener", function()
  local here, owner, busy, fleet, client

  before_each(function()
    here = world.new(50, 1)
    busy = here.sim:task { delay = 0, duration = 300, progress = "linear" }
    owner = here:worker("owner", { busy })
    world.await("the owner", function() return owner:role() == "owner" and #here:polls() > 2 end)
    fleet = new_fleet { redis = here.url, name = "spec", lease = 1 }
    client = support.client(here.sim, { rate = 50, fleet = fleet, user_agent = "listener" })
  end)

  after_each(function()
    client:close()
    fleet:close()
    here:close()
  end)

  local function own_polls()
    local count = 0
    for _, poll in ipairs(here:polls()) do
      if poll.user_agent == "listener" then count = count + 1 end
    end
    return count
  end

  it("gets what the owner was told last at once, then progress, then the end", function()
    local seen = {}
    local id = here.sim:task { delay = 0, duration = 1 }
    local status = assert(client:wait_until_done(id, {
      on_progress = function(told) seen[#seen + 1] = told.progress end,
    }))
    assert.is_true(status.ok)
    assert.equal(100, seen[#seen])
    for i = 2, #seen do assert.is_true(seen[i] >= seen[i - 1]) end
    local task = client:task(busy)
    local _, message = task:wait_until_done { timeout = 0.3 }
    assert.equal("timeout", message)
    assert.equal("running", task:last_status().state)
    assert.equal(0, own_polls())
    assert.equal("listener", fleet:stats()[1].role)
  end)

  it("gets single looks from the owner", function()
    local status = assert(client:get_status(busy))
    assert.equal("running", status.state)
    local _, message, kind = client:get_status("99")
    assert.equal("not_found", kind)
    assert.matches("task 99", message)
    assert.equal(0, own_polls())
  end)

  it("hears of failures, with the meaning that its own options give them", function()
    local _, _, kind, detail = client:wait_until_done("98")
    assert.equal("not_found", kind)
    assert.equal(2, detail.code)
    local began = core.now()
    _, _, kind = client:wait_until_done("97", { not_found_grace = 0.6 })
    assert.equal("not_found", kind)
    assert.is_true(core.now() - began >= 0.6)
    local broken = here.sim:task { delay = 0, duration = 300 }
    here.sim:fault { id = broken, times = math.huge, http_status = 500, body = "" }
    _, _, kind, detail = client:wait_until_done(broken, { max_poll_errors = 2, timeout = 20 })
    assert.equal("http", kind)
    assert.is_true(detail.attempts >= 3)
    assert.equal(0, own_polls())
  end)

  it("finds out that a task stands still", function()
    local stuck = here.sim:task { delay = 0, duration = 300, progress = "none" }
    local _, _, kind = client:wait_until_done(stuck, { stall_timeout = 0.5, timeout = 20 })
    assert.equal("stalled", kind)
    assert.equal(0, own_polls())
  end)

  it("takes over with what is known when the owner leaves", function()
    local id = here.sim:task { delay = 0, duration = 3 }
    local result
    taskqueue.run(function()
      taskqueue.spawn(function()
        world.await("the wish", function() return client.watches[id]:changed() end)
        owner:signal("TERM")
      end)
      result = client:wait_until_done(id, { timeout = 30 })
    end)
    assert.is_true(result.ok)
    assert.equal("owner", fleet:stats()[1].role)
    assert.is_true(own_polls() > 0)
  end)

  it("ends its waits when its fleet is closed", function()
    local kinds = {}
    taskqueue.run(function()
      taskqueue.spawn(function() kinds[1] = select(3, client:wait_until_done(busy)) end)
      taskqueue.sleep(0.1)
      fleet:close()
    end)
    kinds[2] = select(3, client:wait_until_done("5"))
    kinds[3] = select(3, client:get_status("5"))
    assert.same({ "closed", "closed", "closed" }, kinds)
    local ok, message = pcall(function()
      taskqueue.mobizon.new { api_key = "x", fleet = fleet }
    end)
    assert.is_false(ok)
    assert.matches("^spec/fleet/listener_spec.lua:%d+: mobizon.new: option 'fleet': the fleet is "
      .. "closed", message)
  end)

  it("goes on when it is told what cannot be read", function()
    local errors = {}
    local stop = taskqueue.on("error", function(event) errors[#errors + 1] = event.message end)
    local id, result = here.sim:task { delay = 0, duration = 1 }, nil
    taskqueue.run(function()
      taskqueue.spawn(function()
        world.await("the first reading", function() return client.watches[id]:changed() end)
        local channel = ("publish taskqueue:spec:process:%s "):format(fleet.sharing.process)
        local unit = fleet:stats()[1].name
        for _, text in ipairs {
          "x", "{}", '{"unit":"%s"}', '{"unit":"%s","id":"%s","what":"reading"}',
          '{"unit":"%s","id":"%s","what":"reading","reading":{"state":"gone"}}',
          '{"unit":"%s","id":"%s","what":"wants","process":1,"wants":2}',
          '{"unit":"%s","what":"withdrawal","ids":{}}', '{"unit":[],"look":{}}',
        } do
          here:redis(channel .. "'" .. text:gsub("%%s", unit, 1):gsub("%%s", id) .. "'")
        end
      end)
      result = client:wait_until_done(id, { timeout = 20 })
    end)
    stop()
    assert.is_true(result.ok)
    assert.equal(0, own_polls())
    assert.equal(2, #errors)
    assert.matches("must be a", errors[2])
  end)

  it("tells operators who owns what", function()
    assert(client:get_status(busy))
    local overview = assert(fleet:overview())
    assert.is_true(overview.processes >= 2)
    local budget = overview.budgets[1]
    assert.equal(1, #overview.budgets)
    assert.same({ here.sim.url, "taskqueue/getStatus", true },
      { budget.url, budget.method, budget.is_held })
    assert.equal(fleet:stats()[1].name, budget.name)
    local output, status = shell.run("taskqueue fleet status --name spec --redis " .. here.url)
    assert.equal(0, status)
    assert.matches("owner    " .. budget.owner:sub(1, 12), output)
    output, status = shell.run("taskqueue fleet status --json --name spec",
      { TASKQUEUE_REDIS = here.url })
    assert.equal(0, status)
    assert.equal(budget.owner, core.decode_json(output).budgets[1].owner)
    local _, denied, errors = shell.run("taskqueue fleet status --name x --redis redis://:p@h")
    assert.equal(2, denied)
    assert.matches("a password is not for the command line", errors)
    _, denied, errors = shell.run("taskqueue fleet status --name x --redis redis://127.0.0.1:1")
    assert.equal(4, denied)
    assert.matches("Redis at 127.0.0.1:1 cannot be reached: .*refused", errors)
  end)

  it("lets no secret into Redis, and none into what it says of itself", function()
    assert(client:get_status(busy))
    local keys = {}
    for key in here:redis("--scan"):gmatch("[^\n]+") do keys[#keys + 1] = key end
    assert.is_true(#keys > 2)
    local key = here.sim.api_key
    for _, name in ipairs(keys) do
      support.holds_no(key, name)
      local kind = here:redis("type " .. name):match("%S+")
      local read = { hash = "hgetall %s", zset = "zrange %s 0 -1" }
      support.holds_no(key, here:redis(read[kind]:format(name)))
      assert.is_true(tonumber(here:redis("pttl " .. name)) > 0, name .. " does not expire")
    end
    local secret = new_fleet { redis = "redis://:hunter2@127.0.0.1:1/3", name = "spec" }
    support.holds_no("hunter2", tostring(secret))
    assert.equal("taskqueue.fleet spec on 127.0.0.1:1/3", tostring(secret))
    secret:close()
    assert.equal("taskqueue.fleet spec on 127.0.0.1:1/3 closed", tostring(secret))
  end)
end)

describe("fleet.new", function()
  local function problem_of(options)
    local ok, message = pcall(function() new_fleet(options) end)
    assert.is_false(ok)
    assert.matches("^spec/fleet/listener_spec.lua:%d+: fleet.new: ", message)
    support.holds_no("hunter2", message)
    return message
  end

  it("blames the caller's line for what cannot be, and shows no password", function()
    assert.matches("'redis' is missing", problem_of { name = "x" })
    assert.matches("hiredis is built without",
      problem_of { redis = "rediss://:hunter2@x", name = "x" })
    for _, url in ipairs {
      "http://:hunter2@x", "redis://:hunter2@", "redis://hunter2@x", "redis://:hunter2@x:99999",
      "redis://:hunter2@x/first", "redis+unix://:hunter2@x", "hunter2",
    } do
      assert.matches("option 'redis'", problem_of { redis = url, name = "x" })
    end
    assert.matches("'name' must", problem_of { redis = "redis://x", name = "a b" })
    assert.matches("'lease' must", problem_of { redis = "redis://x", name = "x", lease = 0.01 })
    assert.matches("'when_away' must",
      problem_of { redis = "redis://x", name = "x", when_away = "?" })
  end)

  it("is told by a client what is no fleet", function()
    local ok, message = pcall(function()
      taskqueue.mobizon.new { api_key = "x", fleet = {} }
    end)
    assert.is_false(ok)
    assert.matches("option 'fleet' must be what taskqueue.fleet.new gives", message)
  end)

  it("raises for a wait that cannot be given to it", function()
    local fleet = new_fleet { redis = "redis://127.0.0.1:1", name = "x" }
    local client = taskqueue.mobizon.new { api_key = "x", url = "http://127.0.0.1:1" }
    local own = taskqueue.mobizon.new { api_key = "y", url = "http://127.0.0.1:1", fleet = fleet }
    for pattern, fn in pairs {
      ["must be a task"] = function() fleet:watch("7") end,
      ["not of this fleet"] = function() fleet:watch(client:task("7")) end,
      ["cannot be written"] = function() fleet:watch(own:task("7"), { data = { print } }) end,
      ["'group' is missing"] = function() fleet:completions {} end,
    } do
      local ok, message = pcall(fn)
      assert.is_false(ok)
      assert.matches("^spec/fleet/listener_spec.lua:%d+: ", message)
      assert.matches(pattern, message)
    end
    fleet:close()
  end)
end)
