-- SPDX-License-Identifier: MIT
-- The tasks that the simulator knows, in the order of their creation, which is the order in which
-- they are forgotten. `now` is given, so that specs can set it.

local script = require("taskqueue.sim.script")

local methods = {}
local mt = { __name = "taskqueue.sim.tasks", __index = methods }

local tasks = {}

local FIRST_ID = 100001
local NODE_FIRST_ID = "7W3A0N1N9I2E7N1TKLS54A9PTR"
local NODE_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

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
    node_ids = 0,
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

local function decimal_id(self)
  self.next_id = self.next_id + 1
  return ("%d"):format(self.next_id - 1)
end

-- The first is the vendor's example; those after it look alike and are the same in every run.
local function node_id(self)
  self.node_ids = self.node_ids + 1
  if self.node_ids == 1 then return NODE_FIRST_ID end
  local seed, digits = self.node_ids * 48271, {}
  for i = 1, #NODE_FIRST_ID do
    seed = seed * 16807 % 2147483647
    local digit = seed % #NODE_ALPHABET + 1
    digits[i] = NODE_ALPHABET:sub(digit, digit)
  end
  return table.concat(digits)
end

local function free_id(self, service)
  local next_id = service == "node" and node_id or decimal_id
  local id
  repeat id = next_id(self) until not self.by_id[id]
  return id
end

--- Creates a task now.
-- @tparam ?table given checked options
-- @tparam ?table origin `service` and `type` where the options name none
-- @treturn[1] table the task
-- @treturn[2] nil
-- @treturn[2] string the id is taken
function methods:create(given, origin)
  given, origin = given or {}, origin or {}
  sweep(self)
  local service = given.service or origin.service
  local id = given.id or free_id(self, service)
  if self.by_id[id] then return nil, "a task with the id '" .. id .. "' exists already" end
  local task = {
    id = id,
    service = service,
    type = given.type or origin.type,
    script = script.new(given, self.defaults),
    created = self.now(),
    polls = 0,
  }
  self.by_id[id] = task
  self.last = self.last + 1
  self.queue[self.last] = task
  return task
end

--- Keeps options for the next task that a service itself creates: the one they name, or any.
function methods:plan(given)
  self.planned[#self.planned + 1] = given or {}
end

local function take_plan(self, service)
  for i, plan in ipairs(self.planned) do
    if not plan.service or plan.service == service then return table.remove(self.planned, i) end
  end
end

--- Creates a task for a call of a service: the first planned one, else one of default options.
-- @tparam ?table origin as for `create`
-- @treturn table the task
function methods:create_planned(origin)
  return assert(self:create(take_plan(self, origin and origin.service), origin))
end

--- Looks a task up.
-- @tparam string id
-- @tparam ?string service whose tasks are meant; any by default
-- @treturn ?table nil when it is unknown, forgotten or another service's
function methods:find(id, service)
  local task = self.by_id[id]
  if task and is_known(self, task) and (not service or task.service == service) then return task end
end

--- Where a task stands now, see `script.at` and, for the node's, `script.node_at`; counted in its
-- `polls`.
function methods:poll(task)
  task.polls = task.polls + 1
  local at = task.service == "node" and script.node_at or script.at
  return at(task.script, self.now() - task.created)
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
    service = task.service,
    type = task.type,
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
