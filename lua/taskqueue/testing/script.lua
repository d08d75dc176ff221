-- SPDX-License-Identifier: MIT
-- What a scripted task does, as a function of the time since its begin. The time is an argument.
local options = require "taskqueue.options"

local script = {}

local huge = math.huge

local function is_curve(points)
  local last = 0
  for _, point in ipairs(points) do
    local at, percent = type(point) == "table" and point[1], type(point) == "table" and point[2]
    if not (options.is_span(at) and at >= last and at <= 1) then return false end
    if not (options.is_span(percent) and percent <= 100) then return false end
    last = at
  end
  return #points > 0
end

local function is_progress(value)
  return value == "linear" or value == "none" or options.is_callable(value)
    or (type(value) == "table" and is_curve(value))
end

local spec = {
  id = { is = "string" },
  service = { is = { "mobizon", "cnode" }, default = "mobizon" },
  delay = { is = "span", default = 0 },
  duration = { is = "span", default = 60 },
  outcome = { is = "string", default = "completed" },
}

local function is_outcome(service, value)
  return value == "completed" or value == "rejected" or value == "stuck"
    or (service == "cnode" and value:find("^FINISHED_[%u%d_]+$") ~= nil)
end

--- Checks the options of a task.
-- @tparam string what the function, for the error
-- @tparam ?table given
-- @treturn table complete
function script.check(what, given)
  local progress, rest = given and given.progress, {}
  for name, value in pairs(given or {}) do
    if name ~= "progress" then rest[name] = value end
  end
  local task = options.check(what, rest, spec, 3)
  task.progress = progress == nil and "linear" or progress
  if not is_progress(task.progress) then
    error(what .. [[: option 'progress' must be "linear", "none", a function of the seconds since ]]
      .. "its start, or a list of {fraction 0..1, percent 0..100} in order", 3)
  end
  if not is_outcome(task.service, task.outcome) then
    error(what .. [[: option 'outcome' must be "completed", "rejected" or "stuck"]], 3)
  end
  return task
end

local function on_curve(points, fraction)
  local f0, p0 = 0, 0
  for _, point in ipairs(points) do
    local f1, p1 = point[1], point[2]
    if fraction < f1 then return p0 + (p1 - p0) * (fraction - f0) / (f1 - f0) end
    f0, p0 = f1, p1
  end
  return fraction < 1 and p0 + (100 - p0) * (fraction - f0) / (1 - f0) or 100
end

local function percent(task, seconds)
  local fraction = task.duration > 0 and seconds / task.duration or 1
  local progress = task.progress
  if progress == "linear" then return 100 * fraction end
  if progress == "none" then return 0 end
  if type(progress) == "table" and not options.is_callable(progress) then
    return on_curve(progress, fraction)
  end
  return progress(seconds)
end

--- Seconds from the begin to the end; math.huge for a task that is stuck.
function script.length(task)
  return task.outcome == "stuck" and huge or task.delay + task.duration
end

--- Where a task stands.
-- @tparam table task
-- @tparam number elapsed seconds since its begin
-- @treturn string "waiting", "running", "completed", "rejected", or another outcome
-- @treturn number percent, a whole number
function script.at(task, elapsed)
  if elapsed < task.delay then return "waiting", 0 end
  if elapsed >= script.length(task) then return task.outcome, 100 end
  -- What is a hair below a whole number, from adding times up, counts as one.
  local whole = math.floor(percent(task, elapsed - task.delay) + 1e-6)
  return "running", math.max(0, math.min(99, whole))
end

return script
