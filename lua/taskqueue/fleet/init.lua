-- SPDX-License-Identifier: MIT

--- Many processes, on one host or several, that share budgets through Redis.
-- @module taskqueue.fleet
local cjson = require "cjson"
local budgets = require "taskqueue.budgets"
local completions = require "taskqueue.fleet.completions"
local core = require "taskqueue.core"
local engine = require "taskqueue.engine"
local failure = require "taskqueue.failure"
local is_task = require("taskqueue.task").is_task
local message = require "taskqueue.sharing.message"
local new_scope = require("taskqueue.guard").scope
local new_sharing = require("taskqueue.sharing").new
local new_overview = require "taskqueue.fleet.overview"
local new_store = require("taskqueue.fleet.store").new
local options = require "taskqueue.options"
local url = require "taskqueue.fleet.url"
local waits = require "taskqueue.fleet.waits"

local fleet = {}

local methods = {}
local mt = { __name = "taskqueue.fleet", __index = methods }

local spec = {
  redis = { is = "string", required = true },
  name = { is = "string", required = true },
  lease = { is = "positive number", default = 3 },
  when_away = { is = { "share", "fail" }, default = "share" },
  secret = { is = "string" },
}

function mt:__tostring()
  local closed = self.is_closed and " closed" or ""
  return ("taskqueue.fleet %s on %s%s"):format(self.name, self.where, closed)
end

--- Lets a client's budget be shared with the other processes of the fleet; a client does it by its
-- option `fleet`.
function methods:share(client, credential, method)
  self.sharing:share(client, credential, method)
  if next(self.consumers) then client.budget.share:serve(true) end
end

--- What this process is for each budget that it shares.
-- @treturn table a list of `{ url =, method =, role =, waits =, guests =, problem = }`
function methods:stats()
  return self.sharing:stats()
end

local WEEK = 7 * 24 * 3600

local watch_spec = {
  data = { is = "table" },
  timeout = { is = "span", default = WEEK },
  interval = { is = "span", default = 0 },
  not_found_grace = { is = "span", default = 0 },
}

local function check_watched(self, task, level)
  if not is_task(task) then error("watch: the first argument must be a task", level + 1) end
  local share = task.client.budget.share
  if not share or share.sharing ~= self.sharing then
    error("watch: the task's client is not of this fleet", level + 1)
  end
  return share
end

local function want_of(task, checked, level)
  local ok, text = pcall(cjson.encode, {
    data = checked.data, interval = checked.interval, not_found_grace = checked.not_found_grace,
    knows_birth = task.knows_birth,
  })
  if not ok then error("watch: the data cannot be written as JSON: " .. text, level + 1) end
  return text
end

local function keep(self, unit, task, seconds, text, done)
  self.store:keep_wait(unit.name, task.id, seconds, text, message.lodgers(unit.name), done)
end

