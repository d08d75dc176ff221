-- SPDX-License-Identifier: MIT
-- Waits that belong to the fleet, and the consumers of their ends.
local taskqueue = require "taskqueue"
local world = require "fleet.world"

local function await_left(process)
  world.await("the end of " .. process.name, function() return process:has_left() end, 60)
end

-- How often each task was told, by whatever process.
local function count_ends(...)
  local counts, states = {}, {}
  for _, process in ipairs { ... } do
    for _, line in ipairs(process:lines()) do
      if line.what == "end" then
        counts[line[1]] = (counts[line[1]] or 0) + 1
        states[line[1]] = line[2]
        assert.equal(line[1], line[4])
      end
    end
  end
  return counts, states
end

local function count_of(counts)
  local number = 0
  for _ in pairs(counts) do number = number + 1 end
  return number
end

describe("a durable wait", function()
  local here

  before_each(function() here = world.new(20, 1) end)
  after_each(function() here:close() end)

  local function durable(name, ...)
    return here:start(name, "durable_worker.lua",
      { name, here.url, here.sim.url, here.sim.api_key, here.rate, here.lease, ... })
  end

  local function new_tasks(count, duration)
    local ids = {}
    for i = 1, count do
      ids[i] = here.sim:task {
        delay = 0, duration = duration + i * 0.05, outcome = i % 4 == 0 and "rejected" or nil,
      }
    end
    return ids
  end

  it("outlives who asked, and each group is told its end once", function()
    local ids = new_tasks(20, 1)
    local asker = durable("asker", "watch", table.concat(ids, " "))
    await_left(asker)
    assert.equal(20, select(2, asker:text():gsub("\tkept\t", "")))
    local one, two = durable("c1", "consume", "a", 4), durable("c2", "consume", "a", 4)
    local other = durable("c3", "consume", "b", 4)
    await_left(one)
    await_left(two)
    await_left(other)
    for _, counts in ipairs { (count_ends(one, two)), (count_ends(other)) } do
      assert.equal(20, count_of(counts))
      for id, times in pairs(counts) do assert.equal(1, times, id) end
    end
    local _, states = count_ends(other)
    for i, id in ipairs(ids) do
      assert.equal(i % 4 == 0 and "failed" or "succeeded", states[id])
    end
    assert.equal("0\n", here:redis("hlen " .. here:redis("keys '*waits*'"):gsub("\n", " x")))
  end)

  it("that a consumer held when it died is handed to another", function()
    local ids = new_tasks(6, 0.3)
    await_left(durable("asker", "watch", table.concat(ids, " ")))
    local dead = durable("dead", "consume", "a", 30, "hang")
    world.await("an end that is held", function() return count_of(count_ends(dead)) == 1 end)
    dead:signal(9)
    local alive = durable("alive", "consume", "a", 8)
    await_left(alive)
    assert.equal(6, count_of(count_ends(alive)))
  end)

  it("that a consumer works on for long stays with it", function()
    local ids = new_tasks(3, 0.3)
    await_left(durable("asker", "watch", table.concat(ids, " ")))
    local slow = durable("slow", "consume", "a", 60, "hang")
    world.await("an end that is held", function() return count_of(count_ends(slow)) == 1 end)
    local other = durable("other", "consume", "a", 8)
    await_left(other)
    local counts = count_ends(slow, other)
    assert.equal(3, count_of(counts))
    for id, times in pairs(counts) do assert.equal(1, times, id) end
  end)

  it("is lost by no death of an owner, and told twice only by those who died", function()
    local ids = new_tasks(40, 1)
    for i = 1, 20 do ids[#ids + 1] = here.sim:task { delay = 0, duration = 3 + i * 0.4 } end
    await_left(durable("asker", "watch", table.concat(ids, " ")))
    local alive, all, dead = {}, {}, {}
    local function start(name)
      local process = durable(name, "consume", "a", 10)
      alive[#alive + 1], all[#all + 1] = process, process
    end
    start "c1"
    start "c2"
    for kill = 1, 5 do
      local owner
      world.await("an owner that polls", function()
        owner = world.owner_of(alive)
        local polls = here:polls()
        return owner and polls[1] and polls[#polls].user_agent == owner.name
      end)
      owner:signal(9)
      dead[owner.name] = true
      for i, process in ipairs(alive) do
        if process == owner then table.remove(alive, i) break end
      end
      start("d" .. kill)
    end
    for _, process in ipairs(alive) do await_left(process) end
    local told = {}
    for _, process in ipairs(all) do
      for id in pairs((count_ends(process))) do
        assert.is_true(not told[id] or dead[told[id]], id)
        told[id] = process.name
      end
    end
    assert.equal(#ids, count_of(told))
  end)

  it("survives the death of the owner, and of Redis, with its data", function()
    here:redis("config set appendonly yes")
    local ids = new_tasks(10, 4)
    await_left(durable("asker", "watch", table.concat(ids, " ")))
    local one = durable("c1", "consume", "a", 60)
    world.await("an owner that polls", function() return #here:polls() > 3 end)
    one:signal(9)
    here:kill_redis()
    here:start_redis("--appendonly yes")
    local two = durable("c2", "consume", "a", 9)
    await_left(two)
    local counts = count_ends(one, two)
    assert.equal(10, count_of(counts))
  end)

  it("is kept while Redis is away, and handed over when it is back", function()
    here:kill_redis()
    local ids = new_tasks(2, 0.2)
    local asker = durable("asker", "watch", table.concat(ids, " "))
    world.await("the first refusal", function() return asker:text():find("\tnot kept\t") end)
    assert.matches("network", asker:text())
    here:start_redis()
    await_left(asker)
    local consumer = durable("c1", "consume", "a", 5)
    await_left(consumer)
    assert.equal(2, count_of(count_ends(consumer)))
    taskqueue.sleep(0)
  end)
end)
