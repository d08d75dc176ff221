-- SPDX-License-Identifier: MIT
--[[
Waits that belong to the fleet and to no process: Redis keeps them by budget, the owner watches
their tasks beside all others, and writes each end into a stream, once.
]]
local budgets = require "taskqueue.budgets"
local cjson = require "cjson"
local core = require "taskqueue.core"
local failure = require "taskqueue.failure"
local later = require "taskqueue.sharing.later"
local message = require "taskqueue.sharing.message"
local plain = require "taskqueue.plain"
local watches = require "taskqueue.watch"

local json = cjson.new()
local huge = math.huge

local waits = {}

local methods = {}
local mt = { __index = methods }

local function leave(self, entry)
  if self.by_id[entry.id] ~= entry then return end
  self.by_id[entry.id] = nil
  entry.watch:leave(entry)
end

-- How a wait has ended, as whoever consumes it is told.
local function outcome_of(entry)
  local client, status = entry.watch.client, entry.watch:status()
  if status and status.done then
    local outcome = { status = plain(status) }
    if not status.ok then
      outcome.kind = failure.kind.FAILED
      outcome.message = ("task %s: %s"):format(entry.id, client:explain_end(status))
    end
    return outcome
  end
  local failed = entry.outcome
  return failed and { status = status and plain(status), kind = failed.kind,
    message = failed.message }
end

-- Until Redis has it, the end is told again and again: the entry stays.
local function complete(self, entry, outcome)
  if entry.is_completing then return end
  entry.is_completing = true
  local unit = self.unit
  local client = entry.watch.client
  outcome.id, outcome.unit, outcome.data = entry.id, unit.name, entry.want.data
  outcome.url, outcome.service = client.url, client.service
  self.store:complete_wait(unit.name, entry.id, json.encode(outcome), function(reply, problem)
    entry.is_completing = false
    if not problem then leave(self, entry) end
  end)
end

local function check(self, entry)
  if self.by_id[entry.id] ~= entry then return end
  if entry.outcome and entry.outcome.kind == failure.kind.CLOSED then
    leave(self, entry)
    return self:take(entry.id, entry.want)
  end
  local outcome = outcome_of(entry)
  if outcome then complete(self, entry, outcome) end
end

-- A waiter of the task's watch, as the waits of this process are.
local function new_entry(self, id, want, watch)
  local function span(value, default)
    return type(value) == "number" and value >= 0 and value or default
  end
  local entry = {
    id = id, want = want, watch = watch, failures_before = 0, was_seen = false,
    is_guest = not self.unit.has_own_lodgers,
    deadline = core.now() + span(want.left, huge),
    options = {
      interval = span(want.interval, 0), first_delay = 0, max_poll_errors = huge,
      not_found_grace = span(want.not_found_grace, 0),
    },
  }
  function entry.wake()
    later.soon(function() check(self, entry) end)
  end
  return entry
end

--- Takes up one wait, as it was written down.
function methods:take(id, want, last, age)
  if self.by_id[id] or type(want) ~= "table" then return end
  local client = budgets.clients_of(self.unit.budget)[1]
  if not client then return end
  local task = client:task(id)
  task.born = core.now() - math.max(0, math.min(tonumber(want.born) or 0, 1e9))
  task.knows_birth = want.knows_birth == true
  local entry = new_entry(self, id, want, watches.of(task))
  self.by_id[id] = entry
  watches.join(entry.watch, entry)
  if last then pcall(self.unit.hear, self.unit, last, age) end
  if entry.watch:changed() then entry.wake() end
end

--- Asks Redis for all waits of the budget.
function methods:take_all()
  self.store:list_waits(self.unit.name, function(list)
    if not list or not self.unit:is_owner() then return end
    for _, one in ipairs(list) do
      local want = message.decode(one.text)
      if want then
        want.left, want.born = one.left, one.age
        self:take(one.id, want, one.last and message.decode(one.last), one.last_age)
      end
    end
  end)
end

--- Time has passed: some have waited for long enough, and some ends may not have reached Redis.
function methods:tick(now)
  for _, id in ipairs(budgets.sorted_keys(self.by_id)) do
    local entry = self.by_id[id]
    if now >= entry.deadline and not entry.outcome then
      entry.outcome = failure.new(failure.kind.TIMEOUT, "timeout")
    end
    check(self, entry)
  end
end

--- This process is not the owner any more.
function methods:clear()
  for _, id in ipairs(budgets.sorted_keys(self.by_id)) do leave(self, self.by_id[id]) end
end

function methods:is_empty()
  return next(self.by_id) == nil
end

--- The waits under one budget.
function waits.new(unit, store)
  return setmetatable({ unit = unit, store = store, by_id = {} }, mt)
end

return waits
