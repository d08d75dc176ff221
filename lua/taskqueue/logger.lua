-- SPDX-License-Identifier: MIT

--- A ready logger: writes what happens to tasks as lines with a time and a level.
-- Levels: `debug` has every poll, `info` changes of state and tasks that succeeded, `warn` retries,
-- refusals and waits that ended otherwise, `error` listeners that failed.
-- @module taskqueue.logger
local options = require "taskqueue.options"
local taskqueue = require "taskqueue"

local LEVELS = { "debug", "info", "warn", "error" }

local function outcome_of(record)
  if not record.ok then return record.message end
  local progress = record.status.progress
  return record.status.state .. (progress and (" %d%%"):format(progress) or "")
end

local describe = {}

function describe.poll(record)
  return "debug", "poll: " .. outcome_of(record)
end

function describe.state(record)
  return "info", ("%s, was %s"):format(record.to, record.from or "unknown")
end

function describe.retry(record)
  return "warn", ("poll failed %d times in a row, again in %.2f s: %s"):format(
    record.failures, record.delay, record.message)
end

function describe.throttle(record)
  local slot = record.next_slot and (", next poll in %.1f s"):format(record.next_slot) or ""
  return "warn", record.message .. slot
end

function describe.done(record)
  local words = ("%s after %.1f s"):format(outcome_of(record), record.seconds)
  return record.ok and "info" or "warn", "wait over: " .. words
end

function describe.error(record)
  return "error", ("a listener of '%s' failed: %s"):format(record.of, record.message)
end

local function write_to_stderr(line)
  io.stderr:write(line, "\n")
end

local spec = {
  level = { is = LEVELS, default = "info" },
  write = { is = "function", default = write_to_stderr },
}

local function numbered(list)
  local numbers = {}
  for number, name in ipairs(list) do numbers[name] = number end
  return numbers
end

local NUMBER = numbered(LEVELS)

-- Of a service's words only one line of plain text.
local function line_of(level, record, words)
  local subject = record.id and ("task %s of %s: "):format(record.id, record.url) or ""
  local line = ("%s %-5s %s%s"):format(os.date("!%Y-%m-%dT%H:%M:%SZ"), level, subject, words)
  return (line:gsub("[%z\1-\31\127]", "?"))
end

local function listener(checked, event)
  return function(record)
    local level, words = describe[event](record)
    if NUMBER[level] >= NUMBER[checked.level] then
      checked.write(line_of(level, record, words), level)
    end
  end
end

--- Begins to log.
-- @function logger
-- @tparam[opt] table given `level`: the least that is written, "debug", "info" (default), "warn" or
-- "error"; `write`: a function that gets the line, without its end, and the level (default:
-- writes to the standard error output)
-- @treturn function ends the logging
-- @raise for an unknown option or a wrong one
local function logger(given)
  local checked = options.check("taskqueue.logger", given, spec)
  local stops = {}
  for event in pairs(describe) do
    -- While nobody reads of polls, none comes out of C.
    if event ~= "poll" or checked.level == "debug" then
      stops[#stops + 1] = taskqueue.on(event, listener(checked, event))
    end
  end
  return function()
    for _, stop in ipairs(stops) do stop() end
  end
end

return logger
