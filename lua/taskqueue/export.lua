-- SPDX-License-Identifier: MIT
--[[
Waits and what is known of them as plain data, so that another process can take them up: strings,
numbers, booleans and tables of them, without a secret. Instants in it are Unix times.
]]
local budgets = require "taskqueue.budgets"
local core = require "taskqueue.core"
local plain = require "taskqueue.plain"

local export = {
  --- The wall clock, in seconds.
  wall_time = os.time,
}

local VERSION = 1
local STATES = { pending = true, running = true, succeeded = true, failed = true }

--- What is known of one task.
-- @tparam task task
-- @treturn table plain data
function export.task(task)
  local watch = task.client.watches[task.id]
  local now, wall = core.now(), export.wall_time()
  local known_at = watch and now or task.knowledge_at or now
  return {
    version = VERSION,
    id = task.id,
    service = task.client.service,
    url = task.client.url,
    first_seen = wall - (now - task.born),
    exported = wall - (now - known_at),
    status = plain(task:last_status()),
    knowledge = watch and watch:knowledge() or task.knowledge,
  }
end

local function task_of(watch)
  local task = watch.client:task(watch.id)
  task.born = core.now() - watch:knowledge().born
  return task
end

--- What is known of all tasks that are waited for, and of the services' tasks in general.
-- @tparam table clients a list
-- @treturn table plain data
function export.all(clients)
  local data = { version = VERSION, exported = export.wall_time(), tasks = {}, budgets = {} }
  for _, one in ipairs(clients) do
    for _, watch in ipairs(one:watch_list()) do
      data.tasks[#data.tasks + 1] = export.task(task_of(watch))
    end
  end
  for i, budget in ipairs(budgets.in_use()) do
    data.budgets[i] = {
      url = budget.url, method = budget.method, history = budget.lane:history(),
    }
  end
  return data
end

-- What is wrong with data is told with its place.
local function check(holds, where, wanted)
  if not holds then error(("import: %s must be %s"):format(where, wanted), 0) end
end

local function is_number(value)
  return type(value) == "number" and value == value and math.abs(value) < 1e12
end

local to_integer = math.tointeger or function(value) return value end

local function whole(value)
  return type(value) == "number" and value % 1 == 0 and to_integer(value) or value
end

local function status_of(data, where)
  local status = data.status
  if status == nil then return nil end
  check(type(status) == "table" and STATES[status.state], where .. ".status", "a status")
  local copy = {}
  for name, value in pairs(status) do copy[name] = value end
  copy.id = data.id
  copy.code, copy.progress = whole(copy.code), whole(copy.progress)
  copy.done = copy.state == "succeeded" or copy.state == "failed"
  copy.ok = copy.state == "succeeded"
  if type(copy.info_text) == "string" then copy.info = core.decode_json(copy.info_text) end
  return copy
end

local function try_knowledge(task)
  local client = task.client
  core.watch(client.native, client.lane, task.id, task):restore(task.knowledge, 0)
end

-- No task is older, whatever the data says: spans of time have to be short enough to be counted.
local OLDEST = 1e9

-- The instant on our clock that was at that wall time, which cannot be yet to come.
local function instant_of(wall_time)
  local seconds = export.wall_time() - wall_time
  return core.now() - math.max(0, math.min(seconds, OLDEST))
end

-- Takes one task up.
local function take_task(self, data, where)
  check(type(data) == "table", where, "a table")
  check(is_number(data.first_seen), where .. ".first_seen", "a Unix time")
  check(is_number(data.exported), where .. ".exported", "a Unix time")
  check(data.knowledge == nil or type(data.knowledge) == "table", where .. ".knowledge", "a table")
  local ok, task = pcall(self.task, self, data.id)
  check(ok, where .. ".id", "a task's id")
  task.status = status_of(data, where)
  task.born = instant_of(data.first_seen)
  if data.knowledge then
    task.knowledge_at = instant_of(data.exported)
    task.knowledge = data.knowledge
    task.knows_birth = data.knowledge.knows_birth == true
    local fits, why = pcall(try_knowledge, task)
    check(fits, where .. ".knowledge", "as it was exported: " .. tostring(why))
  end
  return task
end

local function is_of(self, data)
  return type(data) == "table" and data.service == self.service
    and type(data.url) == "string" and budgets.place_of(data.url) == budgets.place_of(self.url)
end

local function take_history(self, list)
  for i, budget in ipairs(list) do
    local where = ("budgets[%d]"):format(i)
    check(type(budget) == "table" and type(budget.url) == "string", where, "a table with a url")
    if budget.url == self.budget.url and budget.method == self.budget.method then
      local fits, why = pcall(self.lane.restore_history, self.lane, budget.history)
      check(fits, where .. ".history", "as it was exported: " .. tostring(why))
    end
  end
end

local function take_all(self, data)
  check(type(data.budgets) == "table", "budgets", "a list")
  local tasks = {}
  for i, one in ipairs(data.tasks) do
    if is_of(self, one) then
      tasks[#tasks + 1] = take_task(self, one, ("tasks[%d]"):format(i))
    end
  end
  take_history(self, data.budgets)
  return tasks
end

--- Takes up what `export.task` or `export.all` gave; of the latter, what is this client's.
-- @tparam table self a client
-- @tparam table data
-- @treturn task or a list of tasks
-- @raise a text that names what is wrong in the data
function export.import(self, data)
  check(type(data) == "table" and data.version == VERSION, "the data", "an export of version 1")
  if type(data.tasks) == "table" then return take_all(self, data) end
  if not is_of(self, data) then
    error(("import: the data is of %s at %s, not of this client"):format(
      tostring(data.service), tostring(data.url)), 0)
  end
  return take_task(self, data, "the data")
end

return export
