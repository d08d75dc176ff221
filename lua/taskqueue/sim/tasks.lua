-- SPDX-License-Identifier: MIT
-- The tasks that the simulator knows, in the order of their creation, which is the order in which
-- they are forgotten. `now` is given, so that specs can set it.

local script = require("taskqueue.sim.script")

local methods = {}
local mt = { __name = "taskqueue.sim.tasks", __index = methods }

local tasks = {}

local FIRST_ID = 100001

--- A store of tasks.
-- @tparam function now gives seconds
-- @tparam number forget_after seconds that a task is known
-- @tparam ?table defaults options for tasks that say nothing else
function tasks.new(now, forget_after, defaults)
  return setmetatable({
    now = now,
    forget_after = forget_after,
    defaults = defaults,
    by_id = {},
    queue = {},
    first = 1,
    last = 0,
    next_id = FIRST_ID,
    planned = {},
  }, mt)
end

local function is_known(self, task)
  return self.by_id[task.id] == task and self.now() - task.created < self.forget_after
end

local function sweep(self)
  while self.first <= self.last and not is_known(self, self.queue[self.first]) do
    local task = self.queue[self.first]
    if self.by_id[task.id] == task then self.by_id[task.id] = nil end
    self.queue[self.first] = nil
    self.first = self.first + 1
  end
end

local function free_id(self)
  local id
  repeat
    id = ("%d"):format(self.next_id)
    self.next_id = self.next_id + 1
  until not self.by_id[id]
  return id
end

--- Creates a task now.
-- @tparam ?table given checked options
-- @treturn[1] table the task
-- @treturn[2] nil
-- @treturn[2] string the id is taken
function methods:create(given)
  sweep(self)
  local id = given and given.id or free_id(self)
  if self.by_id[id] then return nil, "a task with the id '" .. id .. "' exists already" end
  local plan = script.new(given, self.defaults)
  local task = { id = id, script = plan, created = self.now(), polls = 0 }
  self.by_id[id] = task
  self.last = self.last + 1
  self.queue[self.last] = task
  return task
end

--- Keeps options for the next task that the service itself creates.
function methods:plan(given)
  self.planned[#self.planned + 1] = given or {}
end

--- Creates a task for a call of the service: the first planned one, else one of default options.
-- @treturn table the task
function methods:create_planned()
  return assert(self:create(table.remove(self.planned, 1)))
end

--- Looks a task up.
-- @tparam string id
-- @treturn ?table nil when it is unknown or forgotten
function methods:find(id)
  local task = self.by_id[id]
  if task and is_known(self, task) then return task end
end

--- Where a task stands now, see `script.at`; counted in its `polls`.
function methods:poll(task)
  task.polls = task.polls + 1
  return script.at(task.script, self.now() - task.created)
end

--- Forgets a task before its time.
-- @treturn boolean it was known
function methods:forget(id)
  local task = self:find(id)
  self.by_id[id] = nil
  return task ~= nil
end

local function describe(task)
  local plan = task.script
  return {
    id = task.id,
    outcome = plan.outcome,
    created = task.created,
    started = task.created + plan.delay,
    ended = task.created + script.length(plan),
    polls = task.polls,
  }
end

--- All tasks that are not forgotten, the oldest first.
function methods:list()
  local list = {}
  sweep(self)
  for i = self.first, self.last do
    if is_known(self, self.queue[i]) then list[#list + 1] = describe(self.queue[i]) end
  end
  return list
end

function mt:__tostring()
  return mt.__name .. ": " .. #self:list() .. " tasks"
end

return tasks
