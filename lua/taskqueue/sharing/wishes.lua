-- SPDX-License-Identifier: MIT
-- What this process wants to know of the owner of a budget: the tasks that it waits for, and single
-- looks. Wishes are kept in the store for a while, and renewed in time.
local budgets = require "taskqueue.budgets"
local core = require "taskqueue.core"
local events = require "taskqueue.events"
local failure = require "taskqueue.failure"
local later = require "taskqueue.sharing.later"
local message = require "taskqueue.sharing.message"

-- Seconds for which a wish is kept, and after which it is renewed.
local KEPT, RENEWED = 60, 25
-- How many go to the store at once.
local IN_BATCH = 200

local wishes = {}

local methods = {}
local mt = { __index = methods }

-- Is that an older reading than what is known?
local function is_old(watch, age)
  local read_at = watch:read_at()
  return age > 0 and read_at ~= nil and read_at >= core.now() - age
end

local function failure_of(told)
  return failure.new(told.kind, tostring(told.message),
    { code = told.code, http_status = told.http_status, data = told.data }, told.transient)
end

--- Tells a watch what another process was told.
function wishes.tell(watch, told, age)
  if told.what == "failure" then
    watch:hear_failure(failure_of(told))
  elseif told.what == "reading" and not is_old(watch, age) then
    if not watch:changed() and told.knowledge then
      pcall(watch.restore, watch, told.knowledge, age)
    end
    watch:hear(told.reading, told.more, age)
  end
end

--- The same for a single look.
function wishes.tell_look(look, told)
  if told.what == "failure" then
    look:fail(failure_of(told))
  else
    look.native:hear_reading(told.reading, told.more, 0)
    look:read()
  end
end

local function want_of(watch, look)
  local now = core.now()
  local born = watch and watch:knowledge().born or 0
  return {
    interval = watch and watch:interval() < math.huge and watch:interval() or nil,
    timeout = watch and watch:deadline() < math.huge and watch:deadline() - now or nil,
    born = born, knows_birth = watch and watch:knowledge().knows_birth or nil,
    look = look and look.number, request = look and look.request, is_watched = watch ~= nil,
  }
end

-- What is to be asked for of each task, as far as it is asked for still.
local function collect(self)
  local wants = {}
  for watch in pairs(self.watches) do
    if self.unit.mine[watch] then wants[watch.id] = message.want(want_of(watch)) end
  end
  for look in pairs(self.looks) do
    if self.unit.looks[look] then
      local id = look.task.id
      wants[id] = message.want(want_of(look.task.client.watches[id], look))
    end
  end
  self.watches, self.looks = {}, {}
  return wants
end

local function in_batches(wants)
  local batches, count = {}, 0
  for id, text in pairs(wants) do
    if count % IN_BATCH == 0 then batches[#batches + 1] = {} end
    batches[#batches][id] = text
    count = count + 1
  end
  return batches
end

local function hear_all(unit, lasts)
  for id, last in pairs(lasts) do
    local told = message.decode(last.text)
    if told and told.id == id then unit:hear(told, last.age) end
  end
end

--- Takes in what was published last, by task.
function methods:hear_last(lasts)
  events.guard("sharing", hear_all, self.unit, lasts)
end

local function send(self)
  self.is_sending = false
  local unit = self.unit
  local wants = collect(self)
  if unit.role == "owner" or unit.role == "idle" then return end
  for _, batch in ipairs(in_batches(wants)) do
    local text = message.wants(unit.name, unit.sharing.process, batch)
    unit.store:want(unit.name, batch, KEPT, text, function(lasts)
      if lasts and unit.role ~= "idle" then self:hear_last(lasts) end
    end)
  end
end

local function send_soon(self)
  if self.is_sending then return end
  self.is_sending = true
  later.soon(function() send(self) end)
end

function methods:add(watch)
  self.watches[watch] = true
  send_soon(self)
end

--- A look gets a number, by which its answer is known.
function methods:add_look(look)
  self.looks_asked = self.looks_asked + 1
  look.number = self.looks_asked
  self.looks[look] = true
  send_soon(self)
end

local function withdraw_soon(self, id)
  if not next(self.withdrawn) then
    later.soon(function()
      local ids, unit = {}, self.unit
      for one in pairs(self.withdrawn) do ids[#ids + 1] = one end
      self.withdrawn = {}
      if unit.role == "idle" or unit.role == "away" then return end
      unit.store:withdraw(unit.name, ids, message.withdrawal(unit.name, unit.sharing.process, ids))
    end)
  end
  self.withdrawn[id] = true
end

-- Is the task wanted for something else?
local function is_wanted(unit, id)
  for _, client in ipairs(budgets.clients_of(unit.budget)) do
    local watch = client.watches[id]
    if watch and unit.mine[watch] then return true end
  end
  return false
end

function methods:remove(watch)
  self.watches[watch] = nil
  if not is_wanted(self.unit, watch.id) then withdraw_soon(self, watch.id) end
end

function methods:remove_look(look)
  self.looks[look] = nil
  if not is_wanted(self.unit, look.task.id) then withdraw_soon(self, look.task.id) end
end

--- Asks for everything again: of a new owner, or of a store that was away.
function methods:all()
  for watch in pairs(self.unit.mine) do self.watches[watch] = true end
  for look in pairs(self.unit.looks) do self.looks[look] = true end
  self.renewed_at = core.now()
  if next(self.watches) or next(self.looks) then send_soon(self) end
end

--- Time has passed.
function methods:renew(now)
  if now - self.renewed_at >= RENEWED then self:all() end
end

--- The wishes of this process under one budget.
function wishes.new(unit)
  return setmetatable({
    unit = unit, watches = {}, looks = {}, withdrawn = {}, looks_asked = 0,
    renewed_at = core.now(),
  }, mt)
end

return wishes
