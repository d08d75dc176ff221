-- SPDX-License-Identifier: MIT
-- What a simulated task will do, as a function of the time since its creation. Pure: the time is an
-- argument.

local options = require("taskqueue.sim.options")

local unpack = table.unpack or unpack -- luacheck: ignore 113

local script = {}

local CURVES = {
  linear = {},
  uneven = { { 0.15, 1 }, { 0.3, 30 }, { 0.6, 32 }, { 0.65, 80 }, { 0.95, 85 } },
  none = { { 0, 0 }, { 1, 0 } },
}

local function is_point(point)
  if type(point) ~= "table" then return false end
  local fraction, percent = point[1], point[2]
  return type(fraction) == "number" and fraction >= 0 and fraction <= 1
    and type(percent) == "number" and percent >= 0 and percent <= 100
end

local function is_curve(points)
  local last = 0
  for i = 1, #points do
    if not is_point(points[i]) or points[i][1] < last then return false end
    last = points[i][1]
  end
  return #points > 0
end

local function progress(value)
  if CURVES[value] or (type(value) == "table" and is_curve(value)) then return nil end
  return '"linear", "uneven", "none" or a list of {fraction 0..1, percent 0..100} in order'
end

local DEFAULTS = { delay = 0.5, duration = 5, progress = "linear", outcome = "completed" }

local DEFAULTS_SCHEMA = {
  delay = options.seconds,
  duration = options.seconds,
  progress = progress,
  outcome = options.one_of("completed", "rejected", "stuck"),
}

--- The kinds of a task's options, for `options.problem`; without `id` for defaults.
script.defaults_schema = DEFAULTS_SCHEMA
script.schema = { id = options.text }
for name, kind in pairs(DEFAULTS_SCHEMA) do script.schema[name] = kind end

-- The last point is (1, 100) unless a point for 1 is given.
local function to_the_end(points)
  local last = points[#points]
  if last and last[1] == 1 then return points end
  local all = { unpack(points) }
  all[#all + 1] = { 1, 100 }
  return all
end

--- Completes checked options.
-- @tparam ?table given a task's options
-- @tparam ?table defaults what stands for the missing ones
-- @treturn table `delay`, `duration` (seconds), `points`, `outcome`
function script.new(given, defaults)
  local full = {}
  for name, default in pairs(DEFAULTS) do
    local value = given and given[name]
    if value == nil then value = defaults and defaults[name] end
    if value == nil then value = default end
    full[name] = value
  end
  full.points = to_the_end(CURVES[full.progress] or full.progress)
  return full
end

-- The curve starts at (0, 0) unless its own first point says otherwise.
local function percent_at(points, fraction)
  local f0, p0 = 0, 0
  for _, point in ipairs(points) do
    local f1, p1 = point[1], point[2]
    if fraction < f1 then return p0 + (p1 - p0) * (fraction - f0) / (f1 - f0) end
    f0, p0 = f1, p1
  end
  return p0
end

-- A whole number, and never 100 for what is not completed. What is a hair below one, from adding
-- times up, counts as one.
local function progress_at(task, running)
  local fraction = task.duration > 0 and math.min(1, running / task.duration) or 1
  return math.min(99, math.floor(percent_at(task.points, fraction) + 1e-6))
end

--- Seconds from the creation to the true end; `math.huge` for a task that is stuck.
function script.length(task)
  if task.outcome == "stuck" then return math.huge end
  return task.delay + task.duration
end

--- Where a task stands.
-- @tparam table task from `script.new`
-- @tparam number elapsed seconds since its creation
-- @treturn string `"waiting"`, `"running"`, `"completed"` or `"rejected"`
-- @treturn integer progress, 0 to 100; 100 for a completed task and no other
function script.at(task, elapsed)
  if elapsed < task.delay then return "waiting", 0 end
  if elapsed < script.length(task) then
    return "running", progress_at(task, elapsed - task.delay)
  end
  if task.outcome == "completed" then return "completed", 100 end
  return "rejected", progress_at(task, task.duration)
end

return script
