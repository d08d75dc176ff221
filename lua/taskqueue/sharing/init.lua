-- SPDX-License-Identifier: MIT
--[[
Budgets that several processes share, through a store that all of them reach: one process owns a
budget and polls, for the others too, and those listen. What is here knows no store in particular.

A process is the *owner* of a budget while it holds its lease. The fence of its lane stands where
the lease ends for sure, counted from when it was asked for, so that no operation of the store is
needed before a poll, and a process that was stopped sends nothing late. All others are *listeners*:
their lanes are fenced, their watches hear what the owner was told (`watch:hear`). When the store is
*away* for longer than a lease, waits go on at a share of the rate, or fail.

The store
---------
A store is a table of the functions below, with `lease`, the seconds for which a claim holds, and
`name`, a word for messages. They return at once. `done(result, problem)` is called once, at once or
later from inside the engine's step, and does not wait: `result` is nil when `problem`, a text
without a secret, says why. Names of units are hexadecimal text, processes are named by themselves,
texts are opaque. Times are seconds from now. What is kept has to expire by itself.

open(process, handlers)
    Begins. The store calls, at any time from inside the engine's step:
      handlers.up()            it can be reached: at first, and again after it could not
      handlers.down(problem)   it cannot; it goes on trying, and open calls end with that problem
      handlers.heard(text)     somebody told this process something
      handlers.changed(unit)   the ownership of a joined unit has changed
      handlers.rename(process) this process has another name, since it was forked; at first
      handlers.ending()        the Lua state is closed: only `release` may be called any more
close()
    Ends, as far as possible without waiting.
join(unit, about), part(unit)
    Begins and ends hearing `changed`. `about` is for operators: `url` and `method`.
claim(unit, id, done)
    Makes this process the owner, unless another one is whose lease has not run out: by the store's
    clock alone, atomically. Counts as a sign of life. Becoming the owner is told to all who joined.
      { is_owner = true, members =, was = "none" | "mine" | "released" | "expired",
        hold = seconds for which the next poll has to wait, history = text or nil,
        last = what was published last of the task, as of `want`, where `id` names the unit's only
        one }
      { is_owner = false, members =, retry = seconds until the lease ends }
    `members` is the number of processes alive.
beat(units, done)
    A sign of life, and renews the leases of these units, each only where this process still is the
    owner: { members =, held = { [unit] = true } }.
note(unit, note), release(unit, note)
    Keeps `note.hold` (seconds) and `note.history` (text), where given, for the next owner; only
    from the owner. The second one gives the lease back too, which is told to all who joined.
want(unit, wants, ttl, text, done)
    Keeps `wants`, texts by task, as this process's for `ttl` seconds, and tells the owner `text`,
    unless that is this process. Gives what was published last of them,
    { [id] = { text =, age = seconds } }; what was published as final is not kept as wanted.
withdraw(unit, ids, text)
    Ends wants of this process, and tells the owner `text`.
wants(unit, done)
    All that is wanted by processes alive, a list of { id =, process =, text = } with `last`, the
    text that was published last, and its `age`, where there is one.
publish(unit, id, text, ttl, is_final, processes)
    Keeps `text` as the last of that task for `ttl` seconds, and tells it these processes; only from
    the owner.
tell(process, text)
    Tells a process something; lost when that is gone.

What is told comes in order, or is lost with the connection: whatever matters is kept too, and asked
for again by `want` and `wants`.
]]
local budgets = require "taskqueue.budgets"
local core = require "taskqueue.core"
local events = require "taskqueue.events"
local later = require "taskqueue.sharing.later"
local each_task = require "taskqueue.sharing.each_task"
local message = require "taskqueue.sharing.message"
local new_unit = require "taskqueue.sharing.unit"

local sharing = {}

local methods = {}
local mt = { __name = "taskqueue.sharing", __index = methods }

-- A third of the lease, so that two renewals may be lost.
local BEATS_IN_LEASE = 3

-- Those that are forgotten meanwhile are left out.
local function each_unit(self)
  local names, i = budgets.sorted_keys(self.units), 0
  return function()
    local unit
    repeat
      i = i + 1
      unit = self.units[names[i]]
    until unit or i >= #names
    return unit
  end
end

local function is_busy(self)
  for unit in each_unit(self) do
    if unit.role ~= "idle" then return true end
  end
  return false
end

local function tell_trouble(self, problem)
  for unit in each_unit(self) do unit:troubled(problem) end
