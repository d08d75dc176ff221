-- SPDX-License-Identifier: MIT
--[[
Who is told of what happens to tasks. Whoever tells asks `heard` first, so that an event that nobody
listens to costs one look into a table. A listener that raises disturbs nobody: its error goes to
the listeners of "error", or to the standard error output.
]]
local builtin = require "taskqueue.loop.builtin"
local core = require "taskqueue.core"
local heard = require "taskqueue.heard"
local options = require "taskqueue.options"

local events = {}

--- What can be listened to.
events.names = { "poll", "retry", "throttle", "state", "done", "sharing", "error" }

local function is_known(event)
  for _, name in ipairs(events.names) do
    if name == event then return true end
  end
  return false
end

-- The list is copied, so that a listener may come or go while listeners are told.
local function changed_list(event, fn, is_added)
  local list = {}
  for _, listener in ipairs(heard[event] or {}) do
    if is_added or listener.fn ~= fn then list[#list + 1] = listener end
  end
  if is_added then list[#list + 1] = { fn = fn } end
  heard[event] = list[1] and list or nil
end

--- Adds a listener; one that listens already is added a second time.
-- @treturn function ends the listening
function events.on(event, fn)
  if not is_known(event) then
    error(("on: no event '%s'; there are %s"):format(tostring(event),
      table.concat(events.names, ", ")), 3)
  elseif not options.is_callable(fn) then
    error("on: the second argument must be a function", 3)
  end
  -- A function of its own for each listening, so that each ends by itself.
  local function listener(record) fn(record) end
  changed_list(event, listener, true)
  return function() changed_list(event, listener, false) end
end

local emit

local function report(event, message)
  if event ~= "error" and heard.error then
    emit("error", { event = "error", of = event, message = tostring(message) })
  else
    io.stderr:write(("taskqueue: a listener of '%s' failed: %s\n"):format(event, tostring(message)))
  end
end

function emit(event, record)
  for _, listener in ipairs(heard[event]) do
    local ok, message = pcall(listener.fn, record)
    if not ok then
      if builtin.is_interrupt(message) then error(message, 0) end
      report(event, message)
    end
  end
end

--- Tells of an error that is nobody's outcome.
-- @tparam string of what it happened in
-- @tparam string message
function events.tell_error(of, message)
  if heard.error then
    emit("error", { event = "error", of = of, message = tostring(message) })
  else
    io.stderr:write(("taskqueue: %s: %s\n"):format(of, tostring(message)))
  end
end

--- Calls a function whose errors are nobody's outcome.
-- @tparam string of what they happen in
-- @tparam function fn
-- @param ... its arguments
function events.guard(of, fn, ...)
  local ok, message = pcall(fn, ...)
  if ok then return end
  if builtin.is_interrupt(message) then error(message, 0) end
  events.tell_error(of, message)
end

--- Tells the listeners of an event, if there are any.
-- @tparam string event
-- @tparam table client whose task it is about
-- @tparam string id of the task
-- @tparam table record what else there is to tell; gets `event`, `id`, `service` and `url`
function events.tell(event, client, id, record)
  if not heard[event] then return end
  record.event, record.id = event, id
  record.service, record.url = client.service, client.url
  emit(event, record)
end

--- Tells of a poll that was read, and of the state if that is another than it was.
-- @tparam table client
-- @tparam string id
-- @tparam table status
-- @tparam ?string from the state before
function events.tell_reading(client, id, status, from)
  if heard.poll then events.tell("poll", client, id, { ok = true, status = status }) end
  if heard.state and status.state ~= from then
    events.tell("state", client, id, { from = from, to = status.state, status = status })
  end
end

--- Which news a watch has to hear of, however little its waiters want: the others stay in C.
function events.least_news()
  return heard.poll and "every" or heard.state and "change" or "end"
end

--- Tells what a watch has just read.
function events.tell_news(watch)
  if not heard.poll and not heard.state then return end
  local status = watch:status()
  events.tell_reading(watch.client, watch.id, status, watch.state)
  watch.state = status.state
end

--- Tells that a watch will repeat its failed poll after so many seconds.
function events.tell_retry(watch, delay)
  if not heard.retry then return end
  local failed = watch.failure
  events.tell("retry", watch.client, watch.id, {
    delay = delay, failures = watch.failures, message = failed.message, kind = failed.kind,
  })
end

--- Tells that a wait is over, with what it gives.
function events.tell_done(waiter, status, message, kind, detail)
  if not heard.done then return end
  events.tell("done", waiter.task.client, waiter.task.id, {
    ok = status ~= nil, status = status or detail.status, message = message, kind = kind,
    attempts = detail and detail.attempts, seconds = core.now() - waiter.began,
  })
end

--- Tells what this process has become for a budget that it shares with others.
-- @tparam table budget
-- @tparam string from
-- @tparam string to "owner", "listener", "away" or "idle"
-- @tparam ?string why
function events.tell_role(budget, from, to, why)
  if not heard.sharing then return end
  emit("sharing", {
    event = "sharing", url = budget.url, method = budget.method, from = from, to = to, why = why,
  })
end

--- Tells of a poll that told no status.
-- @tparam table client
-- @tparam string id
-- @tparam table failed the failure
function events.tell_failure(client, id, failed)
  if not heard.poll then return end
  events.tell("poll", client, id, {
    ok = false, message = failed.message, kind = failed.kind, detail = failed.detail,
  })
end

--- Tells that the service found a poll too frequent.
-- @tparam table client
-- @tparam string id
-- @tparam table failed the failure
-- @tparam ?number retry_after seconds, as the service said
function events.tell_throttle(client, id, failed, retry_after)
  if not heard.throttle then return end
  events.tell("throttle", client, id, {
    message = failed.message, retry_after = retry_after, next_slot = client.lane:stats().next_slot,
  })
end

return events
