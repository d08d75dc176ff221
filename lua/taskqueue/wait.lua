-- SPDX-License-Identifier: MIT
-- Waiting for one task: deadlines, progress, and what the caller is told in the end.
local builtin = require "taskqueue.loop.builtin"
local core = require "taskqueue.core"
local engine = require "taskqueue.engine"
local events = require "taskqueue.events"
local failure = require "taskqueue.failure"
local loops = require "taskqueue.loop"
local options = require "taskqueue.options"
local new_task = require("taskqueue.task").new
local watch = require "taskqueue.watch"

local aside, resumed = core.aside, builtin.resumed
local isyieldable, running = builtin.isyieldable, coroutine.running
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
  detail.attempts = waiter.watch:polls() - waiter.polls_before
  return failure.values(failure.new(reason.kind, reason.message, detail))
end

local function timed_out(waiter, status)
  local cause = waiter.watch:last_failure()
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

--- When a wait may have stalled: counted from the last change, or from its begin before that.
function wait.stall_time(waiter)
  if not waiter.watch or waiter.options.stall_timeout == huge then return huge end
  local changed = math.max(waiter.watch:changed() or 0, waiter.began)
  return math.max(changed + waiter.options.stall_timeout, waiter.next_stall_check or 0)
end

-- A task is known to stand still only by a look that came late enough to tell. One is asked for, no
-- closer to the last than the interval; and a poll that failed is repeated in its own time.
local function has_stalled(waiter, now)
  if now < wait.stall_time(waiter) then return false end
  local native, span = waiter.watch, waiter.options.stall_timeout
  local read_at = native:read_at()
  local changed = math.max(native:changed() or 0, waiter.began)
  if read_at and read_at >= changed + span then return true end
  waiter.next_stall_check = now + math.min(span / 4, 1)
  if not waiter.watch:last_failure() then
    native:hasten(math.max(now, (read_at or now) + native:interval()))
  end
  return false
end

-- Tells what is new, if anything is.
local function tell(task, waiter)
  local native = waiter.watch
  local changed = native:changed()
  if not changed or changed == waiter.told then return false end
  waiter.told = changed
  task.status, task.read_at = native:status(), native:read_at()
  if waiter.options.on_progress then waiter.options.on_progress(task.status) end
  return true
end

-- on_progress may wait itself, and something may change meanwhile; but it does not hold up the end
-- of the wait, whatever it is.
local function tell_all(task, waiter)
  while tell(task, waiter) do
    local is_over = waiter.outcome or core.now() >= waiter.deadline
    if is_over and not waiter.watch:status().done then return end
  end
end

-- The end of the task comes before everything else: what is known is never reported as unknown.
local function turn(task, waiter)
  if not waiter.watch then
    local is_known = task.status and task.status.done
    if is_known then return true, outcome_of(task, task.status, 0) end
    return true, failure.closed(task)
  end
  tell_all(task, waiter)
  local native = waiter.watch
  local status = waiter.told and task.status or nil
  if status and status.done then
    return true, outcome_of(task, status, native:polls() - waiter.polls_before)
  elseif waiter.outcome then
    return true, failed(waiter, waiter.outcome, status or task.status)
  end
  local now = core.now()
  if now >= waiter.deadline then return true, timed_out(waiter, status) end
  if has_stalled(waiter, now) then return true, stalled(waiter, status) end
  return false
end

local function pass_on(waiter, is_over, ...)
  if is_over then events.tell_done(waiter, ...) end
  return is_over, ...
end

--- One turn of a wait: tells progress, then gives true and the outcome if it is over, else false.
function wait.turn(waiter)
  return pass_on(waiter, turn(waiter.task, waiter))
end

--- When a wait has to be looked at again, whatever it hears until then.
function wait.next_turn(waiter)
  return math.min(waiter.deadline, wait.stall_time(waiter))
end

-- What most waiters have alike, and the members of a group among them, is in their metatables.
local function set(waiter, name, value)
  if waiter[name] ~= value then waiter[name] = value end
end

local function join(task, waiter)
  waiter.watch = watch.of(task)
  set(waiter, "polls_before", waiter.watch:polls())
  set(waiter, "was_seen", task.status ~= nil)
  waiter.outcome = waiter.watch:hopeless(waiter)
  if not waiter.outcome then watch.join(waiter.watch, waiter) end
end

--- Lets a waiter join those who wait for its task, unless that has ended or its client is closed.
-- @tparam table task
-- @tparam table checked options of this wait, complete
-- @tparam table waiter has a method `wake`, and a `deadline` where that is not the option's; gets
-- what the wait needs
function wait.begin(task, checked, waiter)
  local now = core.now()
  waiter.task = task
  set(waiter, "began", now)
  set(waiter, "options", checked)
  set(waiter, "deadline", waiter.deadline or now + checked.timeout)
  if (task.status and task.status.done) or task.client:is_closed() then return end
  if not task.client:unless_closed(join, task, waiter) then waiter.watch = nil end
end

local function join_group(task, group, place)
  local joined = watch.of(task, group)
  if joined:hopeless(group) then return false end
  watch.join_group(joined, place)
  return true
end

