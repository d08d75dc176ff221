-- SPDX-License-Identifier: MIT
--[[
The budgets of this process by what they belong to, (base URL, credential, method), with the rates
that their clients wish. A budget outlives its clients while it holds something back, and a while
longer. A key holds a credential and never leaves here.
]]
local core = require "taskqueue.core"

local budgets = {}

local known = {}
local IDLE_KEPT = 60

--- The same place by another spelling is the same budget.
function budgets.place_of(url)
  local scheme, host, path = url:match("^(%a+)://([^/]*)(.*)$")
  scheme, host = scheme:lower(), host:lower()
  host = host:gsub(scheme == "https" and ":443$" or ":80$", "")
  path = path:gsub("/+$", "")
  return scheme .. "://" .. host .. path
end

local function forget_idle()
  for key, budget in pairs(known) do
    if not next(budget.rates) and budget.lane:is_idle(IDLE_KEPT) then known[key] = nil end
  end
end

--- Of several wishes for one budget the careful one holds; or a part of it, where other processes
-- take the rest.
function budgets.settle_rate(budget)
  local lowest = math.huge
  for _, rate in pairs(budget.rates) do lowest = math.min(lowest, rate) end
  local part = budget.part or (not budget.share and budgets.part) or 1
  if next(budget.rates) then budget.lane:set_rate(lowest * part) end
end

local function new(url, method, checked)
  return {
    lane = core.lane(checked.rate, checked.burst),
    -- By client.
    rates = setmetatable({}, { __mode = "k" }),
    url = url,
    method = method,
    retries = 0,
  }
end

--- From now on this process takes that part of all rates, but of those that it shares.
function budgets.take_part(part)
  budgets.part = part
  for _, budget in pairs(known) do budgets.settle_rate(budget) end
end

--- Joins a client to its budget.
-- @tparam table client
-- @tparam string credential
-- @tparam string method
-- @tparam table checked options of the client, with `rate` and `burst`
-- @treturn table the budget
function budgets.join(client, credential, method, checked)
  local url = budgets.place_of(client.url)
  local key = table.concat({ url, credential, method }, "\0")
  if not known[key] then
    forget_idle()
    known[key] = new(url, method, checked)
  end
  local budget = known[key]
  budget.rates[client] = checked.rate
  budgets.settle_rate(budget)
  return budget
end

--- The keys of a table in their order, so that what is done for all of them is done the same way in
-- each run.
function budgets.sorted_keys(of)
  local keys = {}
  for key in pairs(of) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

--- The clients of a budget in the order in which they were made.
-- @tparam table budget
-- @treturn table a list
function budgets.clients_of(budget)
  local by_number, list = {}, {}
  for client in pairs(budget.rates) do by_number[client.number] = client end
  for i, number in ipairs(budgets.sorted_keys(by_number)) do list[i] = by_number[number] end
  return list
end

--- The budgets that have clients, in an order that stays.
-- @treturn table a list
function budgets.in_use()
  local list = {}
  for _, key in ipairs(budgets.sorted_keys(known)) do
    if next(known[key].rates) then list[#list + 1] = known[key] end
  end
  return list
end

--- Forgets the budgets that no client has, with what they hold back.
function budgets.forget_unused()
  for key, budget in pairs(known) do
    if not next(budget.rates) then known[key] = nil end
  end
end

-- Lets all budgets go over to another time; the rates are those of their clients.
local function change_time(change)
  for _, budget in pairs(known) do
    budget.lane[change](budget.lane)
    budgets.settle_rate(budget)
  end
end

--- Simulated time begins: what the budgets hold back in real time is put aside.
function budgets.set_aside()
  change_time("set_aside")
end

--- Real time goes on, with what was put aside.
function budgets.take_back()
  change_time("take_back")
end

return budgets
