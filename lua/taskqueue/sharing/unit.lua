-- SPDX-License-Identifier: MIT
--[[
One shared budget in this process, and what the process is for it: idle, listener, owner, or away
from the store. See init.lua for what these mean.
]]
local away = require "taskqueue.sharing.away"
local budgets = require "taskqueue.budgets"
local core = require "taskqueue.core"
local events = require "taskqueue.events"
local later = require "taskqueue.sharing.later"
local message = require "taskqueue.sharing.message"
local new_guests = require "taskqueue.sharing.guests"
local waiters = require "taskqueue.waiters"
local wishes = require "taskqueue.sharing.wishes"

local huge = math.huge

-- Of the lease: how much sooner the fence stands than the lease ends. Between the last look at the
-- fence and the sending of a request lie microseconds, unless the process is stopped just there.
local MARGIN = 0.1
-- Seconds for which the last reading is kept of a task that goes on, and of one that has ended.
local KEPT, KEPT_END = 600, 3600
-- How soon a claim is repeated that had no answer, in seconds.
local RETRY = 0.25
-- Beats between two notes of what the budget's tasks taught.
local BEATS_IN_NOTE = 10

local methods = {}
local mt = { __name = "taskqueue.sharing.unit", __index = methods }

--- Nothing is sent at that time or later.
function methods:move_fence(at)
  self.fence = at
  self.lane:set_fence(at)
end

-- Nobody else's tasks are watched any more.
local function clear_guests(self)
  self.guests:clear()
  if self.lodgers then self.lodgers:clear() end
end

