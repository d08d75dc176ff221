-- SPDX-License-Identifier: MIT
-- Background waits that have a handler's name, and workers that leave or are killed.
local support = require "support"
local taskqueue = require "taskqueue"
local world = require "openresty.world"

local SHARED = 'taskqueue.use("openresty", { shared_dict = "taskqueue" })'
local RESUMES = "assert(taskqueue.resume_watches())"

describe("a background wait with a handler's name", function()
  local sim, nginx

  before_each(function() sim = support.sim() end)
  after_each(function()
    if nginx then nginx:stop() end
    nginx = nil
    support.finish()
  end)

  local function start(options)
    local complete = { init = SHARED, init_worker = RESUMES, rate = 200 }
    for name, value in pairs(options or {}) do complete[name] = value end
    nginx = world.start(sim, complete)
  end

  local function result(name)
    return (nginx:get("/result?id=" .. name))
  end

  local function watch(script, more)
    local id = sim:task(script)
    assert.equal("watched", (nginx:get("/watch_by_name?id=" .. id .. (more or ""))))
    return id
  end

  local function watch_all(number, script)
    local ids = {}
    for i = 1, number do ids[i] = watch(script) end
    return ids
  end

  local function ends(id, wanted)
    world.await("the end of task " .. id, function() return result(id) ~= "" end)
    assert.equal(wanted, result(id))
    assert.equal("1", result(id .. "_times"))
  end

  local function all_end(ids)
    for _, id in ipairs(ids) do ends(id, "succeeded ") end
  end

  local function are_gone(pids, seconds)
    for _, pid in ipairs(pids) do
      world.await("the end of " .. pid, function() return not world.is_alive(pid) end, seconds)
    end
  end

  local function set_of(pids)
    local set = {}
    for _, pid in ipairs(pids) do set[pid] = true end
    return set
  end

  it("calls the handler once, with the outcome and the data", function()
    start()
    ends(watch({ duration = 0.2 }, "&note=a"), "succeeded a")
    ends(watch({ duration = 0.2, outcome = "rejected" }, "&note=b"), "failed b")
    ends(watch({ outcome = "stuck" }, "&timeout=0.3&note=c"), "timeout c")
    assert.same({}, nginx:logged "error")
  end)

  it("goes on in new workers after HUP, and the old ones leave at once", function()
    start()
    local ids, old = watch_all(20, { duration = 3 }), nginx:workers()
    local failing = watch({ duration = 3, outcome = "rejected" }, "&note=x")
    local stuck = watch({ outcome = "stuck" }, "&timeout=3")
    nginx:signal "HUP"
    are_gone(old, 3)
    all_end(ids)
    ends(failing, "failed x")
    ends(stuck, "timeout ")
    local is_old = set_of(old)
    for _, id in ipairs(ids) do assert.is_nil(is_old[result(id .. "_pid")]) end
    assert.same({}, nginx:logged "error")
  end)

  it("goes on through one reload after the other", function()
    start()
    local ids = watch_all(10, { duration = 6 })
    for _ = 1, 3 do
      local old = nginx:workers()
      nginx:signal "HUP"
      are_gone(old, 3)
    end
    assert.equal("", result(ids[1]))
    all_end(ids)
    assert.same({}, nginx:logged "error")
  end)

  it("is not held up by a reload in which an ordinary wait lasts", function()
    start()
    local ids, old = watch_all(5, { duration = 3 }), nginx:workers()
    local client = nginx:open("/content?id=" .. sim:task { duration = 2 })
    taskqueue.sleep(0.2)
    nginx:signal "HUP"
    assert.equal("succeeded", (world.read(client)))
    are_gone(old, 3)
    all_end(ids)
  end)

  it("goes on in another worker when its own is killed", function()
    start()
    local ids, old = watch_all(10, { duration = 3 }), nginx:workers()
    for _, pid in ipairs(old) do nginx:signal("KILL", pid) end
    are_gone(old)
    all_end(ids)
  end)

  it("ends in another worker when its own stands still, and once", function()
    start()
    local ids, workers = watch_all(10, { duration = 2 }), nginx:workers()
    nginx:halt(workers[1])
    all_end(ids)
    nginx:signal("CONT", workers[1])
    -- What it had to do still is done when it has left.
    nginx:signal "HUP"
    are_gone(workers)
    all_end(ids)
  end)

  it("is not ended by a worker that holds it no longer", function()
    start {
      workers = "1",
      locations = [[location = /take { content_by_lua_block {
        local dict = ngx.shared.taskqueue
        for _, name in ipairs(dict:get_keys(0)) do
          if name:find("taskqueue:held:", 1, true) then dict:set(name, "another", 60) end
        end } }]],
    }
    -- In some round no lease is looked after between that and the end.
    for _ = 1, 3 do
      local ids = watch_all(5, { duration = 0.4 })
      nginx:get "/take"
      taskqueue.sleep(0.8)
      for _, id in ipairs(ids) do assert.equal("", result(id)) end
    end
  end)

  it("ends once through reloads and kills, whatever comes together #slow", function()
    start { workers = "3", http = "lua_max_running_timers 4096; lua_max_pending_timers 4096;" }
    local ids = {}
    for round = 1, 12 do
      for _ = 1, 25 do ids[#ids + 1] = watch { duration = 1 + round % 5 } end
      local old = nginx:workers()
      if round % 3 == 0 then
        nginx:signal("KILL", old[1 + round % #old])
      elseif round % 3 == 1 then
        nginx:signal "HUP"
      end
      world.await("three workers", function() return #nginx:workers() >= 3 end)
      taskqueue.sleep(0.3)
    end
    all_end(ids)
    world.await("the end of old workers", function() return #nginx:workers() == 3 end)
    -- Longer than a lease: nobody takes up what has ended.
    taskqueue.sleep(6)
    all_end(ids)
  end)

  it("ends in its own worker when all are to leave, after QUIT", function()
    start {
      init = SHARED .. [[
        package.loaded.write = function(task, status)
          ngx.log(ngx.NOTICE, "ended: ", task.id, " ", status.state)
        end]],
    }
    local id = watch({ duration = 1 }, "&handler=write")
    local workers = nginx:workers()
    nginx:signal "QUIT"
    are_gone(workers)
    are_gone({ nginx.pid }, 3)
    assert.matches("ended: " .. id .. " succeeded", nginx:log())
  end)

  it("ends in its own worker when no other takes any up", function()
    start { init_worker = "" }
    local ids, old = watch_all(5, { duration = 2 }), nginx:workers()
    nginx:signal "HUP"
    all_end(ids)
    local is_old = set_of(old)
    for _, id in ipairs(ids) do assert.is_true(is_old[result(id .. "_pid")]) end
    are_gone(old, 3)
  end)

  it("ends in its own worker when no other has the handler, which is said once", function()
    start {
      -- The master reads this once more at each reload.
      init = SHARED .. [[
        local path = ngx.config.prefix() .. "/read_before"
        local file = io.open(path)
        if not file then package.loaded.first = package.loaded.note end
        (file or assert(io.open(path, "w"))):close()]],
    }
    local id = watch({ duration = 2 }, "&handler=first&note=y")
    nginx:signal "HUP"
    ends(id, "succeeded y")
    local lines = nginx:logged "error"
    assert.equal(1, #lines, table.concat(lines, "\n"))
    assert.matches("'first' is not taken up: the handler 'first' cannot be loaded", lines[1])
  end)

  it("stays with its worker when the dictionary is full, which is said once", function()
    start {
      locations = [[location = /fill { content_by_lua_block {
        local i = 0
        repeat i = i + 1 until not ngx.shared.taskqueue:safe_set("full" .. i, ("x"):rep(600))
        ngx.print(i) } }]],
    }
    -- The budget has its place in the dictionary by then.
    all_end(watch_all(4, { duration = 0.2 }))
    assert.is_true(tonumber((nginx:get "/fill")) > 100)
    local ids = watch_all(10, { duration = 0.5 })
    nginx:signal "HUP"
    all_end(ids)
    local said = 0
    for _, line in ipairs(nginx:logged "error") do
      if line:find("no memory: background waits end with their worker", 1, true) then
        said = said + 1
      end
    end
    assert.is_true(said >= 1 and said <= 2, said .. "_times")
  end)

  it("is begun again when nginx drops its timer", function()
    start { workers = "1", http = "lua_max_running_timers 4;" }
    all_end(watch_all(4, { duration = 0.3 }))
    assert.matches("lua_max_running_timers are not enough", nginx:log())
  end)

  it("writes down no key", function()
    start {
      locations = [[location = /kept { content_by_lua_block {
        for _, name in ipairs(ngx.shared.taskqueue:get_keys(0)) do
          ngx.say(name, " ", tostring((ngx.shared.taskqueue:get(name))))
        end } }]],
    }
    local id = watch({ duration = 1 }, "&note=is-here")
    local kept = nginx:get "/kept"
    assert.matches("is%-here", kept)
    assert.is_nil(kept:find(sim.api_key, 1, true))
    ends(id, "succeeded is-here")
    world.await("the end of its record", function()
      return not nginx:get("/kept"):find("slot:", 1, true)
    end)
  end)

  it("says where nothing can be resumed", function()
    start {
      init = [[local ok, message = pcall(taskqueue.resume_watches)
        assert(not ok and message:find("shared_dict = NAME", 1, true), message)
        taskqueue.use("openresty", { shared_dict = "taskqueue" })
        ok, message = pcall(taskqueue.resume_watches)
        assert(not ok and message:find "resume_watches: it belongs into init_worker", message)]],
    }
    ends(watch { duration = 0.2 }, "succeeded ")
  end)

  it("stays in its worker when it has a function instead of a name", function()
    start()
    local id, old = sim:task { duration = 2 }, nginx:workers()
    nginx:get("/watch?id=" .. id)
    nginx:signal "HUP"
    world.await("the end of task " .. id, function() return result(id) ~= "" end)
    assert.equal("succeeded", result(id))
    are_gone(old, 3)
  end)
end)
