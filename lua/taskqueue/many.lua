-- SPDX-License-Identifier: MIT
--[[
Waiting for many tasks at once, from any mix of clients, with one coroutine. Each task gets a waiter
as if it were waited for alone; the group sleeps, and a waiter that is woken wakes the group. Where
it can the waiter is made only when its watch has something to tell it: a wait takes little then.
]]
local core = require "taskqueue.core"
local engine = require "taskqueue.engine"
local new_scope = require("taskqueue.guard").scope
local is_task = require("taskqueue.task").is_task
local options = require "taskqueue.options"
local wait = require "taskqueue.wait"
local waiters = require "taskqueue.waiters"

local many = {}

local member_methods = {}

local function note(group, index)
  -- In this order nothing has changed when there is no memory for it.
  group.noted[group.last + 1] = index
  group.last = group.last + 1
end

-- A watch woke this task's waiter: the group looks at it when its turn comes.
function member_methods:wake()
  local group = self.group
  if not self.is_noted then
    note(group, self.index)
    self.is_noted = true
  end
  group.sleeper:wake()
end

-- There may be a million members: each holds only what it does not share with the others.
local function member_metatable(group)
  return {
    __index = {
      wake = member_methods.wake, group = group, options = group.options, began = group.began,
      deadline = group.deadline, was_seen = false, is_noted = false, polls_before = 0,
      failures_before = 0,
    },
  }
end

-- A member that has been no more than its task so far, and is the only waiter of this watch. nil
-- when a finalizer, which may run while room is made for it, has had it made meanwhile.
local function new_member(group, index, watch)
  local member = setmetatable({
    task = false, index = index, watch = watch, is_waiting = true, is_noted = false,
  }, group.member_mt)
  if watch:place() == 0 then return nil end
  member.task = group.members[index]
  group.members[index] = member
  return member
end

local function new_group(checked)
  local now = core.now()
  local group = {
    sleeper = engine.sleeper(), noted = {}, first = 1, last = 0,
    -- Those who have not left, by their numbers, none of which is below the oldest's: a task as
    -- long as there was nothing to tell its member, then the member.
    members = {}, count = 0, oldest = 1, newest = 0,
    options = checked, began = now, deadline = now + checked.timeout,
    stalls = checked.stall_timeout < math.huge,
    -- Of watches, as `watch.lua` has it.
    commons = {},
  }
  group.member_mt = member_metatable(group)
  function group.new_member(index, watch) return new_member(group, index, watch) end
  return group
end

-- Who joins the watch of its task as a waiter of its own has its first turn at once: the task may
-- have ended already. A handle that is given twice is waited for twice, and the polls are shared.
local function join_as_waiter(group, task, index)
  local member = setmetatable({ task = task, index = index }, group.member_mt)
  group.members[index] = member
  wait.begin(task, group.options, member)
  member:wake()
end

local function add(group, task)
  local index = group.newest + 1
  group.newest = index
  group.count = group.count + 1
  group.members[index] = task
  if not (group.is_plain and wait.begin_plain(task, group, index)) then
    join_as_waiter(group, task, index)
  end
end

local close

-- The group as it is begun, given up when its coroutine is gone.
local function begin_group(checked)
  local group = new_group(checked)
  function group.sleeper.give_up() close(group) end
  return group
end

local function member_at(group, index)
  local member = group.members[index]
  if member == nil or member.index then return member end
  local watch = member.client.watches[member.id]
  return watch and waiters.first(watch)
end

local function each_index(group)
  local index = group.oldest - 1
  return function()
    repeat index = index + 1 until group.members[index] or index > group.newest
    return group.members[index] and index
  end
end

-- A growing set may go on for ever: nothing is kept of who has left.
local function leave(group, member)
  if not group.members[member.index] then return end
  group.members[member.index] = nil
  group.count = group.count - 1
  while group.oldest <= group.newest and not group.members[group.oldest] do
    group.oldest = group.oldest + 1
  end
  wait.finish(member)
end

-- Leaves every task that is still waited for. One that could not even be begun is nobody's.
function close(group)
  for index in each_index(group) do
    local member = member_at(group, index)
    if member then leave(group, member) end
  end
end

