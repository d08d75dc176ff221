-- SPDX-License-Identifier: MIT
-- The matrix of faults: see spec/faults/rows.lua.
local matrix = require "faults.matrix"
local places = require "faults.places"
local rows = require "faults.rows"
local support = require "support"

-- So many rows are met side by side: each takes up to eighty file descriptors.
local AT_ONCE = 6

local function simulator()
  return support.sim { keys = matrix.keys() }
end

-- Every row has a place for each service; on a connection that was used before every role has one.
local function place_finder()
  local found = {}
  return function(row, service)
    if row.is_warm then return { sim = simulator() } end
    local key = row[1] .. service.name
    if not found[key] then
      found[key] = row.place and places.new(row.place) or {}
      found[key].sim = simulator()
    end
    return found[key]
  end
end

local function meet_side_by_side(list)
  local seen = {}
  for first = 1, #list, AT_ONCE do
    local batch = {}
    for i = first, math.min(first + AT_ONCE - 1, #list) do batch[#batch + 1] = list[i] end
    for row, results in pairs(matrix.meet(batch, place_finder())) do seen[row] = results end
    support.finish()
  end
  return seen
end

-- Starts a process of its own for a row. A sanitizer's runtime would insist on being loaded first.
local function start_child(row)
  local command = "ASAN_OPTIONS=$ASAN_OPTIONS:verify_asan_link_order=0 LD_PRELOAD=build/world.so"
  for name, value in pairs(row.world) do
    command = ("%s WORLD_%s=%s"):format(command, name, value)
  end
  return assert(io.popen(("%s %s spec/faults/child.lua '%s' 2>&1"):format(
    command, arg[-1], row[1])))
end

local function read_child(pipe)
  local results, output = {}, pipe:read("*a")
  pipe:close()
  for name, line in output:gmatch("([^\t\n]+)\t([^\n]+)") do results[name] = line end
  return results, output
end

local function check(row, results, output)
  local count = 0
  for service, line in pairs(results) do
    count = count + 1
    assert.equal(matrix.expected(row), line, service)
  end
  assert.equal(#support.services, count, output)
end

for _, group in ipairs(rows) do
  describe("a fault: " .. group.name .. ":", function()
    local seen, children = nil, {}

    setup(function()
      local inside = {}
      for _, row in ipairs(group) do
        if row.world then
          children[row] = start_child(row)
        else
          inside[#inside + 1] = row
        end
      end
      seen = meet_side_by_side(inside)
    end)

    teardown(places.close)

    for _, row in ipairs(group) do
      it(row[1], function()
        if row.world then return check(row, read_child(children[row])) end
        check(row, seen[row])
      end)
    end
  end)
end

describe("the manual of faults", function()
  it("has the rows that are met here, each once", function()
    local file = assert(io.open("docs/faults.md"))
    local document = file:read("*a")
    file:close()
    assert.equal(require("faults.table").put(document), document, "make docs writes it anew")
    local count, met = 0, {}
    for _, group in ipairs(rows) do
      for _, row in ipairs(group) do
        assert.is_nil(met[row[1]], row[1])
        met[row[1]], count = true, count + 1
      end
    end
    assert.is_true(count >= 60)
  end)
end)
