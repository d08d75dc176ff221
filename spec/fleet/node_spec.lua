-- SPDX-License-Identifier: MIT
-- Without a rate each task has an owner of its own.
local world = require "fleet.world"

local function await_left(processes)
  for _, process in ipairs(processes) do
    world.await("the end of " .. process.name, function() return process:has_left() end, 60)
  end
end

-- By task: the processes that polled it, one after the other, each once a stretch.
local function pollers(log)
  local by_id = {}
  for _, entry in ipairs(log) do
    if entry.method == "gettaskstatus" then
      local list = by_id[entry.id] or {}
      by_id[entry.id] = list
      if list[#list] ~= entry.user_agent then list[#list + 1] = entry.user_agent end
    end
  end
  return by_id
end

local COUNT_OWNED = [[
local count = 0
for _, unit in ipairs(redis.call("keys", "*unit:*")) do
  count = count + redis.call("hexists", unit, "owner")
end
return count]]

-- How many tasks somebody polls.
local function owned(here)
  return tonumber(here:redis(("eval '%s' 0"):format(COUNT_OWNED)))
end

describe("a fleet without a rate", function()
  local here

  before_each(function() here = world.new(20, 1) end)
  after_each(function() here:close() end)

  local function start(name, role, ids)
    return here:start(name, "node_worker.lua",
      { name, here.url, here.sim.node_url, here.lease, role, table.concat(ids, " ") })
  end

  local function new_tasks(count, duration)
    local ids = {}
    for i = 1, count do
      ids[i] = here.sim:task {
        service = "node", delay = 0, duration = duration + i * 0.05, info = { number = i },
      }
    end
    return ids
  end

  it("has each task polled by one process at a time, and all others told", function()
    local ids = new_tasks(20, 1)
    local processes = {}
    for i = 1, 4 do
      -- Each begins with tasks of its own, and waits for all of them.
      local own = {}
      for k = 0, 19 do own[k + 1] = ids[(k + (i - 1) * 5) % 20 + 1] end
      processes[i] = start("p" .. i, "wait", own)
    end
    await_left(processes)
    for _, process in ipairs(processes) do
      local outcomes, count = process:outcomes()
      assert.equal(20, count)
      for id, outcome in pairs(outcomes) do
        assert.equal("succeeded", outcome.state, id)
        assert.equal("FINISHED_OK", outcome.message)
      end
    end
    local by_id = pollers(here.sim:log())
    -- Whoever polled a task last may have left at its end; nobody comes back to one.
    for _, id in ipairs(ids) do
      local seen = {}
      for _, name in ipairs(by_id[id]) do
        assert.is_nil(seen[name], id .. " " .. table.concat(by_id[id], " "))
        seen[name] = true
      end
      assert.is_true(#by_id[id] <= 2, id .. " " .. table.concat(by_id[id], " "))
    end
  end)

  it("polls no task again whose end was told, whoever claims it", function()
    local ids, all = new_tasks(5, 0.3), new_tasks(1, 60)
    for _, id in ipairs(ids) do all[#all + 1] = id end
    local first = start("p1", "wait", all)
    world.await("the ends", function() return select(2, first:outcomes()) == 5 end)
    -- The first one stays for the task that goes on, and gives back the others.
    world.await("a single owned task", function() return owned(here) == 1 end)
    local second = start("p2", "wait", ids)
    await_left { second }
    assert.equal(5, select(2, second:outcomes()))
    local by_id = pollers(here.sim:log())
    for _, id in ipairs(ids) do assert.same({ "p1" }, by_id[id]) end
  end)

  it("goes on with the tasks of a process that was killed", function()
    local ids = new_tasks(10, 4)
    local first = start("p1", "wait", ids)
    world.await("polls", function() return #here.sim:log() > 20 end)
    local second = start("p2", "wait", ids)
    world.await("the second one listens", function()
      return here:redis("keys '*wants*'"):find("wants") ~= nil
    end)
    first:signal(9)
    await_left { second }
    assert.equal(10, select(2, second:outcomes()))
    for _, list in pairs(pollers(here.sim:log())) do assert.same({ "p1", "p2" }, list) end
  end)

  it("keeps durable waits too", function()
    local ids = new_tasks(5, 0.5)
    local process = start("p1", "watch", ids)
    await_left { process }
    assert.equal(5, select(2, process:outcomes()))
  end)
end)
