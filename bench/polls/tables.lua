-- SPDX-License-Identifier: MIT
-- Prints a document with the tables of what polls cost, as bench/polls/compare.lua has measured it.
-- Each stands after a line that names its cases, as the file with the figures has them:
-- lua5.4 bench/polls/tables.lua docs/polls.csv docs/performance.md
local MARK = "^<!%-%- polls: (.-) %-%->$"

-- The figures as cells[client][column], and the columns of each case, all in their order.
local function load_figures(path)
  local columns, clients, cells = {}, {}, {}
  local lines = io.lines(path)
  lines() -- the heading
  for row in lines do
    local case, count, client, cpu, ratio =
      row:match '^"([^"]+)",(%d+),"([^"]+)",([%d.]+),[%d.]+,[%d.]+,([%d.]+)'
    local column = case .. " " .. count
    columns[case] = columns[case] or {}
    local known = columns[case]
    if known[#known] ~= column then known[#known + 1] = column end
    if not cells[client] then
      cells[client] = {}
      clients[#clients + 1] = client
    end
    cells[client][column] = ("%.0f (%s)"):format(cpu, ratio)
  end
  return columns, clients, cells
end

local columns, clients, cells = load_figures(arg[1])

local function title(column)
  local kind, count = column:match "^(%w+).- (%d+)$"
  return kind .. ", " .. count:gsub("^(%d)(%d%d%d)$", "%1,%2")
end

local function label(client)
  local name = client:gsub("%w+_[%w_]+", "`%0`")
  return client:find "^taskqueue, " and "**" .. name .. "**" or name
end

local function line(first, items)
  return "| " .. first .. " | " .. table.concat(items, " | ") .. " |"
end

local function table_of(names)
  local chosen, titles, rules = {}, {}, {}
  for case in names:gmatch "[^;]+" do
    for _, column in ipairs(columns[case:match "^%s*(.*)"] or error("no such case: " .. case)) do
      chosen[#chosen + 1] = column
      titles[#titles + 1] = title(column)
      rules[#rules + 1] = "---"
    end
  end
  local lines = { line("replies, in flight", titles), "|---|" .. table.concat(rules, "|") .. "|" }
  for _, client in ipairs(clients) do
    local row, is_any = {}, false
    for i, column in ipairs(chosen) do
      row[i] = cells[client][column] or "-"
      is_any = is_any or cells[client][column] ~= nil
    end
    if is_any then lines[#lines + 1] = line(label(client), row) end
  end
  return table.concat(lines, "\n")
end

local is_old = false
for each in io.lines(arg[2]) do
  is_old = is_old and each:find "^|" ~= nil
  if not is_old then print(each) end
  local names = each:match(MARK)
  if names then
    print(table_of(names))
    is_old = true
  end
end
