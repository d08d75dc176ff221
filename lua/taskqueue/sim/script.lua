-- SPDX-License-Identifier: MIT
-- What a simulated task will do, as a function of the time since its creation. Pure: the time is an
-- argument.

local json = require("cjson.safe")
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

local function node_id(value)
  if type(value) ~= "string" or not value:find("^[%w-]+$") then
    return "a string of letters, digits and -"
  end
end

local is_usual_outcome = DEFAULTS_SCHEMA.outcome

local function node_outcome(value)
  if type(value) == "string" and value:find("^FINISHED_[%u%d_]+$") then return nil end
  local expected = is_usual_outcome(value)
  return expected and expected .. " or a FINISHED_ status"
end

-- A list of texts, or of { fraction of the duration, text } in order.
local function is_list_of_states(value)
  if type(value) ~= "table" or #value == 0 then return false end
  local last = 0
  for _, item in ipairs(value) do
    if type(item) ~= type(value[1]) then return false end
    local fraction, status = last, item
    if type(item) == "table" then fraction, status = item[1], item[2] end
    if type(fraction) ~= "number" or not (fraction >= last and fraction <= 1) then return false end
    if options.text(status) then return false end
    last = fraction
  end
  return true
end

local function states(value)
  if not is_list_of_states(value) then
    return "a list of statuses, or of {fraction 0..1, status} in order,"
  end
end

local function info(value)
  if type(value) == "string" then return nil end
  local text = type(value) == "table" and json.encode(value)
  if not text then return "raw text, or a table that can be written as JSON," end
end

--- The kinds of a task's options, for `options.problem`; without `id` for defaults.
script.defaults_schema = DEFAULTS_SCHEMA
script.schema = { id = options.text, service = options.one_of("mobizon", "node") }
script.node_schema = {
  id = node_id,
  outcome = node_outcome,
  type = options.text,
  states = states,
  info = info,
}
for name, kind in pairs(DEFAULTS_SCHEMA) do script.schema[name] = kind end
for name, kind in pairs(script.schema) do
  script.node_schema[name] = script.node_schema[name] or kind
end

--- Finds the first thing wrong with the options of a task, see `options.problem`.
function script.problem(given)
  local is_table = type(given) == "table"
  if is_table and given.service == "node" then return options.problem(given, script.node_schema) end
  local problem, name = options.problem(given, script.schema)
  local is_node_only = name and script.node_schema[name] and not script.schema[name]
  if not is_node_only then return problem, name end
  return ("option '%s': only with service = \"node\""):format(name), name
end

--- The same options with `info` as text, so that any state can be handed them.
-- @tparam ?table given checked options
function script.portable(given)
  if not given or type(given.info) ~= "table" then return given end
  local copy = {}
  for name, value in pairs(given) do copy[name] = value end
  copy.info = json.encode(given.info)
  return copy
end

-- The last point is (1, 100) unless a point for 1 is given.
local function to_the_end(points)
  local last = points[#points]
  if last and last[1] == 1 then return points end
  local all = { unpack(points) }
  all[#all + 1] = { 1, 100 }
  return all
end

-- Statuses without fractions share the duration equally.
local function with_fractions(list)
  if not list or type(list[1]) == "table" then return list end
  local all = {}
  for i, status in ipairs(list) do all[i] = { (i - 1) / #list, status } end
  return all
end

--- Completes checked options.
-- @tparam ?table given a task's options
-- @tparam ?table defaults what stands for the missing ones
-- @treturn table `delay`, `duration` (seconds), `points`, `outcome`, and `states`, `info` if any
function script.new(given, defaults)
  local full = {}
  for name, default in pairs(DEFAULTS) do
    local value = given and given[name]
    if value == nil then value = defaults and defaults[name] end
    if value == nil then value = default end
    full[name] = value
  end
  full.points = to_the_end(CURVES[full.progress] or full.progress)
  full.states = with_fractions(given and given.states)
  full.info = given and given.info
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
local function progress_at(task, fraction)
  return math.min(99, math.floor(percent_at(task.points, fraction) + 1e-6))
end

-- How much of the duration is over, 0 while it is waiting.
local function fraction_at(task, elapsed)
  if elapsed < task.delay then return 0 end
  return task.duration > 0 and math.min(1, (elapsed - task.delay) / task.duration) or 1
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
    return "running", progress_at(task, fraction_at(task, elapsed))
  end
  if task.outcome == "completed" then return "completed", 100 end
  return "rejected", progress_at(task, 1)
end

local FINISHED = { completed = "FINISHED_OK", rejected = "FINISHED_ERR" }

local function state_at(task, elapsed, fraction)
  local status = "PREPARATION"
  if not task.states then return elapsed < task.delay and status or "TRANSFERRING" end
  for _, item in ipairs(task.states) do
    if fraction + 1e-9 >= item[1] then status = item[2] end
  end
  return status
end

--- Where a task of the node stands.
-- @tparam table task from `script.new`
-- @tparam number elapsed seconds since its creation
-- @treturn string the node's status
-- @treturn integer progress, 0 to 99 while it is TRANSFERRING; 100 at the end and else 0
function script.node_at(task, elapsed)
  if elapsed >= script.length(task) then return FINISHED[task.outcome] or task.outcome, 100 end
  local fraction = fraction_at(task, elapsed)
  local status = state_at(task, elapsed, fraction)
  return status, status == "TRANSFERRING" and progress_at(task, fraction) or 0
end

return script