-- What is raised in the middle of a group's work ends the waits of the whole group.
local function guarded(group, fn, ...)
  local function pass(ok, ...)
    if ok then return ... end
    close(group)
    error((...), 0)
  end
  return pass(pcall(fn, ...))
end

local function add_all(group, tasks)
  for _, task in ipairs(tasks) do add(group, task) end
end

local function begin(tasks, checked)
  local group = begin_group(checked)
  -- All begin now, and there is nothing to be looked after before a watch has news or time is over.
  group.is_plain = not group.stalls
  guarded(group, add_all, group, tasks)
  return group
end

local function next_noted(group)
  while group.first <= group.last do
    local member = member_at(group, group.noted[group.first])
    group.noted[group.first] = nil
    group.first = group.first + 1
    if member then
      member.is_noted = false
      return member
    end
  end
end

-- Deadlines and stalls come without news: every member is looked at when one of them is due.
local function earliest_stall(group)
  local time = math.huge
  for index in each_index(group) do
    time = math.min(time, wait.stall_time(member_at(group, index)))
  end
  return time
end

local function note_due(group)
  local now = core.now()
  if now < group.deadline and not group.stalls then return end
  for index in each_index(group) do
    if now >= group.deadline then
      note(group, index)
    elseif now >= wait.stall_time(member_at(group, index)) then
      member_at(group, index):wake()
    end
  end
end

-- How often an iterator is asked for more while nothing happens.
local ASK_AGAIN = 1

-- Asks where the tasks come from for what is new there, while there is time to wait for it.
local function take_more(group)
  if not group.more then return end
  group.asked = core.now()
  while core.now() < group.deadline do
    local task = group.more()
    if task == nil then return end
    if not is_task(task) then error("as_completed: the function gave what is no task", 0) end
    add(group, task)
  end
end

local function sleep(group)
  local until_time = group.deadline
  if group.stalls then until_time = math.min(until_time, earliest_stall(group)) end
  if group.more then until_time = math.min(until_time, group.asked + ASK_AGAIN) end
  engine.park(group.sleeper, until_time)
  note_due(group)
end

local function settle(group, member, is_over, ...)
  if not is_over then return end
  leave(group, member)
  return member, ...
end

--[[
The next task that has ended, with its outcome, or nil when none is left. An error in on_progress
ends the waits of the whole group and is raised.
]]
local function take(group)
  guarded(group, take_more, group)
  while group.count > 0 do
    local member = next_noted(group)
    if member then
      local ended, status, message, kind, detail =
        settle(group, member, guarded(group, wait.turn, member))
      if ended then return ended, status, message, kind, detail end
    else
      sleep(group)
      guarded(group, take_more, group)
    end
  end
end

--- Waits for all tasks.
-- @tparam table tasks a list of handles
-- @tparam table checked options; the timeout covers the whole
-- @treturn table `{ task =, status =, message =, kind =, detail = }` in the given order
function many.all(tasks, checked)
  local group, results = begin(tasks, checked), {}
  local guard = engine.guard(group.sleeper)
  local member, status, message, kind, detail = take(group)
  while member do
    results[member.index] = {
      task = member.task, status = status, message = message, kind = kind, detail = detail,
    }
    member, status, message, kind, detail = take(group)
  end
  return results, guard
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

local function begin_growing(tasks, checked)
  if not options.is_callable(tasks) then return begin(tasks, checked) end
  local group = begin_group(checked)
  group.more = tasks
  return group
end

--- Iterates over tasks in the order of their ends. Leaving the loop early ends the waits that are
-- left: at once on Lua 5.4, with the next collection of garbage on LuaJIT.
-- @param tasks a list of handles, or a function that gives the next one
-- @treturn function giving task, status, message, kind, detail
-- @treturn nil
-- @treturn nil
-- @return what ends the waits
function many.as_completed(tasks, checked)
  local group
  local guard = new_scope(function()
    if group then close(group) end
  end)
  local function next_ended()
    group = group or begin_growing(tasks, checked)
    local member, status, message, kind, detail = take(group)
    if member then return member.task, status, message, kind, detail end
    -- Until here the iterator is what keeps the guard.
    guard = nil
  end
  return next_ended, nil, nil, guard
end

return many
