-- SPDX-License-Identifier: MIT
-- Checks of tables of options: a schema maps each name to a kind, and a kind is a function that
-- gives nil for a good value and otherwise what was expected.

local options = {}

local function is_number(value)
  return type(value) == "number" and value == value
end

function options.text(value)
  if type(value) ~= "string" or value == "" then return "a string that is not empty" end
end

function options.any_text(value)
  if type(value) ~= "string" then return "a string" end
end

function options.flag(value)
  if type(value) ~= "boolean" then return "a boolean" end
end

function options.table(value)
  if type(value) ~= "table" then return "a table" end
end

--- Any value at all.
function options.anything() end

function options.fraction(value)
  if not is_number(value) or value <= 0 or value > 1 then return "a number over 0, up to 1" end
end

function options.seconds(value)
  if not is_number(value) or value < 0 or value == math.huge then
    return "a number of seconds, 0 or more"
  end
end

function options.seconds_or_huge(value)
  if not is_number(value) or value < 0 then
    return "a number of seconds, 0 or more, or math.huge"
  end
end

function options.positive_or_huge(value)
  if not is_number(value) or value <= 0 then return "a positive number or math.huge" end
end

--- A whole number from `least` to `most`, either of which may be infinite.
function options.whole(least, most)
  local expected = "a whole number from " .. least .. " to " .. most
  if most == math.huge then expected = "a whole number, " .. least .. " or more" end
  return function(value)
    if is_number(value) and value >= least and value <= most
      and (value % 1 == 0 or value == math.huge) then
      return nil
    end
    return expected
  end
end

function options.one_of(...)
  local names = { ... }
  local known = {}
  for i, name in ipairs(names) do
    known[name] = true
    names[i] = '"' .. name .. '"'
  end
  local expected = table.concat(names, " or ")
  return function(value)
    if type(value) ~= "string" or not known[value] then return expected end
  end
end

local function describe(value)
  if type(value) == "string" and #value <= 40 then return ("%q"):format(value) end
  if type(value) == "number" then return tostring(value) end
  return type(value)
end

--- Finds the first thing wrong with a table of options.
-- @param given what the caller gave; nil counts as an empty table
-- @tparam table schema kinds by name
-- @treturn[1] nil when all is well
-- @treturn[2] string what is wrong, naming the option
-- @treturn[2] string the option's name, when it is one option's fault
function options.problem(given, schema)
  if given == nil then return nil end
  if type(given) ~= "table" then return "a table of options expected, got " .. type(given) end
  for name, value in pairs(given) do
    local kind = schema[name]
    if not kind then return "unknown option '" .. tostring(name) .. "'", tostring(name) end
    local expected = kind(value)
    if expected then
      return ("option '%s': %s expected, got %s"):format(name, expected, describe(value)), name
    end
  end
end

return options
