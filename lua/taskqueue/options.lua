-- SPDX-License-Identifier: MIT
-- Checks the options that a caller passes, and blames the caller's line.
local core = require "taskqueue.core"

local options = {}

local huge = math.huge

--- Says whether a value is a number of seconds: not negative, not NaN.
function options.is_span(value)
  return type(value) == "number" and value >= 0
end

local checks = {}

function checks.string(value)
  return type(value) == "string" and value ~= "" and not value:find("[%z\1-\31\127]"),
    "a string that is not empty and has no control characters"
end

function checks.text(value)
  return type(value) == "string", "a string"
end

function checks.code(value)
  return type(value) == "string" or type(value) == "number", "a number or a string"
end

-- Basic authentication ends the name at the first colon, and takes the rest for the password.
checks["user name"] = function(value)
  return checks.string(value) and not value:find(":", 1, true),
    "a string that is not empty and has no control characters and no colon"
end

function checks.span(value)
  return options.is_span(value), "a number of seconds, not negative"
end

checks["positive span"] = function(value)
  return type(value) == "number" and value > 0, "a positive number of seconds"
end

checks["positive number"] = function(value)
  return type(value) == "number" and value > 0, "a positive number"
end

function checks.count(value)
  return type(value) == "number" and value >= 0 and (value == huge or value % 1 == 0),
    "a whole number, not negative"
end

-- As many as the native budget counts.
function checks.burst(value)
  return type(value) == "number" and value >= 1 and value <= 1e6 and value % 1 == 0,
    "a whole number from 1 to 1000000"
end

checks["positive count"] = function(value)
  return type(value) == "number" and value >= 1 and (value == huge or value % 1 == 0),
    "a positive whole number"
end

function checks.table(value)
  return type(value) == "table", "a table"
end

function checks.fleet(value)
  local is_fleet = type(value) == "table" and options.is_callable(value.share)
  return is_fleet, "what taskqueue.fleet.new gives"
end

function checks.boolean(value)
  return type(value) == "boolean", "true or false"
end

--- Can the value be called?
function options.is_callable(value)
  local meta = getmetatable(value)
  return type(value) == "function" or (type(meta) == "table" and meta.__call ~= nil)
end

checks["function"] = function(value)
  return options.is_callable(value), "a function"
end

-- A secret never shows in an error, so strings are described and not quoted.
local function describe(value)
  local kind = type(value)
  if kind == "number" or kind == "boolean" then return tostring(value) end
  if value == "" then return "an empty string" end
  return "a " .. kind
end

local function one_of(value, allowed)
  for _, choice in ipairs(allowed) do
    if value == choice then return true end
  end
  return false, '"' .. table.concat(allowed, '" or "') .. '"'
end

local function plain(name)
  return (tostring(name):lower():gsub("[%s_-]", ""))
end

local function unknown(what, name, spec)
  for known in pairs(spec) do
    if plain(known) == plain(name) then
      return ("%s: unknown option '%s' (did you mean '%s'?)"):format(what, tostring(name), known)
    end
  end
  return ("%s: unknown option '%s'"):format(what, tostring(name))
end

local function problem(what, given, spec)
  for name in pairs(given) do
    if spec[name] == nil then return unknown(what, name, spec) end
  end
  for name, rule in pairs(spec) do
    local value = given[name]
    if value == nil and rule.required then
      return ("%s: the option '%s' is missing"):format(what, name)
    elseif value ~= nil then
      local fits, wanted
      if type(rule.is) == "table" then
        fits, wanted = one_of(value, rule.is)
      else
        fits, wanted = checks[rule.is](value)
      end
      if not fits then
        return ("%s: option '%s' must be %s, not %s"):format(what, name, wanted, describe(value))
      end
    end
  end
end

--- Checks options against a specification and fills in what is not given.
-- @tparam string what the function, for the error
-- @tparam ?table given the options; nil stands for none
-- @tparam table spec name to `{ is = check or list of values, default =, required = }`
-- @tparam[opt=2] number level whom an error blames, as in `error`, seen from the caller of this
-- @treturn table a new table with every option that has a value
function options.check(what, given, spec, level)
  level = (level or 2) + 1
  if given ~= nil and type(given) ~= "table" then
    error(("%s: the options must be a table, not %s"):format(what, describe(given)), level)
  end
  local wrong = problem(what, given or {}, spec)
  if wrong then error(wrong, level) end
  local checked = {}
  for name, rule in pairs(spec) do
    checked[name] = rule.default
    if given and given[name] ~= nil then checked[name] = given[name] end
  end
  return checked
end

local function id_of(id)
  if type(id) == "number" and id % 1 == 0 and id > -2 ^ 53 and id < 2 ^ 53 then
    return string.format("%d", id)
  end
  local fits, wanted = checks.string(id)
  if fits and core.is_text(id) then return id end
  return nil, fits and "UTF-8 text" or wanted
end

--- Can this be a task's id? For what a service sends.
function options.is_id(id)
  return id_of(id) ~= nil
end

--- Checks a task's id.
-- @tparam string what the function, for the error
-- @tparam string|number id text without control characters, or a whole number
-- @tparam[opt=2] number level as in `check`
-- @treturn string the id as text
function options.id(what, id, level)
  local text, wanted = id_of(id)
  if text then return text end
  error(("%s: the id must be a whole number or %s, not %s"):format(what, wanted, describe(id)),
    (level or 2) + 1)
end

return options
