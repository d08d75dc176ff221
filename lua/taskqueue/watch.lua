-- SPDX-License-Identifier: MIT
--[[
What several waits on one task share: its polls and what they told. A watch exists while somebody
waits; the native part polls, and comes here only with news. Each waiter decides for itself what a
failed poll means for it; the watch goes on while one of them does.
]]
local core = require "taskqueue.core"
local failure = require "taskqueue.failure"

local kind = failure.kind
local huge = math.huge

local watches = {
  -- Delay after the first failed poll in a row, in seconds, and where its doubling ends.
  first_retry = 0.25,
  longest_retry = 15,
}

-- Between two polls of a task when neither a budget nor the caller sets a pace.
local UNLIMITED_INTERVAL = 1

local methods = {}
local mt = { __name = "taskqueue.watch", __index = methods }

--- The watch of a task, shared with those who wait for it already.
function watches.of(client, id)
  local watch = client.watches[id]
  if watch then return watch end
  watch = setmetatable({ client = client, id = id, waiters = {}, failures = 0 }, mt)
  watch.native = core.watch(client.native, client.lane, id, watch)
  client.watches[id] = watch
  return watch
end

-- The pace that suits the most eager waiter.
local function settle_pace(self)
  local interval, tell, deadline, now = huge, "end", huge, core.now()
  for waiter in pairs(self.waiters) do
    interval = math.min(interval, waiter.options.interval)
    if waiter.deadline > now then deadline = math.min(deadline, waiter.deadline) end
    if waiter.options.on_progress then tell = "change" end
  end
  if interval == 0 and not self.client.lane:is_limited() then interval = UNLIMITED_INTERVAL end
  self.interval = interval
  self.native:set_pace(interval, deadline)
  self.native:tell(tell)
end

--- Adds a waiter; the first one starts the polls.
function watches.join(self, waiter)
  local is_first = next(self.waiters) == nil
  self.waiters[waiter] = true
  settle_pace(self)
  local first_look = core.now() + waiter.options.first_delay
  if is_first or first_look < self.due then
    self.due = first_look
    self.native:schedule(first_look)
  end
end

--- Removes a waiter; the last one ends the polls.
function methods:leave(waiter)
  self.waiters[waiter] = nil
  if next(self.waiters) then
    settle_pace(self)
    return
  end
  self.native:stop()
  if self.client.watches[self.id] == self then self.client.watches[self.id] = nil end
end

local function wake_all(self)
  for waiter in pairs(self.waiters) do waiter:wake() end
end

-- News from the engine: a reading that somebody wants to hear of.
function methods:read()
  self.failures, self.failure = 0, nil
  wake_all(self)
end

local function look_again(self, at)
  if next(self.waiters) then
    self.due = at
    self.native:schedule(at)
  end
end

-- Gives every waiter for whom this failure is the end its outcome. True when somebody goes on.
local function end_waits(self, gives_up)
  local goes_on = false
  for waiter in pairs(self.waiters) do
    if gives_up(waiter) then
      waiter.outcome = self.failure
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
  local number = self.native:polls()
  if self.last_failed ~= number - 1 then self.failures = 0 end
  self.last_failed = number
  self.failures = self.failures + 1
end

local function retry_delay(failures)
  local delay = math.min(watches.first_retry * 2 ^ (failures - 1), watches.longest_retry)
  return delay * (0.5 + math.random() / 2)
end

local function refused(self, reply)
  -- The refusal neither breaks a row of failures nor belongs to it.
  local number = self.native:polls()
  if self.last_failed == number - 1 then self.last_failed = number end
  self.client.lane:refuse(reply.sent or core.now(), reply.retry_after)
  look_again(self, core.now())
end

-- "Not found": not there yet, while a waiter's grace lasts; gone, when it has been seen before.
local function missing(self)
  if self.native:status() then
    self.failure.kind = kind.EXPIRED
    self.failure.message = ("task %s: not known to the service any more, its outcome is unknown")
      :format(self.id)
    return end_waits(self, function() return true end)
  end
  local now = core.now()
  self.missing_since = self.missing_since or now
  local missing_for = now - self.missing_since
  if end_waits(self, function(waiter)
    return missing_for >= waiter.options.not_found_grace
  end) then
    look_again(self, now + math.max(self.interval, watches.first_retry))
  end
end

local function failed(self)
  count_failure(self)
  local failures, is_transient = self.failures, self.failure.transient
  if end_waits(self, function(waiter)
    return not is_transient or failures > waiter.options.max_poll_errors
  end) then
    look_again(self, core.now() + math.max(self.interval, retry_delay(failures)))
  end
end

-- News from the engine: a poll that told no status.
function methods:unread()
  local reply = self.native:reply()
  self.failure = self.client:read_failure(reply, self.id)
  if self.failure.kind == kind.THROTTLED then
    refused(self, reply)
  elseif self.failure.kind == kind.NOT_FOUND then
    missing(self)
  else
    failed(self)
  end
end

--- Ends all waits with the same failure.
-- @tparam string of a kind
-- @tparam string message
function methods:end_all(of, message)
  for waiter in pairs(self.waiters) do
    waiter.outcome = waiter.outcome or failure.new(of, message)
    waiter:wake()
  end
end

return watches
