-- SPDX-License-Identifier: MIT
-- Workers that come and go while something is waited for.
local core = require "taskqueue.core"
local lfs = require "lfs"
local outside = require "outside"
local support = require "support"
local taskqueue = require "taskqueue"
local world = require "openresty.world"

-- How many entries a folder of /proc has, itself and its parent left out; none when it has gone.
local function count(path)
  local entries = 0
  if not pcall(function() for _ in lfs.dir(path) do entries = entries + 1 end end) then return 0 end
  return entries - 2
end

local function memory_kb(pid)
  return tonumber(outside.read("/proc/" .. pid .. "/status"):match("VmRSS:%s*(%d+)")) or 0
end

describe("a worker of nginx", function()
  local sim, nginx

  before_each(function() sim = support.sim() end)
  after_each(function()
    if nginx then nginx:stop() end
    nginx = nil
    support.finish()
  end)

  local function open_waits(number, duration)
    local clients = {}
    for i = 1, number do
      clients[i] = nginx:open("/content?id=" .. sim:task { duration = duration })
    end
    return clients
  end

  local function all_succeed(clients)
    for _, client in ipairs(clients) do assert.equal("succeeded", (world.read(client))) end
  end

  local function are_gone(pids, seconds)
    for _, pid in ipairs(pids) do
      world.await("the end of " .. pid, function() return not world.is_alive(pid) end, seconds)
    end
  end

  -- Long waits in each worker, all of which have a thread and a bell then: one of them may be given
  -- all the requests at first. None is left for whoever comes after these workers.
  local function wait_everywhere(workers)
    local clients, ids = {}, {}
    local function have_begun()
      for _, id in ipairs(ids) do
        if support.polls(sim, id) == 0 then return false end
      end
      return true
    end
    local function have_bells()
      for _, pid in ipairs(workers) do
        if count("/proc/" .. pid .. "/task") < 2 then return false end
      end
      return #nginx:sockets() == #workers and #nginx:left_files() == 0
    end
    world.await("a thread and a bell in each worker", function()
      if not have_begun() then return false end
      if have_bells() then return true end
      for _ = 1, 5 do
        ids[#ids + 1] = sim:task { duration = 60 }
        clients[#clients + 1] = nginx:open("/content?id=" .. ids[#ids])
      end
      return false
    end)
    return clients
  end

  local function leaves_nothing()
    assert.same({}, nginx:left_files())
    assert.same({}, nginx:sockets())
    assert.same({}, nginx:processes())
  end

  it("ends its waits after HUP, and leaves then", function()
    nginx = world.start(sim)
    local clients, old = open_waits(40, 1.5), nginx:workers()
    taskqueue.sleep(0.3)
    nginx:signal("HUP")
    world.await("new workers", function() return #nginx:workers() == 4 end)
    local more = open_waits(10, 0.2)
    all_succeed(clients)
    are_gone(old, 3)
    all_succeed(more)
    assert.equal(2, #nginx:workers())
  end)

  it("drains at QUIT", function()
    nginx = world.start(sim)
    local clients, workers = open_waits(40, 1), nginx:workers()
    taskqueue.sleep(0.3)
    nginx:signal("QUIT")
    all_succeed(clients)
    are_gone(workers, 3)
    are_gone({ nginx.pid }, 3)
    leaves_nothing()
  end)

  for _, signal in ipairs { "TERM", "INT" } do
    it("leaves at once at " .. signal .. ", and nothing behind", function()
      nginx = world.start(sim)
      local workers = nginx:workers()
      local clients = wait_everywhere(workers)
      nginx:signal(signal)
      are_gone(workers, 3)
      are_gone({ nginx.pid }, 3)
      leaves_nothing()
      for _, client in ipairs(clients) do client:close() end
    end)
  end

  it("leaves nothing behind when it is killed", function()
    nginx = world.start(sim)
    local workers = nginx:workers()
    local clients = wait_everywhere(workers)
    for _, pid in ipairs(workers) do nginx:signal("KILL", pid) end
    are_gone(workers)
    world.await("new workers", function() return #nginx:workers() == 2 end)
    for _, client in ipairs(clients) do client:close() end
    assert.same({}, nginx:left_files())
    assert.same({}, nginx:sockets())
    -- The master and its new workers, and nothing else.
    local expected = nginx:workers()
    table.insert(expected, 1, nginx.pid)
    assert.same(expected, nginx:processes())
    all_succeed(open_waits(5, 0.2))
  end)

  it("waits also when all its connections are in use", function()
    nginx = world.start(sim, { workers = "1", connections = "12" })
    local clients, succeeded = {}, 0
    for i = 1, 30 do
      clients[i] = nginx:open("/content?id=" .. sim:task { duration = 0.5 })
    end
    -- nginx turns away whom it has no connection for.
    for i = 1, 30 do
      local ok, state = pcall(world.read, clients[i])
      if ok then
        assert.equal("succeeded", state)
        succeeded = succeeded + 1
      end
    end
    assert.is_true(succeeded >= 5)
    assert.matches("connections are not enough", nginx:log())
    all_succeed(open_waits(3, 0.2))
  end)

  it("leaks nothing over two hundred reloads under load #slow", function()
    nginx = world.start(sim)
    local function has_new(old)
      for _, pid in ipairs(nginx:workers()) do
        if not old[pid] then return true end
      end
    end
    local function reload()
      local old = {}
      for _, pid in ipairs(nginx:workers()) do old[pid] = true end
      local clients = open_waits(4, 0.1)
      nginx:signal("HUP")
      world.await("a new worker", function() return has_new(old) end)
      all_succeed(clients)
    end
    -- A worker has a thread from its first wait on, and one of them may be given all the requests.
    local function have_waited()
      all_succeed(open_waits(4, 0.1))
      for _, pid in ipairs(nginx:workers()) do
        if count("/proc/" .. pid .. "/task") < 2 then return false end
      end
      return true
    end
    local function usage()
      world.await("the end of old workers", function() return #nginx:workers() == 2 end)
      world.await("a wait in each worker", have_waited)
      local fds, threads, kb = 0, 0, 0
      for _, pid in ipairs(nginx:workers()) do
        fds = fds + count("/proc/" .. pid .. "/fd")
        threads = threads + count("/proc/" .. pid .. "/task")
        kb = kb + memory_kb(pid)
      end
      return fds, threads, kb, count("/proc/" .. nginx.pid .. "/fd"), memory_kb(nginx.pid)
    end
    for _ = 1, 10 do reload() end
    local fds, threads, kb, master_fds, master_kb = usage()
    local began = core.now()
    for _ = 1, 190 do reload() end
    local fds_now, threads_now, kb_now, master_fds_now, master_kb_now = usage()
    assert.is_true(fds_now <= fds + 4, ("%d fds, then %d"):format(fds, fds_now))
    assert.equal(4, threads)
    assert.equal(threads, threads_now)
    assert.is_true(kb_now <= kb * 1.25, ("%d KB, then %d"):format(kb, kb_now))
    assert.equal(master_fds, master_fds_now)
    assert.is_true(master_kb_now <= master_kb * 1.25 + 1024,
      ("the master: %d KB, then %d"):format(master_kb, master_kb_now))
    assert.same({}, nginx:left_files())
    assert.is_true(core.now() - began < 300)
  end)
end)
