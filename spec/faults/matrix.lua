-- SPDX-License-Identifier: MIT
--[[
How a row of spec/faults/rows.lua is met: by each service at once, in several roles side by side,
each with a client and a budget of its own. What is seen is compared with what the row says.
]]
local rows = require "faults.rows"
local support = require "support"
local taskqueue = require "taskqueue"

local matrix = {}

-- Seconds that a wait is given which is to be put off for as long as it lasts.
local PUT_OFF = 0.2

local function gzip(text)
  local path = support.file(text)
  local pipe = assert(io.popen("gzip -c " .. path))
  local packed = pipe:read("*a")
  pipe:close()
  return packed
end

-- What a row's texts may name of a service's good reply.
local parts = {}
for _, service in ipairs(support.services) do
  local body = service.text(service.SUCCEEDED, 100)
  parts[service] = {
    body = body,
    length = tostring(#body),
    hex = ("%x"):format(#body),
    half = body:sub(1, math.floor(#body / 2)),
    bytes = (body:gsub(".", "1\r\n%0\r\n")),
    gzip = gzip(body),
  }
end

local function rule_of(row, service)
  local rule = {}
  for name, value in pairs(row.fault or {}) do
    rule[name] = type(value) == "string" and value:gsub("{(%l+)}", parts[service]) or value
  end
  return rule
end

local function with(rule, more)
  local complete = {}
  for name, value in pairs(rule) do complete[name] = value end
  for name, value in pairs(more) do complete[name] = value end
  return complete
end

local function key_of(role, service)
  return role .. service.name:gsub("%W", "")
end

-- Each role is somebody else to the service, and so has a budget that no other role pushes back.
local function client_of(role, service, server, options)
  return service.client(server, with(service.identity(key_of(role, service)), options or {}))
end

-- How a wait ended, in a word.
local function word(status, _, kind)
  return status and "succeeded" or kind
end

local roles = {}

function roles.look(meeting, client)
  local id = meeting.new_task()
  meeting.add_fault { id = id }
  return word(client:get_status(id))
end

-- A fault that stays, and a wait that survives one failed poll in a row.
function roles.stays(meeting, client)
  local id = meeting.new_task()
  meeting.add_fault { id = id, times = math.huge }
  local timeout = meeting.row.kind == "throttled" and PUT_OFF or 60
  local status, _, kind, detail = client:wait_until_done(id, {
    max_poll_errors = 1, timeout = timeout,
  })
  if status or kind == "timeout" then return word(status, nil, kind) end
  return ("%s after %d"):format(kind, detail.attempts)
end

function roles.passes(meeting, client)
  local id = meeting.new_task()
  meeting.add_fault { id = id }
  local timeout = meeting.row.passes == "timeout" and PUT_OFF or 60
  return word(client:wait_until_done(id, { timeout = timeout, interval = 0.05 }))
end

-- How often the call came to the simulator.
local function times_called(meeting)
  local count = 0
  for _, entry in ipairs(meeting.place.sim:log()) do
    if entry.method == meeting.service.CALL then count = count + 1 end
  end
  return count
end

-- A call is sent once, whatever happens.
function roles.call(meeting, client)
  meeting.add_fault { method = meeting.service.CALL, times = math.huge }
  local result, _, kind = meeting.service.call(client)
  local is_right = not meeting.row.fault or times_called(meeting) == 1
  return is_right and (result and "answered" or kind) or "not sent once"
end

local function roles_of(row)
  if row.roles then return row.roles end
  if row.is_warm then return { "look", "passes", "call" } end
  return row.fault and { "look", "stays", "passes", "call" } or { "look", "stays", "call" }
end

-- What was seen in each role, as a line of text.
local function line(row, results)
  local words = {}
  for i, role in ipairs(roles_of(row)) do words[i] = role .. ": " .. tostring(results[role]) end
  return table.concat(words, ", ")
end

--- The line that has to be seen of a row.
function matrix.expected(row)
  local kind = row.kind
  local stays = kind and ("%s after %d"):format(kind, row.attempts or 0) or "succeeded"
  local passes = row.attempts == 1 and kind or "succeeded"
  local complete = {
    look = kind or "succeeded",
    stays = kind == "throttled" and "timeout" or stays,
    passes = row.passes or passes,
    call = row.call or kind or "answered",
  }
  return line(row, complete)
end

-- Waits that must not notice anything: on the same engine and the same simulator, while the others
-- meet the fault, and once more when they have.
local function witness(meeting, client, is_over)
  local was_over
  repeat
    was_over = is_over()
    local id = meeting.service.task(meeting.place.sim, { duration = 0.02 })
    assert(client:wait_until_done(id, { max_poll_errors = 0, interval = 0.01 }))
  until was_over
end

local function meeting_of(row, service, place)
  local rule = row.fault and rule_of(row, service)
  return {
    row = row,
    service = service,
    place = place,
    new_task = function() return service.task(place.sim, row.task) end,
    add_fault = function(which)
      if rule then place.sim:fault(with(rule, which)) end
    end,
  }
end

local function play(row, service, role, place)
  local client = client_of(role, service, place.server or place.sim, with(row.options or {},
    place.options or {}))
  if row.is_warm then assert(client:get_status(service.task(place.sim))) end
  return roles[role](meeting_of(row, service, place), client)
end

-- Lets one service meet a row; `results` gets what each role saw, or its error.
local function meet(row, service, place_of, results)
  local left = #roles_of(row)
  for _, role in ipairs(roles_of(row)) do
    taskqueue.spawn(function()
      local _, result = pcall(function()
        return play(row, service, role, place_of(row, service, role))
      end)
      results[role], left = result, left - 1
    end)
  end
  if row.spares_nobody then return end
  taskqueue.spawn(function()
    local place = place_of(row, service, "witness")
    witness(meeting_of(row, service, place), client_of("witness", service, place.sim),
      function() return left == 0 end)
  end)
end

--- Lets all services meet several rows, all at once.
-- @tparam table list rows
-- @tparam function place_of gives a place for (row, service, role): `sim`, a simulator that works;
-- where the fault is the server's, `server`, of which `url` and `node_url` are looked at; and
-- perhaps `options` of clients
-- @treturn table by row and the service's name the line of what was seen
function matrix.meet(list, place_of)
  local seen = {}
  taskqueue.run(function()
    for _, row in ipairs(list) do
      seen[row] = {}
      for _, service in ipairs(support.services) do
        seen[row][service.name] = {}
        meet(row, service, place_of, seen[row][service.name])
      end
    end
  end)
  for row, results in pairs(seen) do
    for name, roles_seen in pairs(results) do results[name] = line(row, roles_seen) end
  end
  return seen
end

--- The row with this sentence.
function matrix.row(sentence)
  for _, group in ipairs(rows) do
    for _, row in ipairs(group) do
      if row[1] == sentence then return row end
    end
  end
  error("no row: " .. sentence)
end

--- The keys of all roles, for a simulator that is to let them in.
function matrix.keys()
  local keys = {}
  for _, service in ipairs(support.services) do
    for _, role in ipairs { "look", "stays", "passes", "call", "witness" } do
      keys[key_of(role, service)] = "ok"
    end
  end
  return keys
end

return matrix
