-- SPDX-License-Identifier: MIT
-- Workers of several instances of nginx that share a budget. What they run is LuaJIT, whatever runs
-- this.
local nginx_world = require "openresty.world"
local support = require "support"
local taskqueue = require "taskqueue"
local world = require "fleet.world"

local RATE = 20

local INIT = [[
    local fleet = require("taskqueue.fleet").new { redis = "%s", name = "spec", lease = 1 }
    local new = taskqueue.mobizon.new
    rawset(taskqueue.mobizon, "new", function(options)
      options.fleet = fleet
      return new(options)
    end)]]

if rawget(_G, "jit") then return end

describe("two instances of nginx with two workers each", function()
  local here, instances

  local function start()
    instances = {}
    for i = 1, 2 do
      instances[i] = nginx_world.start(here.sim, { rate = RATE, init = INIT:format(here.url) })
    end
  end

  local function stop()
    for _, nginx in ipairs(instances) do nginx:stop() end
    instances = {}
  end

  local function open_all(ids)
    local clients = {}
    for _, nginx in ipairs(instances) do
      for _, id in ipairs(ids) do clients[#clients + 1] = nginx:open("/content?id=" .. id) end
    end
    return clients
  end

  local function new_tasks(count, first, step)
    local ids = {}
    for i = 1, count do ids[i] = here.sim:task { delay = 0, duration = first + i * step } end
    return ids
  end

  -- A world of its own, again when a machine under load disturbed it.
  local function case(name, fn)
    it(name, function()
      support.undisturbed(function()
        here = world.new(RATE, 1)
        here:open_to_all()
        start()
        local ok, why = pcall(fn)
        stop()
        here:close()
        assert(ok, why)
      end)
    end)
  end

  case("wait for 50 tasks 100 times and poll as one process", function()
    local ids = new_tasks(50, 2, 0.05)
    local first = #here:polls() + 1
    for _, client in ipairs(open_all(ids)) do
      assert.equal("succeeded", (nginx_world.read(client)))
    end
    support.keeps_rate(here:polls(), RATE, first)
  end)

  case("go on when the instance is killed that polls", function()
    local ids = new_tasks(20, 4, 0.1)
    local clients = open_all(ids)
    world.await("polls", function() return #here:polls() > 10 end)
    local killed = instances[1]
    for _, pid in ipairs(killed:workers()) do killed:signal("KILL", pid) end
    killed:signal("KILL")
    for i, client in ipairs(clients) do
      local ok, state = pcall(nginx_world.read, client)
      if i > #ids then assert.same({ true, "succeeded" }, { ok, state }) end
    end
    table.remove(instances, 1)
    support.keeps_rate(here:polls(), RATE, 1)
    taskqueue.sleep(0)
  end)
end)
