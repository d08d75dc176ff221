-- SPDX-License-Identifier: MIT
--[[
Waiting for many tasks at once, from any mix of clients, with one coroutine. Each task gets a waiter
as if it were waited for alone; the group sleeps, and a waiter that is woken wakes the group.
]]
local core = require "taskqueue.core"
local engine = require "taskqueue.engine"
local wait = require "taskqueue.wait"

local many = {}

local member_methods = {}
local member_mt = { __index = member_methods }

-- A watch woke this task's waiter: the group looks at it when its turn comes.
function member_methods:wake()
  if self.is_noted then return end
  self.is_noted = true
  local group = self.group
  group.last = group.last + 1
  group.noted[group.last] = self
  group.sleeper:wake()
end

-- A handle that stands twice in the list is waited for twice, and the polls are shared.
local function new_group(tasks, checked)
  local group = {
    sleeper = engine.sleeper(), members = {}, count = 0, noted = {}, first = 1, last = 0,
    deadline = core.now() + checked.timeout,
  }
  for i, task in ipairs(tasks) do
    local member = setmetatable({ group = group, index = i, task = task }, member_mt)
    group.members[member] = true
    group.count = group.count + 1
    wait.begin(task, checked, member)
    member.deadline = group.deadline
    -- Its first turn: it may have ended already.
    member:wake()
  end
  return group
end

local function leave(group, member)
  if not group.members[member] then return end
  group.members[member] = nil
  group.count = group.count - 1
  wait.finish(member)
end

-- Leaves every task that is still waited for.
local function close(group)
  if group.count == 0 then return end
  for member in pairs(group.members) do wait.finish(member) end
  group.members, group.count = {}, 0
end

local function next_noted(group)
  while group.first <= group.last do
    local member = group.noted[group.first]
    group.noted[group.first] = nil
    group.first = group.first + 1
    member.is_noted = false
    if group.members[member] then return member end
  end
end

-- Deadlines and stalls come without news: every member is looked at when one of them is due.
local function earliest(group)
  local time = group.deadline
  for member in pairs(group.members) do time = math.min(time, wait.stall_time(member)) end
  return time
end

local function note_due(group)
  local now = core.now()
  if now < group.deadline and not group.stalls then return end
  for member in pairs(group.members) do
    if now >= group.deadline or now >= wait.stall_time(member) then member:wake() end
  end
end

--[[
The next task that has ended, with its outcome, or nil when none is left. An error in on_progress
ends the waits of the whole group and is raised.
]]
local function take(group)
  local function settle(member, ok, is_over, ...)
    if not ok then
      close(group)
      error((is_over), 0)
    elseif is_over then
      leave(group, member)
      return member, ...
    end
  end
  while group.count > 0 do
    local member = next_noted(group)
    if member then
      local ended, status, message, kind, detail =
        settle(member, pcall(wait.turn, member.task, member))
      if ended then return ended, status, message, kind, detail end
    else
      engine.park(group.sleeper, group.stalls and earliest(group) or group.deadline)
      note_due(group)
    end
  end
end

local function begin(tasks, checked)
  local group = new_group(tasks, checked)
  group.stalls = checked.stall_timeout < math.huge
  return group
end

--- Waits for all tasks.
-- @tparam table tasks a list of handles
-- @tparam table checked options; the timeout covers the whole
-- @treturn table `{ task =, status =, message =, kind =, detail = }` in the given order
function many.all(tasks, checked)
  local group, results = begin(tasks, checked), {}
  local member, status, message, kind, detail = take(group)
  while member do
    results[member.index] = {
      task = member.task, status = status, message = message, kind = kind, detail = detail,
    }
    member, status, message, kind, detail = take(group)
  end
  return results
end

--- Waits for the first of several tasks to end, however it ends.
-- @treturn[1] task
-- @treturn[1] ?table its status, nil when it did not succeed
-- @treturn[1] ?string message
-- @treturn[1] ?string kind
-- @treturn[1] ?table detail
-- @treturn[2] nil when there are no tasks
function many.any(tasks, checked)
  local group = begin(tasks, checked)
  local member, status, message, kind, detail = take(group)
  close(group)
  if member then return member.task, status, message, kind, detail end
end

-- Something that calls a function when its scope is left, on Lua 5.4, and after it was collected:
-- not in the finalizer itself, which may run in the middle of anything.
local function new_guard(fn)
  local function collected() engine.later(fn) end
  if not newproxy then return setmetatable({}, { __gc = collected, __close = fn }) end
  local guard = newproxy(true)
  getmetatable(guard).__gc = collected
  return guard
end

--- Iterates over tasks in the order of their ends. Leaving the loop early ends the waits that are
-- left: at once on Lua 5.4, with the next collection of garbage on LuaJIT.
-- @treturn function giving task, status, message, kind, detail
-- @treturn nil
-- @treturn nil
-- @return what ends the waits
function many.as_completed(tasks, checked)
  local group
  local guard = new_guard(function()
    if group then close(group) end
  end)
  local function next_ended()
    group = group or begin(tasks, checked)
    local member, status, message, kind, detail = take(group)
    if member then return member.task, status, message, kind, detail end
    -- Until here the iterator is what keeps the guard.
    guard = nil
  end
  return next_ended, nil, nil, guard
end

return many
