-- SPDX-License-Identifier: MIT
-- Text for a terminal: columns, durations and what must not reach it.
local text = {}

-- A character of UTF-8, or a stray byte.
local CHARACTER = "[%z\1-\127\194-\244]?[\128-\191]*"

local function characters(line)
  local list = {}
  for character in line:gmatch(CHARACTER) do
    if character ~= "" then list[#list + 1] = character end
  end
  return list
end

--- Takes control characters out, those of two bytes in UTF-8 too: what a service says must not
-- steer the terminal.
function text.plain(line)
  return (line:gsub("[%z\1-\31\127]", "?"):gsub("\194[\128-\159]", "?"))
end

--- Makes a text exactly so wide: padded on its right, or cut with ".." in its middle, where ids
-- differ least.
function text.fit(line, width)
  local list = characters(line)
  if #list <= width then return line .. (" "):rep(width - #list) end
  local tail = math.floor((width - 2) / 2)
  local head = width - 2 - tail
  if head < 1 then return table.concat(list, "", 1, width) end
  return table.concat(list, "", 1, head) .. ".." .. table.concat(list, "", #list - tail + 1)
end

function text.width(line)
  return #characters(line)
end

local UNITS = { { 1, "s", 100 }, { 60, "m", 100 }, { 3600, "h", 48 }, { 86400, "d", 1000 } }

--- A duration in at most four characters: "12s", "95m", "40h", "12d".
function text.duration(seconds)
  for _, unit in ipairs(UNITS) do
    local count = math.floor(seconds / unit[1] + 0.5)
    if count < unit[3] then return ("%d%s"):format(count, unit[2]) end
  end
  return "long"
end

local FACTORS = { s = 1, m = 60, h = 3600, d = 86400, [""] = 1 }

--- Reads a duration: "90", "90s", "10m", "2h", "1d", or "none" for no limit.
-- @treturn ?number seconds; nil when it is no duration
function text.seconds(word)
  if word == "none" then return math.huge end
  local number, unit = word:match("^(%d+%.?%d*)([smhd]?)$")
  return number and tonumber(number) * FACTORS[unit]
end

return text
