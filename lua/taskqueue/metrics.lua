-- SPDX-License-Identifier: MIT

--- The numbers of `taskqueue.stats()` as Prometheus reads them (text format 0.0.4).
-- @module taskqueue.metrics
local options = require "taskqueue.options"
local taskqueue = require "taskqueue"

-- Budgets of several keys at one place are one there: a key is no label.
local function merged(budgets)
  local list, by_place = {}, {}
  for _, budget in ipairs(budgets) do
    local place = budget.url .. "\0" .. budget.method
    if not by_place[place] then
      by_place[place] = { url = budget.url, method = budget.method }
      list[#list + 1] = by_place[place]
    end
    table.insert(by_place[place], budget)
  end
  return list
end

local function sum(name)
  return function(budgets)
    local total = 0
    for _, budget in ipairs(budgets) do total = total + budget[name] end
    return total
  end
end

local function worst(name)
  return function(budgets)
    local value
    for _, budget in ipairs(budgets) do
      if budget[name] then value = math.max(value or budget[name], budget[name]) end
    end
    return value
  end
end

local METRICS = {
  { "waits", "gauge", "Waits in progress.", sum "waits" },
  { "tasks", "gauge", "Tasks that are waited for.", sum "tasks" },
  { "clients", "gauge", "Open clients.", sum "clients" },
  { "polls_in_flight", "gauge", "Polls without an answer yet.", sum "in_flight" },
  { "polls_total", "counter", "Polls begun.", sum "polls" },
  { "polls_refused_total", "counter", "Polls that the service found too frequent.", sum "refused" },
  { "poll_retries_total", "counter", "Failed polls that were repeated.", sum "retries" },
  { "next_slot_seconds", "gauge", "Seconds until the budget lets a poll go.", worst "next_slot" },
  { "mean_age_seconds", "gauge", "Mean age of what is known of the tasks.", worst "mean_age" },
}

local ESCAPES = { ["\\"] = "\\\\", ['"'] = '\\"', ["\n"] = "\\n" }

local function labels_of(labels)
  local names, parts = {}, {}
  for name in pairs(labels) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do
    parts[i] = ('%s="%s"'):format(name, (tostring(labels[name]):gsub('[\\"\n]', ESCAPES)))
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

local function check_labels(labels)
  for name in pairs(labels or {}) do
    if type(name) ~= "string" or not name:find("^[%a_][%w_]*$") then
      error(("taskqueue.metrics: '%s' is no name of a label"):format(tostring(name)), 3)
    end
  end
end

local function add_metric(lines, metric, places, more)
  local name, kind, help, value_of = "taskqueue_" .. metric[1], metric[2], metric[3], metric[4]
  lines[#lines + 1] = ("# HELP %s %s"):format(name, help)
  lines[#lines + 1] = ("# TYPE %s %s"):format(name, kind)
  for _, place in ipairs(places) do
    local value = value_of(place)
    local labels = { url = place.url, method = place.method }
    for label, text in pairs(more) do labels[label] = text end
    if value then lines[#lines + 1] = name .. labels_of(labels) .. (" %.14g"):format(value) end
  end
end

--- The numbers as text.
-- @function metrics
-- @tparam[opt] table given `labels`: names and values that every line gets, for instance the number
-- of the process
-- @treturn string
-- @raise for an unknown option or a name that no label can have
local function metrics(given)
  local checked = options.check("taskqueue.metrics", given, { labels = { is = "table" } })
  check_labels(checked.labels)
  local lines, places = {}, merged(taskqueue.stats().budgets)
  for _, metric in ipairs(METRICS) do add_metric(lines, metric, places, checked.labels or {}) end
  return table.concat(lines, "\n") .. "\n"
end

return metrics