--- Begins a wait that is no more than a place in a group, if there is nothing to be known of its
-- task yet and nobody else waits for it.
-- @tparam table task
-- @tparam table group has `options` and a `deadline`
-- @tparam number place
-- @treturn boolean whether it is so
function wait.begin_plain(task, group, place)
  local client = task.client
  if task.status or client.budget.share or client.watches[task.id] or client:is_closed() then
    return false
  end
  local ok, has_joined = client:unless_closed(join_group, task, group, place)
  if ok then return has_joined end
  -- Its client was closed just now; the wait has ended with it, or not even begun.
  local joined = client.watches[task.id]
  if joined then joined:set_place(0) end
  return group.members[place] ~= task
end

--- Lets a waiter leave, whatever became of it. What was learned of a task that goes on stays with
-- its handle.
function wait.finish(waiter)
  local task = waiter.task
  local joined = waiter.watch
  if not joined then return end
  -- This takes no memory, and the other does.
  joined:leave(waiter)
  if not (task.status and task.status.done) then task:learn(joined) end
end

function engine.give_up(sleeper)
  if sleeper.is_waiting then wait.finish(sleeper) end
end

-- There may be very many coroutines that wait: a waiter has few fields of its own.
local function waiter_type(was_seen)
  return engine.sleeper_type { polls_before = 0, was_seen = was_seen, failures_before = 0 }
end

local new_mt, seen_mt = waiter_type(false), waiter_type(true)

local function new_waiter(task)
  return engine.sleeper(nil, task.status and seen_mt or new_mt)
end

-- Is there nothing to be told yet, and time to wait for it?
local function is_quiet(waiter)
  local joined = waiter.watch
  return joined and not waiter.outcome and not joined:changed() and core.now() < waiter.deadline
end

-- Begins the wait of a coroutine of the built-in loop, called aside; nil where others have to be
-- told of it, who might want to wait. The second result says whether the coroutine has to yield.
local function begin_aside(task, checked)
  if task.client.budget.share or loops.can_drop() then return nil end
  local waiter = new_waiter(task)
  wait.begin(task, checked, waiter)
  if not is_quiet(waiter) then return waiter, false end
  local ok, problem = pcall(engine.prepare_to_park, waiter, wait)
  if ok then return waiter, true end
  wait.finish(waiter)
  error(problem, 0)
end

local function go_on(waiter, is_parked, guard)
  if is_parked then return engine.follow_parked(waiter, wait) end
  -- Told at once that it is hopeless: a script that tries again lets others have their turns.
  if waiter.outcome then engine.sleep(0) end
  return engine.follow(waiter, wait, guard)
end

--- Waits until a task has ended. What waits in a coroutine of the built-in loop takes little as
-- long as its stack has not grown: nothing is called there that calls something else.
-- @tparam table task
-- @tparam table checked options of this wait, complete
-- @tparam[opt] table waiter a sleeper, for whoever may end the wait by its `outcome`
-- @treturn[1] table the final status of a task that succeeded
-- @treturn[2] nil
-- @treturn[2] string message
-- @treturn[2] string kind
-- @treturn[2] table detail
function wait.until_done(task, checked, waiter)
  if not waiter and running() == resumed() and isyieldable() then
    local ok, begun, is_parked = aside(begin_aside, task, checked)
    if ok and begun then return go_on(begun, is_parked) end
  end
  waiter = waiter or new_waiter(task)
  local guard = engine.guard(waiter)
  wait.begin(task, checked, waiter)
  return go_on(waiter, false, guard)
end

local defaults = options.check("wait", nil, wait.options)
local options_mt = { __index = defaults }

-- The last of these, as long as somebody has it: many waits in turn have the same.
local latest = setmetatable({}, { __mode = "v" })

local function is_same(checked, other)
  if not other then return false end
  for name in pairs(wait.options) do
    if checked[name] ~= other[name] then return false end
  end
  return true
end

--- Checks the options of a wait.
-- @treturn table them all, not to be changed; those that are the default take no memory
function wait.check(what, given, level)
  local checked = options.check(what, given, wait.options, (level or 2) + 1)
  local own = latest.options
  if is_same(checked, own) then return own end
  own = setmetatable({}, options_mt)
  for name, value in pairs(checked) do
    if value ~= defaults[name] then own[name] = value end
  end
  latest.options = own
  return own
end

local METHOD = "wait_until_done"

--- Waits for a method that has this name and calls this in its last line: what is wrong with what
-- it was given blames its caller, and is therefore found once more when it was found aside.
-- @tparam table task
-- @tparam ?table given options
-- @return as `until_done`
function wait.of_task(task, given)
  local ok, checked = aside(wait.check, METHOD, given)
  if not ok then checked = wait.check(METHOD, given) end
  return wait.until_done(task, checked)
end

local function check_new(client, id, given)
  return wait.check(METHOD, given), new_task(client, id)
end

--- The same for a task of which there is only the id yet.
function wait.of_id(client, id, given)
  local ok, checked, task = aside(check_new, client, id, given)
  if not ok then checked, task = wait.check(METHOD, given), new_task(client, id) end
  return wait.until_done(task, checked)
end

return wait
