-- SPDX-License-Identifier: MIT
-- What Redis knows of a fleet, for operators: who owns which budget, who is alive, what is waited
-- for, and how far behind the consumers are.
local core = require "taskqueue.core"
local engine = require "taskqueue.engine"
local link = require "taskqueue.fleet.link"
local scripts = require "taskqueue.fleet.scripts"

-- One command and its reply, or nil and what is wrong.
local function ask(connection, seconds, ...)
  local sleeper, reply, problem = engine.sleeper(), nil, "no answer in time"
  connection:command(function(...)
    reply, problem = ...
    sleeper:wake()
  end, ...)
  engine.park(sleeper, core.now() + seconds)
  return reply, problem
end

local function pairs_of(list)
  local map = {}
  for i = 1, #list, 2 do map[list[i]] = list[i + 1] end
  return map
end

local function seconds_of(ms)
  return ms and tonumber(ms) / 1000 or nil
end

local function budget_of(one)
  local is = pairs_of(one[2])
  local owner = is.owner
  return {
    name = one[1], url = is.url, method = is.method, owner = owner, is_held = one[3] > 0,
    lease = one[3] > 0 and one[3] / 1000 or nil, token = tonumber(is.token), wants = one[4],
    waits = one[5], since = seconds_of(one[6]),
  }
end

local function group_of(one)
  local is = pairs_of(one)
  return {
    name = is.name, consumers = is.consumers, pending = is.pending, lag = is.lag or nil,
  }
end

--- Asks Redis.
-- @tparam table store
-- @treturn[1] table `processes`, `budgets`, `completions` (of the stream: `length`, `groups`)
-- @treturn[2] nil
-- @treturn[2] string why not
return function(store)
  local connection = link.open(store.address, store.lease, { down = function() end })
  store:greet(connection)
  local reply, problem = ask(connection, store.lease, "EVAL", scripts.overview, "0", store.prefix,
    tostring(store.lease * 1000))
  connection:close("closed")
  if not reply then return nil, problem end
  local overview = { processes = reply[1], budgets = {}, completions = { groups = {} } }
  for i, one in ipairs(reply[2]) do overview.budgets[i] = budget_of(one) end
  overview.completions.length = reply[3]
  for i, one in ipairs(reply[4]) do overview.completions.groups[i] = group_of(one) end
  return overview
end
