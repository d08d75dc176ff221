-- SPDX-License-Identifier: MIT
-- Redis, or the way to it, is gone for a while.
local core = require "taskqueue.core"
local taskqueue = require "taskqueue"
local world = require "fleet.world"

local RATE = 20

local function new_tasks(here, count, first, step)
  local ids = {}
  for i = 1, count do ids[i] = here.sim:task { delay = 0, duration = first + i * step } end
  return ids
end

local function start(here, count, ids, options)
  local processes = {}
  for i = 1, count do processes[i] = here:worker("p" .. i, ids, options) end
  world.await("an owner that polls", function() return #here:polls() > 5 end)
  return processes
end

local function await_role(processes, role)
  world.await("all are " .. role, function()
    for _, process in ipairs(processes) do
      if process:role() ~= role then return false end
    end
    return true
  end)
end

local function await_all(processes, count)
  world.await("all waits", function()
    for _, process in ipairs(processes) do
      if not process:has_left() then return false end
    end
    return true
  end, 60)
  for _, process in ipairs(processes) do
    local _, known = process:outcomes()
    assert.equal(count, known, process.name)
  end
end

-- The polls between two instants, with the processes that they are of.
local function polls_between(here, from, to)
  local list, by = {}, {}
  for _, poll in ipairs(here:polls()) do
    if poll.time >= from and poll.time < to then
      list[#list + 1] = poll
      by[poll.user_agent] = true
    end
  end
  return list, by
end

local function count(map)
  local number = 0
  for _ in pairs(map) do number = number + 1 end
  return number
end

-- A case in a world of its own.
local function case(name, rate, lease, fn)
  it(name, function() world.undisturbed(rate, lease, fn) end)
end

describe("a fleet whose Redis", function()
  case("is stopped for ten seconds goes on at shares, and as one again", RATE, 1, function(here)
    local ids = new_tasks(here, 60, 3, 0.25)
    local processes = start(here, 4, ids)
    -- For a while, so that each knows of the others.
    world.await("polls", function() return #here:polls() > 2 * RATE end)
    here:kill_redis()
    local stopped_at = core.now()
    await_role(processes, "away")
    local away_at = core.now()
    taskqueue.sleep(math.max(0, stopped_at + 10 - core.now()))
    local polls, by = polls_between(here, away_at, core.now())
    assert.equal(4, count(by))
    -- On the average: each of them has a pace of its own.
    local seconds = core.now() - away_at
    assert.is_true(#polls <= (RATE * 1.05) * seconds + 4, #polls .. " polls")
    assert.is_true(#polls >= RATE * seconds / 3, #polls .. " polls")
    here:start_redis()
    world.await("an owner", function() return world.owner_of(processes) ~= nil end)
    -- Each polls on until it has noticed; the owner begins when all must have.
    local back_at = 0
    for _, process in ipairs(processes) do
      world.await("the end of being away", function() return process:role() ~= "away" end)
      back_at = math.max(back_at, select(2, process:role()))
    end
    await_all(processes, #ids)
    polls, by = polls_between(here, back_at + 0.05, core.now())
    assert.equal(1, count(by))
    world.keeps_rate(polls, RATE)
  end)

  case("cannot be reached by one process leaves the others as they are", RATE, 1, function(here)
    local ids = new_tasks(here, 40, 6, 0.1)
    local proxy = here:start("proxy", "proxy.lua", { here.socket })
    world.await("the proxy", function() return proxy:text():find("%d+\n") ~= nil end)
    local url = "redis://127.0.0.1:" .. proxy:text():match("%d+")
    local cut = here:worker("cut", ids, { redis = url })
    world.await("the owner", function() return cut:role() == "owner" and #here:polls() > 5 end)
    local others = { here:worker("p1", ids), here:worker("p2", ids), here:worker("p3", ids) }
    await_role(others, "listener")
    proxy:signal("STOP")
    local cut_at = core.now()
    world.await("another owner", function() return world.owner_of(others) ~= nil end)
    world.await("the cut one is away", function() return cut:role() == "away" end)
    local owner = world.owner_of(others)
    local owned_at = select(2, owner:role())
    assert.is_true(owned_at - cut_at < 1 + 1)
    world.await("polls of both", function()
      return count(select(2, polls_between(here, owned_at, core.now()))) == 2
    end)
    -- The one that is cut off takes its share beside the others' rate.
    local _, by = polls_between(here, owned_at, core.now())
    assert.is_true(by.cut and by[owner.name])
    proxy:signal("CONT")
    world.await("the cut one is back", function() return cut:role() == "listener" end)
    local back_at = select(2, cut:role())
    others[#others + 1] = cut
    await_all(others, #ids)
    local polls
    polls, by = polls_between(here, back_at + 0.1, core.now())
    assert.is_nil(by.cut)
    world.keeps_rate(polls, RATE)
  end)

  case("is gone makes waits fail where that was asked for", RATE, 0.5, function(here)
    local ids = new_tasks(here, 5, 60, 0)
    local processes = start(here, 2, ids, { away = "fail" })
    here:kill_redis()
    await_all(processes, #ids)
    for _, process in ipairs(processes) do
      for id, outcome in pairs(process:outcomes()) do
        assert.equal("network", outcome.state, id)
        assert.matches("Redis at .* cannot be reached", outcome.message)
      end
    end
  end)

  case("was never there lets waits go on alone", RATE, 0.5, function(here)
    here:kill_redis()
    local ids = new_tasks(here, 5, 0.2, 0)
    local process = here:worker("p1", ids)
    await_all({ process }, #ids)
    for _, outcome in pairs(process:outcomes()) do assert.equal("succeeded", outcome.state) end
  end)

  case("forgets everything lets one process go on", RATE, 1, function(here)
    local ids = new_tasks(here, 20, 3, 0.05)
    local processes = start(here, 3, ids)
    here:redis("flushall")
    here:redis("script flush")
    await_all(processes, #ids)
    world.keeps_rate(here:polls(), RATE)
  end)

  case("has no memory left is as good as away", RATE, 0.5, function(here)
    local ids = new_tasks(here, 10, 3, 0.1)
    local processes = start(here, 2, ids)
    here:redis("config set maxmemory 1")
    await_role(processes, "away")
    here:redis("config set maxmemory 0")
    world.await("an owner", function() return world.owner_of(processes) ~= nil end)
    await_all(processes, #ids)
  end)
end)
