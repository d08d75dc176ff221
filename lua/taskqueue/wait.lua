-- SPDX-License-Identifier: MIT
-- Waiting for one task: deadlines, progress, and what the caller is told in the end.
local core = require "taskqueue.core"
local engine = require "taskqueue.engine"
local failure = require "taskqueue.failure"
local options = require "taskqueue.options"
local watch = require "taskqueue.watch"

local kind = failure.kind
local huge = math.huge

local wait = {}

--- The options of a wait, as `docs/waiting.md` explains them.
wait.options = {
  timeout = { is = "span", default = 900 },
  on_progress = { is = "function" },
  first_delay = { is = "span", default = 0 },
  interval = { is = "span", default = 0 },
  not_found_grace = { is = "span", default = 0 },
  stall_timeout = { is = "positive span", default = huge },
  max_poll_errors = { is = "count", default = 10 },
}

-- The end of a task, as the caller sees it.
local function outcome_of(task, status, attempts)
  if status.ok then return status end
  local detail = { status = status, code = status.code, attempts = attempts }
  local message = ("task %s: %s"):format(task.id, task.client:explain_end(status))
  return failure.values(failure.new(kind.FAILED, message, detail))
end

local function failed(waiter, reason, status)
  local detail = {}
  for name, value in pairs(reason.detail) do detail[name] = value end
  detail.status = status
  detail.attempts = waiter.watch.native:polls() - waiter.polls_before
  return failure.values(failure.new(reason.kind, reason.message, detail))
end

local function closed(task)
  return failure.values(failure.new(kind.CLOSED, ("task %s: the client is closed"):format(task.id),
    { status = task.status, attempts = 0 }))
end

local function timed_out(waiter, status)
  local cause = waiter.watch.failure
  local detail = cause and {
    cause = { message = cause.message, kind = cause.kind, detail = cause.detail },
  }
  return failed(waiter, failure.new(kind.TIMEOUT, "timeout", detail), status)
end

local function stalled(waiter, status)
  local message = ("task %s: no change for %g seconds, last state %s"):format(
    waiter.watch.id, waiter.options.stall_timeout, status and status.state or "unknown")
  return failed(waiter, failure.new(kind.STALLED, message), status)
end

--- When a wait stalls: counted from the last change, or from its begin before the first one.
function wait.stall_time(waiter)
  if not waiter.watch then return huge end
  local changed = math.max(waiter.watch.native:changed() or 0, waiter.began)
  return changed + waiter.options.stall_timeout
end

--[[
One turn of a wait: tells progress, then gives true and the outcome if it is over, else false. The
end of the task comes before everything else: what is known is never reported as unknown.
]]
function wait.turn(task, waiter)
  if not waiter.watch then
    local is_known = task.status and task.status.done
    if is_known then return true, outcome_of(task, task.status, 0) end
    return true, closed(task)
  end
  local native = waiter.watch.native
  local changed = native:changed()
  local status = changed and native:status()
  if status and changed ~= waiter.told then
    waiter.told = changed
    task.status = status
    if waiter.options.on_progress then waiter.options.on_progress(status) end
  end
  if status and status.done then
    return true, outcome_of(task, status, native:polls() - waiter.polls_before)
  elseif waiter.outcome then
    return true, failed(waiter, waiter.outcome, status or nil)
  end
  local now = core.now()
  if now >= waiter.deadline then return true, timed_out(waiter, status or nil) end
  if now >= wait.stall_time(waiter) then return true, stalled(waiter, status or nil) end
  return false
end

local function follow(task, waiter)
  local function finish(is_over, ...)
    if is_over then return true, ... end
    engine.park(waiter, math.min(waiter.deadline, wait.stall_time(waiter)))
    return false
  end
  local function loop(is_over, ...)
    if is_over then return ... end
    return loop(finish(wait.turn(task, waiter)))
  end
  return loop(finish(wait.turn(task, waiter)))
end

--- Lets a waiter join those who wait for its task, unless that has ended or its client is closed.
-- @tparam table task
-- @tparam table checked options of this wait, complete
-- @tparam table waiter has a method `wake`, gets what the wait needs
function wait.begin(task, checked, waiter)
  local now = core.now()
  waiter.options, waiter.began, waiter.deadline = checked, now, now + checked.timeout
  if (task.status and task.status.done) or task.client:is_closed() then return end
  waiter.watch = watch.of(task.client, task.id)
  waiter.polls_before = waiter.watch.native:polls()
  watch.join(waiter.watch, waiter)
end

--- Lets a waiter leave, whatever became of it.
function wait.finish(waiter)
  if waiter.watch then waiter.watch:leave(waiter) end
end

local function leave(waiter, ok, ...)
  wait.finish(waiter)
  if not ok then error((...), 0) end
  return ...
end

--- Waits until a task has ended.
-- @tparam table task
-- @tparam table checked options of this wait, complete
-- @treturn[1] table the final status of a task that succeeded
-- @treturn[2] nil
-- @treturn[2] string message
-- @treturn[2] string kind
-- @treturn[2] table detail
function wait.until_done(task, checked)
  local waiter = engine.sleeper()
  wait.begin(task, checked, waiter)
  return leave(waiter, pcall(follow, task, waiter))
end

--- Looks at a task once, in its turn under the budget, without a retry.
-- @tparam table task
-- @tparam[opt] string request what else the poll says, encoded
-- @treturn[1] table status
-- @treturn[2] nil, message, kind, detail
function wait.look(task, request)
  local client = task.client
  local look = engine.sleeper()
  if client:is_closed() then return closed(task) end
  function look:read()
    self.status = self.native:status()
    self:wake()
  end
  function look:unread()
    local reply = self.native:reply()
    self.outcome = client:read_failure(reply, task.id)
    if self.outcome.kind == kind.THROTTLED then
      client.lane:refuse(reply.sent or core.now(), reply.retry_after)
    end
    self:wake()
  end
  look.native = core.watch(client.native, client.lane, task.id, look, request)
  look.native:tell("every")
  look.native:schedule(core.now())
  client.pending[look] = true
  engine.park(look, huge)
  client.pending[look] = nil
  look.native:stop()
  if not look.status then
    look.outcome.detail.attempts = 1
    look.outcome.detail.status = task.status
    return failure.values(look.outcome)
  end
  task.status = look.status
  return look.status
end

--- Checks the options of a wait.
function wait.check(what, given, level)
  -- In parentheses: a tail call would leave this function out of the levels.
  return (options.check(what, given, wait.options, (level or 2) + 1))
end

return wait
