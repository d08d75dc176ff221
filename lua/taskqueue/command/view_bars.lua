-- SPDX-License-Identifier: MIT
--[[
Tasks as a table that is redrawn in place. A frame is one write that goes over the last one, so that
nothing flickers, and leaves the terminal as it was at any moment. More tasks than rows: those that
go on are shown first.
]]
local core = require "taskqueue.core"
local lines = require "taskqueue.command.view_lines"
local row = require "taskqueue.command.row"
local text = require "taskqueue.command.text"

local methods = setmetatable({}, { __index = lines.methods })
local mt = { __index = methods }

-- Seconds between two frames: what changes faster nobody can read, and a thousand tasks do.
local FRAME = 0.1

-- Of a terminal that does not say how large it is.
local COLUMNS, ROWS = 80, 24

local function size()
  local columns, rows = core.terminal(1)
  return columns and columns > 0 and columns or COLUMNS, rows and rows > 0 and rows or ROWS
end

-- As many entries as there is room for, in their order.
local function visible(entries, room)
  if #entries <= room then return entries, 0 end
  local chosen, count = {}, 0
  for pass = 1, 2 do
    for _, entry in ipairs(entries) do
      local is_first = not entry.is_over
      if count < room and is_first == (pass == 1) then
        chosen[entry], count = true, count + 1
      end
    end
  end
  local shown = {}
  for _, entry in ipairs(entries) do
    if chosen[entry] then shown[#shown + 1] = entry end
  end
  return shown, #entries - #shown
end

local function frame(self, columns, rows)
  local layout = row.layout(columns, self.longest)
  -- The names of the columns, a line that says what is left out, and the one with the cursor.
  local shown, hidden = visible(self.entries, math.max(rows - 3, 1))
  local list = { row.header(layout) }
  for _, entry in ipairs(shown) do list[#list + 1] = row.line(layout, entry, self.is_coloured) end
  if hidden > 0 then list[#list + 1] = ("and %d more"):format(hidden) end
  return list
end

local function draw(self)
  local columns, rows = size()
  local list = frame(self, columns, rows)
  local parts = {}
  -- After the width has changed nobody knows where the last frame is: a new one begins below it.
  if self.drawn and self.columns == columns then parts[1] = ("\r\27[%dA"):format(self.drawn) end
  for _, line in ipairs(list) do parts[#parts + 1] = line .. "\27[K\n" end
  parts[#parts + 1] = "\27[J"
  io.stdout:write(table.concat(parts))
  io.stdout:flush()
  self.drawn, self.drawn_at, self.columns = #list, core.now(), columns
end

--- Begins with all tasks.
function methods:begin(entries)
  self.entries, self.longest = entries, 4
  for _, entry in ipairs(entries) do
    self.longest = math.max(self.longest, text.width(entry.label))
  end
  draw(self)
end

-- What is new is in the next frame.
function methods.changed() end
function methods.ended() end

function methods:tick()
  if core.now() - self.drawn_at >= FRAME then draw(self) end
end

local function summary(entries)
  local good, over = 0, 0
  for _, entry in ipairs(entries) do
    if entry.is_over then over = over + 1 end
    if entry.is_over and not entry.kind then good = good + 1 end
  end
  local left = over < #entries and (", %d not waited for any longer"):format(#entries - over) or ""
  return ("%d of %d succeeded%s"):format(good, #entries, left)
end

--- Tells in the end what there was no room for.
function methods:close()
  if not self.entries then return end
  draw(self)
  for _, entry in ipairs(self.entries) do
    if entry.kind then self:failed(entry.message, entry.kind, entry.detail, entry.label) end
  end
  if #self.entries > 1 then print(summary(self.entries)) end
end

local function is_coloured()
  local wish = os.getenv "NO_COLOR"
  return wish == nil or wish == ""
end

return function()
  return setmetatable({ is_coloured = is_coloured() }, mt)
end
