-- SPDX-License-Identifier: MIT
--[[
How soon the ends of 100 tasks are known under a rate of 20 polls a second: to one process alone,
and to four processes of a fleet that all wait for all of them; what that costs in operations of
Redis; and how long it takes until another process polls after the owner was killed.

    make bench-fleet            or, after `make`: lua5.4 bench/fleet/together.lua [ROUNDS]
]]
package.path = "./spec/?.lua;" .. package.path

local core = require "taskqueue.core"
local world = require "fleet.world"

local TASKS, RATE, LEASE = 100, 20, 3
local rounds = tonumber(arg[1]) or 3

-- Log-normal around 20 s, as background work tends to be; the same in each run.
local function durations(seed)
  math.randomseed(seed)
  local list = {}
  for i = 1, TASKS do
    local sum = 0
    for _ = 1, 12 do sum = sum + math.random() end
    list[i] = 20 * math.exp(0.5 * (sum - 6))
  end
  return list
end

local function new_tasks(here, list)
  local ids, ends = {}, {}
  for i, duration in ipairs(list) do
    ids[i] = here.sim:task { delay = 0, duration = duration }
    ends[ids[i]] = core.now() + duration
  end
  return ids, ends
end

-- Mean seconds from the end of a task to a process's knowing.
local function delay_of(processes, ends)
  local sum, count = 0, 0
  for _, process in ipairs(processes) do
    for id, outcome in pairs(process:outcomes()) do
      sum, count = sum + outcome.time - ends[id], count + 1
    end
  end
  return sum / count
end

local function calls_of(here)
  local count = 0
  for calls in here:redis("info commandstats"):gmatch("cmdstat_evalsha:calls=(%d+)") do
    count = count + tonumber(calls)
  end
  return count
end

local function run(count, list, is_alone)
  local here = world.new(RATE, LEASE)
  here:await_trust()
  local ids, ends = new_tasks(here, list)
  local processes = {}
  for i = 1, count do
    processes[i] = here:worker("p" .. i, ids, { redis = is_alone and "none" or nil })
  end
  for _, process in ipairs(processes) do
    world.await("the end", function() return process:has_left() end, 300)
  end
  local delay = delay_of(processes, ends)
  local result = { delay = delay, polls = #here:polls(), calls = calls_of(here) }
  here:close()
  return result
end

local function median(list)
  table.sort(list)
  return list[math.ceil(#list / 2)]
end

local function take_over()
  local here = world.new(RATE, LEASE)
  local ids = new_tasks(here, durations(1))
  local processes, times = {}, {}
  for i = 1, 4 do processes[i] = here:worker("p" .. i, ids) end
  for _ = 1, 3 do
    local owner
    world.await("an owner that polls", function()
      owner = world.owner_of(processes)
      local polls = here:polls()
      return owner and #polls > 0 and polls[#polls].user_agent == owner.name
    end)
    owner:signal(9)
    local killed_at, before = core.now(), #here:polls()
    for i, process in ipairs(processes) do
      if process == owner then table.remove(processes, i) break end
    end
    world.await("the next poll", function()
      local polls = here:polls()
      return #polls > before and polls[#polls].user_agent ~= owner.name
    end)
    local polls = here:polls()
    times[#times + 1] = polls[#polls].time - killed_at
  end
  here:close()
  return times
end

local alone, together, ratios = {}, {}, {}
for round = 1, rounds do
  local list = durations(round)
  local one, four = run(1, list, true), run(4, list)
  alone[round], together[round] = one.delay, four.delay
  ratios[round] = four.delay / one.delay
  print(("round %d: alone %.3f s, %d polls; four processes %.3f s, %d polls, %.2f scripts a poll")
    :format(round, one.delay, one.polls, four.delay, four.polls, four.calls / four.polls))
end
print(("from end to knowing, medians: alone %.3f s, together %.3f s, ratio %.3f"):format(
  median(alone), median(together), median(ratios)))
local times = take_over()
print(("from the owner's death to another's first poll, lease %g s: %s s"):format(LEASE,
  ("%.2f, %.2f, %.2f"):format(times[1], times[2], times[3])))
