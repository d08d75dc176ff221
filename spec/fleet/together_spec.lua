-- SPDX-License-Identifier: MIT
-- Processes that wait together under one budget.
local core = require "taskqueue.core"
local world = require "fleet.world"

local OUTCOMES = { completed = "succeeded", rejected = "failed" }

-- So many tasks, which end well and badly, one after the other.
local function new_tasks(here, count, first, step)
  local ids, expected, ends = {}, {}, {}
  for i = 1, count do
    local outcome = i % 5 == 0 and "rejected" or "completed"
    local duration = first + i * step
    ids[i] = here.sim:task { delay = 0, duration = duration, outcome = outcome }
    expected[ids[i]], ends[ids[i]] = OUTCOMES[outcome], core.now() + duration
  end
  return ids, expected, ends
end

local function check_outcomes(process, expected, count)
  local outcomes, known = process:outcomes()
  assert.equal(count, known, process.name)
  for id, outcome in pairs(outcomes) do assert.equal(expected[id], outcome.state, process.name) end
end

local function await_all(processes)
  world.await("all waits", function()
    for _, process in ipairs(processes) do
      if not process:has_left() then return false end
    end
    return true
  end, 60)
end

-- Which processes polled, in the order of their first polls.
local function pollers(polls)
  local seen, list = {}, {}
  for _, poll in ipairs(polls) do
    if not seen[poll.user_agent] then list[#list + 1] = poll.user_agent end
    seen[poll.user_agent] = true
  end
  return list
end

-- A case in a world of its own.
local function case(name, rate, lease, fn)
  it(name, function() world.undisturbed(rate, lease, fn) end)
end

describe("a fleet", function()
  case("of four processes with 400 waits on 100 tasks polls as one", 20, 3, function(here)
    local ids, expected = new_tasks(here, 100, 1, 0.05)
    local processes = {}
    for i = 1, 4 do processes[i] = here:worker("p" .. i, ids) end
    await_all(processes)
    for _, process in ipairs(processes) do check_outcomes(process, expected, 100) end
    local polls = here:polls()
    assert.equal(1, #pollers(polls))
    world.keeps_rate(polls, 20)
  end)

  case("goes on when its owner is killed, ten times over", 20, 1, function(here)
    local ids, expected = new_tasks(here, 40, 4, 0.5)
    local processes = {}
    for i = 1, 4 do processes[i] = here:worker("p" .. i, ids) end
    for kill = 1, 10 do
      world.await("an owner that polls", function()
        local owner = world.owner_of(processes)
        local polls = here:polls()
        return owner and #polls > 0 and polls[#polls].user_agent == owner.name
      end)
      local owner = world.owner_of(processes)
      owner:signal(9)
      local killed_at = core.now()
      for i, process in ipairs(processes) do
        if process == owner then table.remove(processes, i) break end
      end
      processes[#processes + 1] = here:worker("q" .. kill, ids)
      world.await("another owner", function() return world.owner_of(processes) ~= nil end)
      local _, time = world.owner_of(processes):role()
      assert.is_true(time - killed_at < 1 + 1, ("took over after %.3f s"):format(time - killed_at))
    end
    await_all(processes)
    for _, process in ipairs(processes) do check_outcomes(process, expected, 40) end
    local polls = here:polls()
    assert.is_true(#pollers(polls) >= 11)
    world.keeps_rate(polls, 20)
  end)

  case("never has two pollers when its owner is stopped beyond its lease", 20, 1, function(here)
    local ids, expected = new_tasks(here, 40, 5, 0.1)
    local processes = {}
    for i = 1, 4 do processes[i] = here:worker("p" .. i, ids) end
    world.await("an owner that polls", function() return #here:polls() > 5 end)
    local stopped = world.owner_of(processes)
    stopped:signal("STOP")
    local others = {}
    for _, process in ipairs(processes) do
      if process ~= stopped then others[#others + 1] = process end
    end
    world.await("another owner", function() return world.owner_of(others) ~= nil end)
    local before = #here:polls()
    world.await("polls of it", function() return #here:polls() > before + 10 end)
    stopped:signal("CONT")
    local continued_at = core.now()
    await_all(processes)
    for _, process in ipairs(processes) do check_outcomes(process, expected, 40) end
    local polls = here:polls()
    world.keeps_rate(polls, 20)
    -- Whoever was stopped comes back as a listener, and sends nothing that it had in hand.
    for _, poll in ipairs(polls) do
      local is_late = poll.user_agent == stopped.name and poll.time > continued_at
      assert.is_false(is_late and world.owner_of(others) ~= nil)
    end
  end)
end)
