-- SPDX-License-Identifier: MIT
-- Writes spec/faults/rows.lua as the tables of docs/faults.md. `make docs` puts them there, and
-- spec/faults_spec.lua holds them against the document.
local rows = require "faults.rows"

local tables = {}

local function wait_of(row)
  if row.kind == nil then return "does not notice" end
  if row.kind == "throttled" then
    return row.passes == "timeout" and "is put off, by an hour at most" or "is put off"
  end
  if row.attempts == 1 then return "ends at once" end
  return "goes on"
end

local function line(row)
  local kind = row.kind and "`" .. row.kind .. "`" or ""
  local call = row.call and "`" .. row.call .. "`" or kind
  local attempts = row.attempts and tostring(row.attempts) or ""
  return ("| %s | %s | %s | %s | %s |"):format(row[1], kind, call, wait_of(row), attempts)
end

--- All groups, each with a heading and a table.
function tables.text()
  local lines = {}
  for _, group in ipairs(rows) do
    lines[#lines + 1] = ("\n## %s\n"):format(group.name)
    lines[#lines + 1] = "| fault | a look | a call | a wait | requests |\n|---|---|---|---|---|"
    for _, row in ipairs(group) do lines[#lines + 1] = line(row) end
  end
  return table.concat(lines, "\n") .. "\n"
end

--- The document with the tables in place of what follows its introduction.
-- @tparam string document
function tables.put(document)
  local introduction = document:match("^(.-\n)\n## ") or document
  return introduction .. tables.text()
end

return tables
