-- SPDX-License-Identifier: MIT
--[[
What several waits on one task share: its polls and what they told. A watch exists while somebody
waits; the native part polls, and comes here only with news. Each waiter decides for itself what a
failed poll means for it; the watch goes on while one of them does.
]]
local budgets = require "taskqueue.budgets"
local core = require "taskqueue.core"
local events = require "taskqueue.events"
local failure = require "taskqueue.failure"
local need = require "taskqueue.need"
local waiters = require "taskqueue.waiters"

local kind = failure.kind
local huge = math.huge

local watches = {
  -- Delay after the first failed poll in a row, in seconds, and where its doubling ends.
  first_retry = 0.25,
  longest_retry = 15,
  --- Gives a number from 0 to 1, for the jitter of retries.
  random = math.random,
}

-- How many polls failed in a row: most watches never have a number of their own.
local methods = { failures = 0 }
local common_mt = { __index = methods }

watches.methods = methods

-- What the handle knows of the task's pace from before.
local function restore(native, task)
  native:set_birth(task.born, task.knows_birth)
  if task.knowledge then native:restore(task.knowledge, core.now() - task.knowledge_at) end
end

-- What the watches of a client under one lane have in common.
local function new_common(client, lane, group)
  -- What reads a failed poll is there before one fails.
  need("taskqueue.calls." .. client.service)
  local common = setmetatable({
    client.native, lane, client = client, group = group, firsts = {},
  }, common_mt)
  -- It is the metatable of those who have something of their own.
  common.__index = common
  return common
end

-- A group is of clients that share their budgets with nobody: each has one lane.
local function common_of(client, lane, group)
  local cache, key = client.commons, lane
  if group then cache, key = group.commons, client end
  if not cache[key] then cache[key] = new_common(client, lane, group) end
  return cache[key]
end

--- The watch of a task, shared with those who wait for it already. It is the native one, which has
-- the methods and fields of this module too.
-- @tparam table task
-- @tparam[opt] table group for whose members alone this is, if it is a new one
function watches.of(task, group)
  local client, id = task.client, task.id
  local watch = client.watches[id]
  if watch then return watch end
  local share = client.budget.share
  local lane = share and share:lane_of(id) or client.lane
  watch = core.watch(common_of(client, lane, group), id)
  restore(watch, task)
  client.watches[id] = watch
  return watch
end

-- What is shared with other processes, if the budget is.
local function share_of(self)
  return self.client.budget.share
end

-- The pace that suits the most eager waiter.
local function settle_pace(self)
  local interval, tell, deadline, now = huge, events.least_news(), huge, core.now()
  for waiter in waiters.terms(self) do
    interval = math.min(interval, waiter.options.interval)
    if waiter.deadline > now then deadline = math.min(deadline, waiter.deadline) end
    if waiter.options.on_progress and tell == "end" then tell = "change" end
  end
  local share = share_of(self)
  self:set_pace(interval, deadline)
  self:tell(share and share:is_owner(self) and "every" or tell)
  if share then share:settle(self) end
end

--- For when somebody begins or ceases to listen to events.
methods.settle = settle_pace

local function begin_looks(self, first_delay)
  settle_pace(self)
  self:hasten(core.now() + first_delay)
end

--- Adds a waiter; the first one starts the polls, and so does one who comes when they have ended
-- for those who have not left yet. It is not left behind when there is no memory for that.
function watches.join(self, waiter)
  -- Failures before a waiter came are not counted against it.
  if waiter.failures_before ~= self.failures then waiter.failures_before = self.failures end
  waiters.add(self, waiter)
  local ok, problem = pcall(begin_looks, self, waiter.options.first_delay)
  if not ok then
    self:leave(waiter)
    error(problem, 0)
  end
end

--- Adds the member of its group that has this place there, to a watch that nobody waits for yet.
function watches.join_group(self, place)
  self:set_place(place)
  begin_looks(self, self.group.options.first_delay)
end

--- Removes a waiter; the last one ends the polls.
function methods:leave(waiter)
  waiters.remove(self, waiter)
  if waiters.is_any(self) then
    settle_pace(self)
    return
  end
  self:stop()
  if share_of(self) then share_of(self):drop(self) end
  if self.client.watches[self.id] == self then self.client.watches[self.id] = nil end
end

local function wake_all(self)
  for waiter in waiters.each(self) do waiter:wake() end
end

-- News from the engine: a reading that somebody wants to hear of.
function methods:read()
  if self.failures ~= 0 then self.failures = 0 end
  events.tell_news(self)
  if share_of(self) then share_of(self):read(self) end
  wake_all(self)
end

local function look_again(self, at)
  if waiters.is_any(self) then self:schedule(at) end
end

-- Asks of every waiter with which failure it ends, if it does. True when somebody goes on. Who has
-- an outcome already, and has not noticed yet, keeps it.
local function end_waits(self, outcome_of)
  local goes_on = false
  for waiter in waiters.each(self) do
    local outcome = waiter.outcome or outcome_of(waiter)
    if outcome then
      waiter.outcome = outcome
      waiter:wake()
    else
      goes_on = true
    end
  end
  return goes_on
end

