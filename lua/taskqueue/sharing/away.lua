-- SPDX-License-Identifier: MIT
-- What a process does with a shared budget while the store is out of reach: it polls its own tasks
-- at a share of the rate, or ends its waits.
local budgets = require "taskqueue.budgets"
local core = require "taskqueue.core"
local failure = require "taskqueue.failure"

local away = {}

--- Something that was asked of the store went wrong, or it is down.
function away.note_trouble(unit, problem)
  unit.problem = problem
  unit.trouble_since = unit.trouble_since or core.now()
end

function away.note_contact(unit, asked)
  unit.problem, unit.trouble_since, unit.contact = nil, nil, asked
end

--- Has the store been out of reach for so long that every lease has run out? A process that was
-- stopped for a while cannot know; it has seen no trouble.
function away.is_out_of_reach(unit, now)
  local since = unit.trouble_since
  return unit.role == "listener" and since ~= nil and now - since > unit.store.lease
end

local function closed_failure(_, id)
  return failure.new(failure.kind.CLOSED, ("task %s: the fleet was closed"):format(id))
end

local function away_failure(unit, id)
  return failure.new(failure.kind.NETWORK,
    ("task %s: %s cannot be reached: %s"):format(id, unit.store.name, unit.problem or "no answer"))
end

--- Ends the waits and looks of this process, because the store is away or the fleet is closed.
function away.end_waits(unit)
  local failure_of = unit.sharing.is_closed and closed_failure or away_failure
  for watch in pairs(unit.mine) do watch:hear_failure(failure_of(unit, watch.id)) end
  for look in pairs(unit.looks) do look:fail(failure_of(unit, look.task.id)) end
end

--- Do waits end that begin now?
function away.ends_waits(unit)
  return unit.sharing.is_closed or (unit.role == "away" and unit.sharing.when_away == "fail")
end

-- Alone, the process takes a share of the rate that all of them can take at once.
local function set_part(unit, part)
  unit.budget.part = part
  budgets.settle_rate(unit.budget)
end

function away.begin(unit)
  unit:become("away", unit.problem or "no answer")
  if away.ends_waits(unit) then return away.end_waits(unit) end
  set_part(unit, 1 / math.max(1, unit.sharing.members))
  -- Each at a moment of its own within the slower pace.
  unit.lane:hold_until(core.now() + unit:interval() * math.random())
  unit:move_fence(math.huge)
end

function away.finish(unit)
  if unit.role ~= "away" then return end
  set_part(unit, nil)
  unit:move_fence(0)
  unit:become("listener", "the store is back")
  unit.was_away = true
end

return away
