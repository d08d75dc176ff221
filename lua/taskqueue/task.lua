-- SPDX-License-Identifier: MIT

--- A handle of a task on a service. Making one does no I/O.
-- @classmod task
local core = require "taskqueue.core"
local look = require "taskqueue.look"
local need = require "taskqueue.need"
local options = require "taskqueue.options"

-- Loaded by the first wait.
local wait

local methods = {}
local mt = { __name = "taskqueue.task", __index = methods }

function mt:__tostring()
  return ("taskqueue.task %s of %s"):format(self.id, tostring(self.client))
end

--- Looks at the task once, in its turn under the budget, without a retry.
-- @treturn[1] table the status
-- @treturn[2] nil
-- @treturn[2] string message
-- @treturn[2] string kind
-- @treturn[2] table detail
function methods:get_status()
  return look(self)
end

--- Waits until the task has ended.
-- @tparam[opt] table given options of the wait (`docs/waiting.md`)
-- @treturn[1] table the final status of a task that succeeded
-- @treturn[2] nil
-- @treturn[2] string message; exactly "timeout" when the time is over
-- @treturn[2] string kind
-- @treturn[2] table detail
-- @raise for an unknown option or a wrong type
function methods:wait_until_done(given)
  wait = wait or need "taskqueue.wait"
  return wait.of_task(self, given)
end

--- What was last heard of the task, by this handle or by a wait in progress. Does no I/O.
-- @treturn ?table a status, or nil when nothing was heard
function methods:last_status()
  local watch = self.client.watches[self.id]
  return watch and watch:status() or self.status
end

--- Seconds since a poll told of the task last, by this handle or by a wait in progress.
-- @treturn ?number nil when nothing was heard
function methods:age()
  local watch = self.client.watches[self.id]
  local read_at = watch and watch:read_at()
  if read_at then return core.now() - read_at end
  return self.status and self.read_at and core.now() - self.read_at or nil
end

--- Seconds until the task will end, as its progress lets expect; 0 when it should have.
-- @treturn ?number nil without a wait in progress, and when its progress does not tell
function methods:remaining()
  local watch = self.client.watches[self.id]
  local ends_at = watch and watch:ends_at()
  return ends_at and math.max(0, ends_at - core.now()) or nil
end

--- What is known of the task, as plain data for `client:import`: strings, numbers, booleans and
-- tables of them, without a secret.
-- @treturn table
function methods:export()
  return need("taskqueue.export").task(self)
end

-- Keeps what a watch knows of the task's pace, for the next one.
function methods:learn(native)
  self.knowledge, self.knowledge_at = native:knowledge(), core.now()
end

--- Ends every wait for this task with the kind `cancelled`. The remote work goes on.
function methods:stop_waiting()
  local watch = self.client.watches[self.id]
  if watch then watch:end_all("cancelled", ("task %s: waiting was stopped"):format(self.id)) end
end

local task = {}

-- Makes a handle of a task that was heard of just now.
-- @tparam table client
-- @tparam string|number id
-- @tparam[opt=2] number level whom an error blames, as in `error`
function task.new(client, id, level)
  id = options.id("task", id, (level or 2) + 1)
  return setmetatable({ client = client, id = id, born = core.now(), knows_birth = false }, mt)
end

-- Makes a handle of a task that the service has just begun.
function task.begun(client, id)
  local self = task.new(client, id)
  self.knows_birth = true
  return self
end

function task.is_task(value)
  return getmetatable(value) == mt
end

return task
