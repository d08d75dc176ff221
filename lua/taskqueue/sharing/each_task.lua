-- SPDX-License-Identifier: MIT
--[[
A budget without a rate, in this process: nothing has to be kept between its tasks, so that each of
them is a unit of its own, and whoever waits for a task first polls it. Single looks go their own
way. The `head` is a unit as well, without tasks: its owner watches what belongs to no process.
]]
local budgets = require "taskqueue.budgets"
local core = require "taskqueue.core"
local new_unit = require "taskqueue.sharing.unit"

local methods = {}
local mt = { __name = "taskqueue.sharing.each_task", __index = methods }

local function new_lane()
  return core.lane(math.huge, 1)
end

-- The unit of a task begins with what the budget's tasks have taught.
local function unit_of(self, id)
  local unit = self.units[id]
  if unit then return unit end
  local name = core.keyed_name(self.name, id)
  unit = new_unit(self.sharing, self.budget, name, { lane = new_lane(), id = id })
  unit.lane:restore_history(self.budget.lane:history())
  self.units[id], self.sharing.units[name] = unit, unit
  return unit
end

--- The lane in which a task's watch is polled.
function methods:lane_of(id)
  return unit_of(self, id).lane
end

function methods:is_owner(watch)
  return unit_of(self, watch.id):is_owner()
end

for _, name in ipairs { "settle", "drop", "read", "failed" } do
  methods[name] = function(self, watch)
    local unit = unit_of(self, watch.id)
    return unit[name](unit, watch)
  end
end

function methods.look() end

function methods.looked() end

function methods.pushed_back() end

function methods:attend()
  self.head:attend()
end

function methods:serve(is_serving)
  self.head:serve(is_serving)
end

--- Adds what the units of the tasks are to the numbers of their budget.
function methods:add_stats(stats)
  stats.owned, stats.heard = 0, 0
  for _, unit in pairs(self.units) do
    local one = unit:stats()
    stats.waits, stats.guests = stats.waits + one.waits, stats.guests + one.guests
    if one.role == "owner" then stats.owned = stats.owned + 1 end
    if one.role == "listener" then stats.heard = stats.heard + 1 end
  end
end

--- Units that take no part any more are forgotten.
function methods:sweep()
  for _, id in ipairs(budgets.sorted_keys(self.units)) do
    local unit = self.units[id]
    if unit.role == "idle" and not unit:is_used() then
      self.units[id], self.sharing.units[unit.name] = nil, nil
    end
  end
end

--- Shares a budget without a rate.
return function(sharing, budget, name)
  local self = setmetatable({
    sharing = sharing, budget = budget, name = name, units = {}, role = "by task",
    head = new_unit(sharing, budget, name, { lane = new_lane() }),
  }, mt)
  self.head.has_own_lodgers = true
  sharing.units[name] = self.head
  return self
end