--[[
Failed polls count when they come in a row. A poll that succeeds and tells nothing new does not come
here, so a row is known by the numbers of its polls.
]]
local function count_failure(self)
  local number = self:polls()
  if self.last_failed ~= number - 1 then
    self.failures = 0
    for waiter in waiters.each(self) do waiter.failures_before = 0 end
  end
  self.last_failed = number
  self.failures = self.failures + 1
end

local function retry_delay(failures)
  local delay = math.min(watches.first_retry * 2 ^ (failures - 1), watches.longest_retry)
  return delay * (0.5 + watches.random() / 2)
end

local function retry(self, delay)
  local client = self.client
  client.retries = client.retries + 1
  client.budget.retries = client.budget.retries + 1
  events.tell_retry(self, delay)
  look_again(self, core.now() + delay)
end

--- Of a wait for a task of which nothing is known: the failure with which it ends now, when the
-- budget cannot give it a look before its deadline. Nothing else would come of it later.
-- @treturn ?table a failure
function methods:hopeless(waiter)
  if self.client:is_closed() or waiter.deadline <= core.now() then return nil end
  local can_look, seconds = self:can_look(waiter.deadline)
  if can_look then return nil end
  return failure.new(kind.TIMEOUT, "timeout", {
    cause = {
      kind = kind.THROTTLED,
      message = ("task %s: the budget has no slot for a first look before the deadline; "
        .. "the next one is in %.3g seconds"):format(self.id, seconds),
      detail = { next_slot = seconds },
    },
  })
end

local function is_hopeless(watch)
  for terms in waiters.terms(watch) do
    if watch:hopeless(terms) then return true end
  end
  return false
end

-- A budget that is pushed back may have no slot left for waits that have heard nothing yet.
local function end_hopeless(budget)
  for _, client in ipairs(budgets.clients_of(budget)) do
    for _, watch in ipairs(client:watch_list()) do
      if not watch:changed() and is_hopeless(watch) then
        end_waits(watch, function(waiter) return watch:hopeless(waiter) end)
      end
    end
  end
end

local function refused(self, reply)
  -- The refusal neither breaks a row of failures nor belongs to it.
  local number = self:polls()
  if self.last_failed == number - 1 then self.last_failed = number end
  self:refuse(reply.sent or core.now(), reply.retry_after)
  events.tell_throttle(self.client, self.id, self.failure, reply.retry_after)
  if share_of(self) then share_of(self):pushed_back() end
  look_again(self, core.now())
  end_hopeless(self.client.budget)
end

-- "Not found": not there yet, while a waiter's grace lasts; gone, when it has been seen before.
local function missing(self)
  local now = core.now()
  local is_seen = self:changed() ~= nil
  local gone = failure.expired(self.id, self.failure.detail)
  if end_waits(self, function(waiter)
    if is_seen or waiter.was_seen then return gone end
    waiter.missing_since = waiter.missing_since or now
    if now - waiter.missing_since >= waiter.options.not_found_grace then return self.failure end
  end) then
    look_again(self, now + math.max(self:interval(), watches.first_retry))
  end
end

local function failed(self)
  count_failure(self)
  local failures, is_transient = self.failures, self.failure.transient
  if end_waits(self, function(waiter)
    local counted = failures - waiter.failures_before
    local is_over = not is_transient or counted > waiter.options.max_poll_errors
    return is_over and self.failure
  end) then
    retry(self, math.max(self:interval(), retry_delay(failures)))
  end
end

local function note_failure(self, what)
  self.failure = what
  self.failed_poll = self:polls()
  events.tell_failure(self.client, self.id, what)
end

local function take_failure(self)
  if self.failure.kind == kind.NOT_FOUND then
    missing(self)
  else
    failed(self)
  end
end

-- News from the engine: a poll that told no status.
function methods:unread()
  local reply = self:reply()
  note_failure(self, self.client:read_failure(reply, self.id))
  if self.failure.kind == kind.THROTTLED then
    refused(self, reply)
  else
    if share_of(self) then share_of(self):failed(self) end
    take_failure(self)
  end
end

--- Takes in what another process was told of the task, as if this one had polled.
-- @tparam table reading and
-- @tparam ?table more as the native `reading` gave them
-- @tparam number age seconds since then
-- @raise a text that names what is wrong in the reading
function methods:hear(reading, more, age)
  if self:hear_reading(reading, more, age) then methods.read(self) end
end

--- Takes in the failure of another process's poll; a refusal by the budget is none.
function methods:hear_failure(what)
  self:miss()
  note_failure(self, what)
  take_failure(self)
end

-- What is wrong with the last poll, if anything is.
function methods:last_failure()
  return self.failed_poll == self:polls() and self.failure or nil
end

-- What the engine says when an error came out of the above.
function methods:broken(message)
  self.failure = failure.new(kind.PROTOCOL, ("task %s: %s"):format(self.id, tostring(message)))
  end_waits(self, function() return self.failure end)
end

--- Ends all waits with the same failure.
-- @tparam string of a kind
-- @tparam string message
function methods:end_all(of, message)
  for waiter in waiters.each(self) do
    waiter.outcome = waiter.outcome or failure.new(of, message)
    waiter:wake()
  end
end

return watches
