-- SPDX-License-Identifier: MIT
-- One task as a row of a table that fits the terminal: its bar, state, expected end, and how old
-- that knowledge is. The bar is what gives way.
local text = require "taskqueue.command.text"

local row = {}

local LONGEST_ID, SHORTEST_BAR, LONGEST_BAR = 30, 5, 40
-- Below this width states are told in four letters.
local NARROW = 60

local SHORT = {
  pending = "wait", running = "run", succeeded = "ok", failed = "FAIL", timeout = "time",
  unknown = "",
}

local COLOURS = { succeeded = "32", failed = "31", running = "36" }

--- Decides how wide each column is.
-- @tparam number columns of the terminal
-- @tparam number id the longest id
function row.layout(columns, id)
  local is_narrow = columns < NARROW
  local layout = {
    is_narrow = is_narrow,
    id = math.max(4, math.min(id, LONGEST_ID, math.floor(columns / (is_narrow and 4 or 3)))),
    state = is_narrow and 5 or 9,
    gap = is_narrow and " " or "  ",
  }
  -- The percentage, the expected end and the age take four columns each; one stays free.
  local left = columns - 1 - layout.id - layout.state - 3 * 4 - 5 * #layout.gap
  local bar = math.min(left - 2, LONGEST_BAR)
  layout.bar = bar >= SHORTEST_BAR and bar or 0
  return layout
end

-- State of a row: what the task says, or why nobody knows.
local function state_of(entry)
  if entry.kind then return entry.kind end
  return entry.status and entry.status.state or "unknown"
end

local function bar_of(width, percent)
  local filled = math.floor((percent or 0) * width / 100)
  return "[" .. ("#"):rep(filled) .. ("."):rep(width - filled) .. "]"
end

local function colour(is_coloured, state, words)
  local code = is_coloured and (COLOURS[state] or (state ~= "unknown" and "33"))
  return code and state ~= "pending" and ("\27[%sm%s\27[0m"):format(code, words) or words
end

local function join(layout, parts)
  return (table.concat(parts, layout.gap):gsub("%s+$", ""))
end

local function right(words, width)
  return (" "):rep(width - #words) .. words
end

--- The names of the columns.
function row.header(layout)
  local parts = { text.fit("task", layout.id) }
  if layout.bar > 0 then
    parts[#parts + 1] = text.fit(layout.bar < 6 and "bar" or "progress", layout.bar + 2)
  end
  local state = text.fit("state", layout.state)
  for _, part in ipairs { "   %", state, "left", "seen" } do parts[#parts + 1] = part end
  return join(layout, parts)
end

-- Of a task that has ended, neither its end nor its age is news.
local function times_of(entry)
  if entry.is_over then return "", "" end
  local remaining, age = entry.task:remaining(), entry.task:age()
  return remaining and text.duration(remaining) or "", age and text.duration(age) or ""
end

--- One task.
function row.line(layout, entry, is_coloured)
  local status, state = entry.status, state_of(entry)
  local percent = status and status.progress
  if state == "succeeded" then percent = 100 end
  local parts = { text.fit(text.plain(entry.label), layout.id) }
  if layout.bar > 0 then
    parts[#parts + 1] = colour(is_coloured, state, bar_of(layout.bar, percent))
  end
  parts[#parts + 1] = right(percent and percent .. "%" or "", 4)
  local words = layout.is_narrow and (SHORT[state] or "?") or (SHORT[state] == "" and "" or state)
  parts[#parts + 1] = colour(is_coloured, state, text.fit(words, layout.state))
  local remaining, age = times_of(entry)
  parts[#parts + 1] = right(remaining, 4)
  parts[#parts + 1] = right(age, 4)
  return join(layout, parts)
end

return row
