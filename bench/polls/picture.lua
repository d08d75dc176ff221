-- SPDX-License-Identifier: MIT
-- Draws what polls cost as bars, on a logarithmic scale.
local WIDTH, LEFT, RIGHT, BAR, GAP, TITLE = 900, 290, 70, 14, 4, 34
local LEAST, MOST = 5, 5000

local function x_of(value)
  local share = math.log(value / LEAST) / math.log(MOST / LEAST)
  return LEFT + (WIDTH - LEFT - RIGHT) * math.max(0, math.min(1, share))
end

local function escape(text)
  return (text:gsub("[&<>]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }))
end

local function text(x, y, anchor, words)
  local pattern = '<text x="%.0f" y="%.0f" text-anchor="%s">%s</text>\n'
  return pattern:format(x, y, anchor, escape(words))
end

local function draw_group(pieces, group, y)
  pieces[#pieces + 1] = text(LEFT, y + TITLE - 12, "start",
    ("%s, %d in flight: CPU microseconds a request"):format(group.replies, group.count))
  y = y + TITLE
  for _, bar in ipairs(group) do
    local colour = bar.name:find "^taskqueue" and "#c2410c" or "#64748b"
    pieces[#pieces + 1] = text(LEFT - 6, y + 11, "end", bar.name)
    pieces[#pieces + 1] = ('<rect x="%d" y="%d" width="%.0f" height="%d" fill="%s"/>\n'):format(
      LEFT, y, x_of(bar.value) - LEFT, BAR, colour)
    pieces[#pieces + 1] = text(x_of(bar.value) + 4, y + 11, "start", ("%.1f"):format(bar.value))
    y = y + BAR + GAP
  end
  return y
end

--- Writes the picture.
-- @tparam string path
-- @tparam table groups of bars, each with its `replies` and `count`; a bar has a name and a value
return function(path, groups)
  local pieces, y = {}, 0
  for _, group in ipairs(groups) do y = draw_group(pieces, group, y) end
  local file = assert(io.open(path, "w"))
  file:write(('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
    .. 'font-family="sans-serif" font-size="12">\n'
    .. '<rect width="100%%" height="100%%" fill="white"/>\n'):format(WIDTH, y + 10))
  file:write(table.concat(pieces), "</svg>\n")
  file:close()
end