-- Hands over what Redis could not take when it was asked to.
local function hand_over(self)
  local kept = self.kept
  self.kept = {}
  for _, wait in ipairs(kept) do
    local left = math.max(0, wait.deadline - core.now())
    keep(self, wait.unit, wait.task, left, wait.text, function(_, problem)
      if problem then self.kept[#self.kept + 1] = wait end
    end)
  end
end

--- Gives a wait to the fleet: it outlives this process, and its end is handed out by `completions`.
-- @tparam task task of a client that has this fleet
-- @tparam[opt] table given `data`, a table that comes with the end; `timeout` in seconds (a week);
-- `interval` and `not_found_grace` as of any wait
-- @treturn[1] boolean true: Redis has it
-- @treturn[2] nil Redis cannot be reached; this process hands it over when it can
-- @treturn[2] string message
-- @treturn[2] string kind
-- @treturn[2] table detail
-- @raise for an unknown or wrong option
function methods:watch(task, given)
  local checked = options.check("watch", given, watch_spec)
  local unit = check_watched(self, task, 2)
  local text = want_of(task, checked, 2)
  local deadline = core.now() + checked.timeout
  local sleeper = engine.sleeper()
  -- Somebody has to own the budget.
  unit:attend()
  repeat
    local is_kept, problem, is_told
    keep(self, unit, task, checked.timeout, text, function(...)
      is_kept, problem = ...
      is_told = true
      sleeper:wake()
    end)
    if not is_told then engine.park(sleeper, core.now() + self.store.lease) end
    if is_kept then return true end
    self.problem = problem or "no answer"
    engine.rest(sleeper)
    engine.sleep(0.05)
  until core.now() > deadline - checked.timeout + self.store.lease
  self.kept[#self.kept + 1] = { unit = unit, task = task, deadline = deadline, text = text }
  return failure.values(failure.new(failure.kind.NETWORK,
    ("task %s: %s cannot be reached: %s"):format(task.id, self.store.name, self.problem),
    { attempts = 0 }))
end

-- A handle of the task, where this process has a client for it.
local function task_of(self, told)
  local unit = self.sharing.units[told.unit]
  local client = unit and budgets.clients_of(unit.budget)[1]
  if not client then return { id = told.id, url = told.url, service = told.service } end
  local task = client:task(told.id)
  task.status = told.status
  return task
end

-- What a completion gives, of what the stream has.
function methods:outcome(told)
  local status = told.status
  if status and type(status.info_text) == "string" then
    status.info = core.decode_json(status.info_text)
  end
  local is_good = not told.kind
  return task_of(self, told), is_good and status or nil, told.message, told.kind, told.data
end

-- While somebody consumes, this process takes part under all its budgets.
function methods:serve(consumer, is_serving)
  self.consumers[consumer] = is_serving or nil
  for _, name in ipairs(budgets.sorted_keys(self.sharing.units)) do
    local unit = self.sharing.units[name]
    if not unit.id then unit:serve(next(self.consumers) ~= nil) end
  end
end

local completions_spec = {
  group = { is = "string", required = true },
  timeout = { is = "span", default = math.huge },
  hold = { is = "positive span" },
}

--- Iterates over the ends of waits that were given to the fleet: `for task, status, message, kind,
-- data in fleet:completions { group = "billing" } do`. Each end goes to one consumer of each group,
-- at least once: it is acknowledged when the loop comes back for the next.
-- @tparam table given `group` (required); `timeout`, seconds to wait for the next end before the
-- loop is over (none); `hold`, seconds after which an end goes to another consumer whose process is
-- not heard of any more (five leases)
-- @treturn function
function methods:completions(given)
  local checked = options.check("completions", given, completions_spec)
  checked.hold = checked.hold or 5 * self.store.lease
  local consumer = completions.new(self, self.store, checked)
  local guard = new_scope(function() consumer:close() end)
  return function()
    -- The iterator is what keeps the guard.
    return consumer:next(guard)
  end, nil, nil, guard
end

--- What Redis knows of the whole fleet.
-- @treturn[1] table `processes` (alive), `budgets` (a list of `{ name =, url =, method =, owner =,
-- is_held =, lease =, since =, token =, wants =, waits = }`), `completions` (`length`, `groups`)
-- @treturn[2] nil
-- @treturn[2] string message
-- @treturn[2] string kind
-- @treturn[2] table detail
function methods:overview()
  local overview, problem = new_overview(self.store)
  if overview then return overview end
  return failure.values(failure.new(failure.kind.NETWORK,
    ("%s cannot be reached: %s"):format(self.store.name, problem)))
end

--- Leaves the fleet: others take over at once. Can be repeated.
function methods:close()
  if self.is_closed then return end
  self.is_closed = true
  self.sharing:close()
end

mt.__close = methods.close

local function check_lease(lease)
  if lease < 0.2 or lease > 60 then
    error("fleet.new: option 'lease' must be from 0.2 to 60 seconds", 3)
  end
end

--- Joins a fleet. Does no I/O before the first wait of a client that has it.
-- @tparam table given `redis` (required, `redis://[[user]:password@]host[:port][/db]` or
-- `redis+unix:///path`), `name` of the fleet (required), `lease` (seconds after which another
-- process takes over from one that is gone, default 3), `when_away` (what waits do while Redis is
-- away: `"share"`, go on at a share of the rate, or `"fail"`), `secret` (a key for the names of
-- credentials, the same in all processes; the password of Redis when there is none)
-- @treturn fleet
-- @raise for an unknown, missing or wrong option
function fleet.new(given)
  local checked = options.check("fleet.new", given, spec)
  check_lease(checked.lease)
  if not checked.name:find("^[%w_.-]+$") then
    error("fleet.new: option 'name' must be of letters, digits, dots, dashes and underscores", 2)
  end
  local ok, address = pcall(url.parse, checked.redis)
  if not ok then error(address, 2) end
  local store = new_store(address, checked.name, checked.lease)
  local self = setmetatable({
    name = checked.name, where = url.describe(address), store = store, kept = {}, consumers = {},
  }, mt)
  self.sharing = new_sharing(store, {
    secret = checked.secret or address.password or "", when_away = checked.when_away,
    new_lodgers = function(unit) return waits.new(unit, store) end,
    reached = function() hand_over(self) end,
  })
  return self
end

return fleet
