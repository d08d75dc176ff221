-- SPDX-License-Identifier: MIT
-- Tasks that the owner of a budget watches for other processes, beside its own, with the scheduler
-- that exists: a guest is one more waiter of a watch.
local budgets = require "taskqueue.budgets"
local core = require "taskqueue.core"
local later = require "taskqueue.sharing.later"
local message = require "taskqueue.sharing.message"
local watches = require "taskqueue.watch"

-- Seconds after which a guest whose wish was not renewed is no longer served.
local KEPT = 60

local huge = math.huge

local methods = {}
local mt = { __index = methods }

-- A guest never ends by its own options: it is there as long as somebody wants it.
local function new_waiter(guest)
  return {
    is_guest = true, deadline = huge, failures_before = 0, was_seen = false,
    options = { interval = 0, first_delay = 0, not_found_grace = huge, max_poll_errors = huge },
    wake = function() guest:woken() end,
  }
end

-- The pace that suits the most eager of those who want it.
local function settle(guest)
  local interval, deadline, now = huge, huge, core.now()
  for _, want in pairs(guest.wants) do
    interval = math.min(interval, want.interval or 0)
    if want.deadline > now then deadline = math.min(deadline, want.deadline) end
  end
  guest.waiter.options.interval, guest.waiter.deadline = interval, deadline
  guest.watch:settle()
end

local function remove(self, guest)
  if self.by_id[guest.id] ~= guest then return end
  self.by_id[guest.id] = nil
  self.count = self.count - 1
  guest.watch:leave(guest.waiter)
end

-- The watch has news, which was published already: the guest leaves when there is nothing more to
-- be known. One whose client was closed goes on with another one.
local function check(self, guest)
  local outcome = guest.waiter.outcome
  local status = guest.watch:status()
  if not outcome and not (status and status.done) then return end
  remove(self, guest)
  if not outcome or outcome.kind ~= "closed" then return end
  for process, want in pairs(guest.wants) do self:take_one(process, guest.id, want) end
end

local function task_of(self, id, want, last, age)
  local client = budgets.clients_of(self.unit.budget)[1]
  local ok, task = pcall(function() return client and client:task(id) end)
  if not ok or not task then return nil end
  local now = core.now()
  if type(want.born) == "number" then task.born = now - math.max(0, math.min(want.born, 1e9)) end
  task.knows_birth = want.knows_birth == true
  if last and type(last.knowledge) == "table" then
    task.knowledge, task.knowledge_at = last.knowledge, now - age
  end
  return task
end

local function watch_of(task)
  local ok, watch = pcall(watches.of, task)
  if ok then return watch end
  -- What another process wrote of its pace cannot be read: without it, then.
  task.knowledge = nil
  return watches.of(task)
end

local function admit(self, id, want, last, age)
  local task = task_of(self, id, want, last, age)
  if not task then return nil end
  local guest = { id = id, wants = {}, watch = watch_of(task) }
  function guest.woken()
    later.soon(function() check(self, guest) end)
  end
  guest.waiter = new_waiter(guest)
  self.by_id[id] = guest
  self.count = self.count + 1
  watches.join(guest.watch, guest.waiter)
  if last and not guest.watch:changed() then
    pcall(guest.watch.hear, guest.watch, last.reading, last.more, age)
  end
  return guest
end

-- Looks once for another process, and tells it what comes of it.
local function look_for(self, process, id, want)
  local unit = self.unit
  local client = budgets.clients_of(unit.budget)[1]
  if not client then return end
  local look = {}
  local function answer(text)
    look.native:stop()
    self.looks[look] = nil
    unit.store:tell(process, message.looked(text, want.look))
  end
  function look.read() answer(message.reading(unit.name, look.native, id)) end
  function look.unread()
    local reply = look.native:reply()
    local failed = client:read_failure(reply, id)
    if failed.kind == "throttled" then
      look.native:refuse(reply.sent or core.now(), reply.retry_after)
      unit:pushed_back()
    end
    answer(message.failure(unit.name, id, failed))
  end
  function look.broken(_, words)
    answer(message.failure(unit.name, id, { kind = "protocol", message = words, detail = {} }))
  end
  local request = type(want.request) == "string" and want.request or nil
  look.native = core.watch(client.native, client.lane, id, look, request)
  look.native:tell("once")
  look.native:ask_first()
  self.looks[look] = true
end

local function is_number(value)
  return type(value) == "number" and value >= 0 and value < 1e12
end

-- What another process wants of a task, as it is counted here.
function methods:take_one(process, id, want, last, age)
  if type(id) ~= "string" or type(want) ~= "table" then return end
  local before = self.looked[process .. id]
  if is_number(want.look) and want.look ~= before then
    self.looked[process .. id] = want.look
    look_for(self, process, id, want)
  end
  if not want.is_watched then return end
  local guest = self.by_id[id] or admit(self, id, want, last, age)
  if not guest then return end
  local now = core.now()
  want.interval = is_number(want.interval) and want.interval or 0
  want.deadline = is_number(want.timeout) and now + want.timeout or huge
  want.kept_until = now + KEPT
  guest.wants[process] = want
  settle(guest)
end

--- Another process wants these tasks, texts by id.
function methods:take(process, wants)
  if type(wants) ~= "table" or type(process) ~= "string" then return end
  for _, id in ipairs(budgets.sorted_keys(wants)) do
    self:take_one(process, id, message.decode(tostring(wants[id])))
  end
end

--- All that the store has.
function methods:take_list(list)
  for _, entry in ipairs(list) do
    if entry.process ~= self.unit.sharing.process then
      local last = entry.last and message.decode(entry.last)
      self:take_one(entry.process, entry.id, message.decode(entry.text), last, entry.age or 0)
    end
  end
end

local function withdraw(self, process, guest)
  guest.wants[process] = nil
  if next(guest.wants) then settle(guest) else remove(self, guest) end
end

--- Another process does not want these tasks any more.
function methods:withdraw(process, ids)
  if type(ids) ~= "table" then return end
  for _, id in ipairs(ids) do
    local guest = self.by_id[id]
    self.looked[process .. id] = nil
    if guest and guest.wants[process] then withdraw(self, process, guest) end
  end
end

--- Those that were not renewed in time leave.
function methods:prune(now)
  for _, id in ipairs(budgets.sorted_keys(self.by_id)) do
    local guest = self.by_id[id]
    for process, want in pairs(guest.wants) do
      if now >= want.kept_until then withdraw(self, process, guest) end
    end
  end
end

--- The processes that want to hear of a task.
function methods:processes_of(id)
  local guest = self.by_id[id]
  return guest and budgets.sorted_keys(guest.wants) or {}
end

function methods:is_empty()
  return self.count == 0 and next(self.looks) == nil
end

--- This process is not the owner any more.
function methods:clear()
  for _, id in ipairs(budgets.sorted_keys(self.by_id)) do remove(self, self.by_id[id]) end
  for look in pairs(self.looks) do look.native:stop() end
  self.looks, self.looked = {}, {}
end

return function(unit)
  return setmetatable({ unit = unit, by_id = {}, count = 0, looks = {}, looked = {} }, mt)
end