end

--- Renews the leases. A listener gives a sign of life too: by the number of processes each knows
-- its share when the store goes away.
function methods:renew()
  local names, asked = {}, core.now()
  for unit in each_unit(self) do
    if unit.role == "owner" then names[#names + 1] = unit.name end
  end
  self.store:beat(names, function(result, problem)
    if not result then return tell_trouble(self, problem) end
    self.members = result.members
    for _, name in ipairs(names) do
      local unit = self.units[name]
      -- It may have been given back and forgotten before the answer came.
      if unit and result.held[name] then
        unit:renewed(asked)
      elseif unit then
        unit:lost()
      end
    end
  end)
end

local function tick(self)
  self.ticking = nil
  self:renew()
  for unit in each_unit(self) do unit:tick() end
  for _, by_task in pairs(self.by_task) do by_task:sweep() end
  self:wake()
end

--- Has something begun that needs the store? Then its time passes.
function methods:wake()
  if self.is_closed or self.ticking or not is_busy(self) then return end
  self.ticking = later.after(self.store.lease / BEATS_IN_LEASE, function() tick(self) end)
end

local function hear(self, text)
  local told = message.decode(text)
  local unit = told and self.units[told.unit]
  -- Who can write into the store can write what cannot be read.
  if unit then events.guard("sharing", unit.heard, unit, told) end
end

local function new_handlers(self)
  return {
    up = function()
      for unit in each_unit(self) do unit:reached() end
      if self.reached then self.reached() end
    end,
    down = function(problem) tell_trouble(self, problem) end,
    rename = function(process) self.process = process end,
    ending = function()
      for unit in each_unit(self) do unit:let_go() end
    end,
    heard = function(text) hear(self, text) end,
    changed = function(name)
      local unit = self.units[name]
      if unit then unit:changed() end
    end,
  }
end

--- Lets a client's budget be shared. Does no I/O before its first wait.
-- @tparam table client whose budget it is
-- @tparam string credential what the budget belongs to, besides the URL and the method
-- @tparam string method
function methods:share(client, credential, method)
  if self.is_closed then error("the fleet is closed", 0) end
  local budget = client.budget
  if budget.share and budget.share.sharing == self then return end
  if budget.share then error("the budget is shared in another way already", 0) end
  -- The credential is named, and goes nowhere.
  local name = core.keyed_name(self.secret, table.concat({ budget.url, credential, method }, "\0"))
  local unit
  if budget.lane:is_limited() then
    unit = new_unit(self, budget, name)
    self.units[name], budget.share = unit, unit
  else
    budget.share = each_task(self, budget, name)
    self.by_task[name], unit = budget.share, budget.share.head
  end
  unit.lodgers = self.new_lodgers and self.new_lodgers(unit)
end

--- What is going on: a list of { url =, method =, role =, waits =, guests = } by budget.
function methods:stats()
  local list = {}
  for unit in each_unit(self) do
    if not unit.id then
      list[#list + 1] = unit:stats()
      local by_task = self.by_task[unit.name]
      if by_task then by_task:add_stats(list[#list]) end
    end
  end
  return list
end

--- Does this process take part for the sake of anybody, itself or others?
function methods:is_busy()
  return is_busy(self)
end

--- Gives the leases back now under which nothing is waited for, in a process that is about to end.
-- If it waits again it takes part again.
function methods:rest()
  for unit in each_unit(self) do unit:rest() end
end

--- Gives the leases back. The budgets are fenced for good, and their waits end as `closed`.
function methods:close()
  if self.is_closed then return end
  self.is_closed = true
  later.cancel(self.ticking)
  for unit in each_unit(self) do unit:close() end
  self.store:close()
end

--- Begins to share through a store.
-- @tparam table store see above
-- @tparam table options `secret`, the key of the names; `when_away`, `"share"` or `"fail"`; perhaps
-- `new_lodgers`, which makes what an owner watches that belongs to no process: it has the functions
-- `take_all`, `tick`, `clear` and `is_empty`; and `reached`, called when the store can be reached
-- @treturn table
function sharing.new(store, options)
  local self = setmetatable({
    store = store, units = {}, by_task = {}, members = 1, secret = options.secret,
    reached = options.reached,
    when_away = options.when_away, new_lodgers = options.new_lodgers, process = core.unique_name(),
  }, mt)
  store:open(self.process, new_handlers(self))
  return self
end

return sharing
