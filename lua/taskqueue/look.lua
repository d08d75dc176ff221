-- SPDX-License-Identifier: MIT
-- One look at a task, in its turn under the budget, without a retry.
local core = require "taskqueue.core"
local engine = require "taskqueue.engine"
local failure = require "taskqueue.failure"
local heard = require "taskqueue.heard"
local need = require "taskqueue.need"

local kind = failure.kind

-- News from the engine: the status.
local function read(self)
  local task = self.task
  self.status = self.native:status()
  if next(heard) then
    local from = task.status and task.status.state
    need("taskqueue.events").tell_reading(task.client, task.id, self.status, from)
  end
  self:wake()
end

-- News from the engine: a reply that told no status.
local function unread(self)
  local task, reply, events = self.task, self.native:reply(), need "taskqueue.events"
  self.outcome = task.client:read_failure(reply, task.id)
  events.tell_failure(task.client, task.id, self.outcome)
  if self.outcome.kind == kind.THROTTLED then
    self.native:refuse(reply.sent or core.now(), reply.retry_after)
    events.tell_throttle(task.client, task.id, self.outcome, reply.retry_after)
    if task.client.budget.share then task.client.budget.share:pushed_back() end
  elseif self.outcome.kind == kind.NOT_FOUND and task.status then
    self.outcome = failure.expired(task.id, self.outcome.detail)
  end
  self:wake()
end

-- Ends with what another process was told.
local function fail(self, failed)
  self.outcome = failed
  if failed.kind == kind.NOT_FOUND and self.task.status then
    self.outcome = failure.expired(self.task.id, failed.detail)
  end
  self:wake()
end

-- What the engine says when an error came out of the above.
local function broken(self, message)
  local words = ("task %s: %s"):format(self.task.id, tostring(message))
  self.outcome = failure.new(kind.PROTOCOL, words)
  self:wake()
end

local function ask(look, request, share)
  local client = look.task.client
  look.native = core.watch(client.native, client.lane, look.task.id, look, request)
  look.native:tell("once")
  look.native:ask_first()
  if share then share:look(look) end
end

--- Looks at a task.
-- @tparam table task
-- @tparam[opt] string request what else the poll says, encoded
-- @treturn[1] table status
-- @treturn[2] nil, message, kind, detail
return function(task, request)
  local client = task.client
  if client:is_closed() then return failure.closed(task) end
  local share = client.budget.share
  local look = engine.sleeper {
    task = task, request = request, read = read, unread = unread, broken = broken, fail = fail,
  }
  if not client:unless_closed(ask, look, request, share) then return failure.closed(task) end
  client:await(look)
  look.native:stop()
  if share then share:looked(look) end
  if not look.status then
    look.outcome.detail.attempts = 1
    look.outcome.detail.status = task.status
    return failure.values(look.outcome)
  end
  task.status, task.read_at = look.status, core.now()
  return look.status
end
