-- SPDX-License-Identifier: MIT
-- What is going on: numbers by client and by budget, as plain tables without a secret.
local budgets = require "taskqueue.budgets"
local client = require "taskqueue.client"
local core = require "taskqueue.core"
local waiters = require "taskqueue.waiters"

-- The waits of a client, and how old what they know is.
local function count_waits(one, into, now)
  for _, watch in pairs(one.watches) do
    into.waits = into.waits + waiters.count(watch)
    into.tasks = into.tasks + 1
    local read_at = watch:read_at()
    if read_at then
      into.known = into.known + 1
      into.age = into.age + (now - read_at)
    end
  end
end

local function new_count()
  return { waits = 0, tasks = 0, known = 0, age = 0 }
end

local function complete(entry, count, retries, next_slot)
  entry.waits, entry.tasks = count.waits, count.tasks
  entry.mean_age = count.known > 0 and count.age / count.known or nil
  entry.retries, entry.next_slot = retries, next_slot
  return entry
end

local function of_client(one, now)
  local count, entry = new_count(), one.native:stats()
  count_waits(one, count, now)
  entry.service, entry.url = one.service, one.url
  return complete(entry, count, one.retries, one.lane:stats().next_slot)
end

local function of_budget(budget, now)
  local count, entry = new_count(), budget.lane:stats()
  local clients = budgets.clients_of(budget)
  entry.clients = #clients
  for _, one in ipairs(clients) do count_waits(one, count, now) end
  entry.url, entry.method = budget.url, budget.method
  entry.role, entry.is_fenced = budget.share and budget.share.role, nil
  return complete(entry, count, budget.retries, entry.next_slot)
end

--- Tells what is going on.
-- @treturn table see `taskqueue.stats`
return function()
  local now = core.now()
  local result = { clients = {}, budgets = {} }
  for i, one in ipairs(client.open_ones()) do result.clients[i] = of_client(one, now) end
  for i, budget in ipairs(budgets.in_use()) do result.budgets[i] = of_budget(budget, now) end
  return result
end