-- The watches of this process that the unit is about.
local function watches_of(self)
  local list = {}
  for _, client in ipairs(budgets.clients_of(self.budget)) do
    if self.id then
      list[#list + 1] = client.watches[self.id]
    elseif not self.has_own_lodgers then
      for _, watch in ipairs(client:watch_list()) do list[#list + 1] = watch end
    end
  end
  return list
end

--- The process has another role.
function methods:become(role, why)
  local from = self.role
  if from == role then return end
  self.role = role
  for _, watch in ipairs(watches_of(self)) do watch:settle() end
  events.tell_role(self.budget, from, role, why)
end

--- The lane in which its tasks are polled.
function methods:lane_of()
  return self.lane
end

--- Does anybody of this process wait for something?
function methods:is_used()
  return next(watches_of(self)) ~= nil
end

--- Does this process poll under the budget?
function methods:is_owner()
  return self.role == "owner"
end

--- Seconds between two polls.
function methods:interval()
  local rate = self.lane:stats().rate
  return rate < huge and 1 / rate or 0
end

-- Whoever polls next keeps the distance to what others sent. After the store was away they may poll
-- on their own until they have noticed that it is back.
local function hold_of(self, claim)
  local hold = claim.hold or 0
  if claim.was == "expired" then hold = math.max(hold, self:interval()) end
  if self.was_away then hold = math.max(hold, self.store.lease) end
  return hold
end

local function fence_behind(self, asked)
  self:move_fence(asked + self.store.lease * (1 - MARGIN))
end

local function take_guests(self)
  self.store:wants(self.name, function(list)
    if not list or self.role ~= "owner" then return end
    self.guests:take_list(list)
  end)
end

local function own(self, asked, claim)
  self.lane:hold_until(core.now() + hold_of(self, claim))
  self.was_away = nil
  if claim.history then
    pcall(self.lane.restore_history, self.lane, message.decode(claim.history))
  end
  -- Before the first poll: a task that has ended needs none.
  if claim.last then self.wishes:hear_last { [self.id] = claim.last } end
  fence_behind(self, asked)
  self:become("owner", claim.was)
  self.beats = 0
  take_guests(self)
  if self.lodgers then self.lodgers:take_all() end
end

local function listen(self, seconds)
  self:become("listener")
  self.wishes:all()
  later.cancel(self.next_claim)
  -- At a moment of its own, so that not all of them claim what has just become free at once.
  self.next_claim = later.after(seconds + math.random() * 0.02, function() self:claim() end)
end

local function claimed(self, asked, claim, problem)
  self.is_claiming = false
  if self.role == "idle" then
    if claim and claim.is_owner then self.store:release(self.name, {}) end
    return
  elseif problem then
    away.note_trouble(self, problem)
    later.cancel(self.next_claim)
    self.next_claim = later.after(RETRY, function() self:claim() end)
    return
  end
  away.note_contact(self, asked)
  self.sharing.members = claim.members
  away.finish(self)
  if claim.is_owner then own(self, asked, claim) else listen(self, claim.retry) end
end

--- Tries to become the owner.
function methods:claim()
  if self.is_claiming or self.role == "owner" or self.role == "idle" then return end
  self.is_claiming = true
  local asked = core.now()
  self.store:claim(self.name, self.id, function(claim, problem)
    claimed(self, asked, claim, problem)
  end)
end

--- The lease holds from when its renewal was asked for.
function methods:renewed(asked)
  if self.role ~= "owner" then return end
  away.note_contact(self, asked)
  fence_behind(self, asked)
end

--- Another process has the lease, or the store has forgotten it.
function methods:lost()
  if self.role ~= "owner" then return end
  self:move_fence(0)
  clear_guests(self)
  self:become("listener", "the lease was lost")
  self.wishes:all()
  self:claim()
end

local function is_active(self)
  return next(self.mine) ~= nil or next(self.looks) ~= nil or self.is_serving
end

--- Gives the lease back, if there is one: nothing else may be left of the process.
function methods:let_go()
  if self.role ~= "owner" then return end
  local hold = self.lane:stats().next_slot or self:interval()
  self:move_fence(0)
  self.store:release(self.name, { hold = hold, history = message.history(self.lane) })
end

--- Gives the lease back, if there is one, and takes no part any more.
function methods:retire()
  if self.role == "idle" then return end
  self:let_go()
  away.finish(self)
  self:move_fence(0)
  clear_guests(self)
  later.cancel(self.next_claim)
  self.store:part(self.name)
  self:become("idle")
end

--- Takes no part any more, unless something is waited for here: a wait that was just woken and has
-- not looked yet counts too.
function methods:rest()
  if not is_active(self) then self:retire() end
end

local function is_needed(self)
  local has_lodgers = self.lodgers and not self.lodgers:is_empty()
  return has_lodgers or not self.guests:is_empty()
end

-- Whoever neither waits nor is needed takes no part, once a lease has passed so; nor does one
-- without a client, which could not poll.
local function check_use(self, now)
  local can_poll = next(self.budget.rates) ~= nil
  if can_poll and (is_active(self) or is_needed(self)) then
    self.idle_since = nil
  else
    self.idle_since = self.idle_since or now
    if now - self.idle_since > self.store.lease then self:retire() end
  end
end

local function keep_notes(self)
  self.beats = self.beats + 1
  if self.beats % BEATS_IN_NOTE == 0 then
    self.store:note(self.name, { history = message.history(self.lane) })
  end
end

--- The store is down, or a beat had no answer.
function methods:troubled(problem)
  if self.role ~= "idle" then away.note_trouble(self, problem) end
end

--- Time has passed.
function methods:tick()
  if self.role == "idle" then return end
  local now = core.now()
  -- Of what runs out while the process is stopped it has not heard.
  if self.role == "owner" and now >= self.fence then self:lost() end
  if away.is_out_of_reach(self, now) then away.begin(self) end
  self.wishes:renew(now)
  self.guests:prune(now)
  if self.role == "owner" then keep_notes(self) end
  if self.role == "owner" and self.lodgers then self.lodgers:tick(now) end
  check_use(self, now)
  if self.role == "away" then self:claim() end
end

local function join(self)
  local budget = self.budget
  self.store:join(self.name, {
    url = budget.url, method = budget.method,
  })
end

--- The store can be reached again.
function methods:reached()
  if self.role == "idle" then return end
  join(self)
  if self.role == "owner" then take_guests(self) else self.wishes:all() end
  self:claim()
end

--- The ownership has changed. Whoever believes to be the owner asks whether it still is.
function methods:changed()
  if self.role == "owner" then self.sharing:renew() else self:claim() end
end

local function begin(self)
  self.contact = core.now()
  self.idle_since = nil
  self:become("listener")
  join(self)
  self.sharing:wake()
  self:claim()
end

-- Takes part from now on. What begins while the store is away, or the fleet closed, meets what the
-- others met.
local function take_part(self)
  if away.ends_waits(self) then
    later.soon(function()
      if away.ends_waits(self) then away.end_waits(self) end
    end)
  elseif self.role == "idle" then
    begin(self)
  end
end

--- The fleet is closed: its waits end with that.
function methods:close()
  self:retire()
  away.end_waits(self)
end

--- Takes part for a while, in which it shows whether it is needed.
function methods:attend()
  take_part(self)
end

--- Takes part, also without waits of its own, until that is ended.
function methods:serve(is_serving)
  self.is_serving = is_serving
  if is_serving then take_part(self) end
end

local function has_own_waiter(watch)
  for waiter in waiters.each(watch) do
    if not waiter.is_guest then return true end
  end
  return false
end

--- The waiters of a watch have changed.
function methods:settle(watch)
  local is_mine = has_own_waiter(watch)
  if is_mine and not self.mine[watch] then
    self.mine[watch] = true
    take_part(self)
    self.wishes:add(watch)
  elseif not is_mine then
    self:drop(watch)
  end
end

--- Nobody of this process waits for the task any more.
function methods:drop(watch)
  if not self.mine[watch] then return end
  self.mine[watch] = nil
  self.wishes:remove(watch)
end

--- A single look was asked for, or is over.
function methods:look(look)
  self.looks[look] = true
  take_part(self)
  self.wishes:add_look(look)
end

function methods:looked(look)
  self.looks[look] = nil
  self.wishes:remove_look(look)
end

--- A poll of this process told a status, or that there is none to be had.
function methods:read(watch)
  if self.role ~= "owner" then return end
  local is_final = watch:status().done
  self.store:publish(self.name, watch.id, message.reading(self.name, watch, watch.id),
    is_final and KEPT_END or KEPT, is_final, self.guests:processes_of(watch.id))
end

function methods:failed(watch)
  if self.role ~= "owner" then return end
  local text = message.failure(self.name, watch.id, watch.failure)
  for _, process in ipairs(self.guests:processes_of(watch.id)) do self.store:tell(process, text) end
end

--- The service pushed the budget back.
function methods:pushed_back()
  local hold = self.lane:stats().next_slot
  if self.role == "owner" and hold then self.store:note(self.name, { hold = hold }) end
end

--- Takes in what another process told of a task, so many seconds ago.
function methods:hear(told, age)
  for _, client in ipairs(budgets.clients_of(self.budget)) do
    local watch = client.watches[told.id]
    if watch then wishes.tell(watch, told, age) end
  end
end

--- Another process has told this one something.
function methods:heard(told)
  if told.what == "wants" then
    if self.role == "owner" then self.guests:take(told.process, told.wants) end
  elseif told.what == "withdrawal" then
    self.guests:withdraw(told.process, told.ids)
  elseif told.what == "lodgers" then
    if self.role == "owner" and self.lodgers then self.lodgers:take_all() end
  elseif told.look then
    for look in pairs(self.looks) do
      if look.number == told.look then wishes.tell_look(look, told) end
    end
  else
    self:hear(told, 0)
  end
end

--- Numbers of this process alone.
function methods:stats()
  local waits = 0
  for watch in pairs(self.mine) do waits = waits + waiters.count(watch) end
  return {
    url = self.budget.url, method = self.budget.method, role = self.role, name = self.name,
    waits = waits, guests = self.guests.count, problem = self.problem,
  }
end

--- Makes a shared budget of one that is not.
-- @tparam table sharing
-- @tparam table budget
-- @tparam string name that the other processes know it by
-- @tparam ?table apart where the unit is not the whole budget: its `lane`, and the `id` of its task
return function(sharing, budget, name, apart)
  local self = setmetatable({
    sharing = sharing, store = sharing.store, budget = budget, name = name,
    lane = apart and apart.lane or budget.lane, id = apart and apart.id,
    role = "idle", mine = {}, looks = {}, contact = 0,
  }, mt)
  self.guests, self.wishes = new_guests(self), wishes.new(self)
  self:move_fence(0)
  return self
end
