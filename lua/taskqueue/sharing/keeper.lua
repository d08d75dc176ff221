-- SPDX-License-Identifier: MIT
--[[
Background waits of nginx's workers that outlive their worker: each is written down in the
lua_shared_dict when it begins, with the name of its handler, and is held there by the worker that
waits. One that is to leave offers what it holds to the others, and goes on until they have taken it
up: nothing is lost when there are none. What a killed worker held is free when its lease runs out.

An end is the holder's: it holds the record on a longer lease while the handler runs, and removes it
afterwards. So a handler is called once; again only when its worker was killed in it.

A record has no secret. It names its budget by a keyed hash, and whoever takes it up has a client of
that budget already.
]]
local cjson = require "cjson"
local client = require "taskqueue.client"
local core = require "taskqueue.core"
local engine = require "taskqueue.engine"
local export = require "taskqueue.export"
local failure = require "taskqueue.failure"
local new_slots = require "taskqueue.sharing.slots"
local wait = require "taskqueue.wait"

local json = cjson.new()
json.encode_number_precision(14)

local huge = math.huge
-- JSON has no infinity.
local FOREVER = 1e300

-- Seconds: how often a worker looks whether something was offered, how often through everything,
-- how long it holds a wait and a handler that runs, how often it renews that, how often one that is
-- leaving looks, from when on a timer that has not run was dropped, and how long a record
-- is kept that nobody takes up.
local LOOK, SCAN, LEASE, RUNNING, RENEWAL = 0.2, 2, 5, 60, 1.2
local LEAVING_LOOK, DROPPED, KEPT = 0.05, 2, 86400
-- Waits that a worker takes up at a look, so that each gets some; those it begins again at a time,
-- because nginx writes an alert for each that it drops; slots between two pauses, in which others
-- have their turns.
local MOST_AT_ONCE, MOST_AGAIN, STRETCH, PAUSE = 200, 10, 500, 0.001

-- Options that go with a wait.
local CARRIED = { "interval", "not_found_grace", "stall_timeout", "max_poll_errors" }

local methods = {}
local mt = { __name = "taskqueue.sharing.keeper", __index = methods }

local function wall_time()
  ngx.update_time()
  return ngx.now()
end

-- Ages are counted in parts of seconds here.
export.wall_time = wall_time

local function to_plain(number)
  return number < huge and number or FOREVER
end

local function from_plain(number)
  if type(number) ~= "number" or number < 0 then error("not a number of seconds", 0) end
  return number < FOREVER and number or huge
end

-- What cannot be written of a task's pace is left out.
local function encode(record)
  local ok, text = pcall(json.encode, record)
  if ok then return text end
  record.task.knowledge = nil
  return json.encode(record)
end

-- The record of a wait, and how long it is kept.
local function describe(entry)
  local now = core.now()
  local left = entry.deadline - now
  local record = {
    key = entry.key, handler = entry.name, unit = entry.task.client.budget.share.name,
    task = entry.task:export(), data = entry.options.data,
    deadline = to_plain(wall_time() + left),
    first_delay = math.max(0, to_plain(entry.first_look - now)),
  }
  for _, name in ipairs(CARRIED) do record[name] = to_plain(entry.options[name]) end
  return encode(record), left < huge and math.max(0, left) + KEPT or 0
end

local function new_entry(task, name, handler, options, deadline)
  return {
    key = core.unique_name(), task = task, name = name, handler = handler, options = options,
    deadline = deadline, first_look = core.now() + options.first_delay,
  }
end

local function client_of(unit)
  for _, one in ipairs(client.open_ones()) do
    if one.budget.share and one.budget.share.name == unit then return one end
  end
  error("no client of a worker has the budget", 0)
end

-- What was written down, as a wait of this worker. Raises what is wrong.
local function read_entry(record)
  local options = { timeout = huge, data = record.data }
  for _, name in ipairs(CARRIED) do options[name] = from_plain(record[name]) end
  options.first_delay = from_plain(record.first_delay)
  local handler, problem = require("taskqueue.background").handler(record.handler)
  if not handler then error(problem, 0) end
  local task = client_of(record.unit):import(record.task)
  local left = from_plain(record.deadline) - wall_time()
  return new_entry(task, record.handler, handler, options, core.now() + math.max(0, left))
end

-- Does this worker hold it, for so long from now? It may again, when its lease had run out and
-- nobody has taken it up meanwhile.
local function hold(self, entry, ttl)
  local slots, slot = self.slots, entry.slot
  if slots:extend(slot, ttl) then return true end
  if not slots:claim(slot, ttl) then return false end
  if slots:read(slot) == entry.text then return true end
  slots:release(slot)
  return false
end

-- Another worker waits now.
local function give_up(self, entry)
  entry.is_taken = true
  if self.entries[entry.slot] == entry then self.entries[entry.slot] = nil end
  local waiter = entry.waiter
  if not waiter then return end
  waiter.outcome = waiter.outcome or failure.new(failure.kind.CANCELLED,
    ("task %s: another worker waits for it now"):format(entry.task.id))
  waiter:wake()
end

local function conclude(self, entry, status, message, kind, detail)
  if entry.is_taken then return end
  if entry.slot and not hold(self, entry, RUNNING) then return give_up(self, entry) end
  entry.is_offered, entry.is_running = false, true
  entry.handler(entry.task, status, message, kind, detail, entry.options.data)
end

local function follow(self, entry)
  entry.waiter = engine.sleeper { deadline = entry.deadline }
  conclude(self, entry, wait.until_done(entry.task, entry.options, entry.waiter))
end

local function run(self, entry)
  if entry.waiter or entry.is_taken then return end
  local ok, problem = xpcall(follow, debug.traceback, self, entry)
  if entry.slot and not entry.is_taken then
    self.entries[entry.slot] = nil
    self.slots:remove(entry.slot)
  end
  if not ok then
    ngx.log(ngx.ERR, "taskqueue: the handler '", entry.name, "': ", tostring(problem))
  end
end

local function start(self, entry)
  entry.started = core.now()
  return ngx.timer.at(0, function() run(self, entry) end)
end

-- A list, because entries come and go meanwhile.
local function list_of(entries)
  local list = {}
  for _, entry in pairs(entries) do list[#list + 1] = entry end
  return list
end

-- True when the wait was begun again.
local function renew(self, entry, may_begin)
  if entry.is_taken or entry.is_offered then return false end
  if not hold(self, entry, entry.is_running and RUNNING or LEASE) then
    give_up(self, entry)
  elseif may_begin and not entry.waiter and core.now() - entry.started > DROPPED then
    return start(self, entry)
  end
  return false
end

local function renew_all(self)
  self.renewed = core.now()
  local begun = 0
  for i, entry in ipairs(list_of(self.entries)) do
    if renew(self, entry, begun < MOST_AGAIN) then begun = begun + 1 end
    if i % STRETCH == 0 then ngx.sleep(PAUSE) end
  end
end

-- Takes up what nobody holds, if this worker can.
local function take(self, slot)
  local slots = self.slots
  local text = slots:read(slot)
  local record = text and core.decode_json(text)
  if type(record) ~= "table" then return false end
  local ok, entry = pcall(read_entry, record)
  if not ok then
    slots:complain(("a watch for the handler '%s' is not taken up: %s"):format(
      tostring(record.handler), tostring(entry)))
    return false
  end
  if not slots:claim(slot, LEASE) then return false end
  entry.slot, entry.text, entry.key = slot, text, record.key
  -- What was ended by another worker just now.
  if slots:read(slot) ~= text or not start(self, entry) then
    slots:release(slot)
    return false
  end
  self.entries[slot] = entry
  return true
end

local function scan(self)
  local slots, taken = self.slots, 0
  self.scanned, self.offers_seen = core.now(), slots:offers()
  for slot = 1, slots:count() do
    if not self.entries[slot] and not slots:holder(slot) and take(self, slot) then
      taken = taken + 1
    end
    if taken == MOST_AT_ONCE then
      self.offers_seen = nil
      return
    end
    if slot % STRETCH == 0 then ngx.sleep(PAUSE) end
    if ngx.worker.exiting() then return end
  end
end

local function look(self)
  local now = core.now()
  if now - self.renewed >= RENEWAL then renew_all(self) end
  if now - self.scanned >= SCAN or self.slots:offers() ~= self.offers_seen then scan(self) end
end

-- What was learned meanwhile goes with it, if there is room for it.
local function rewrite(self, entry)
  local text, kept = describe(entry)
  if self.slots:write(entry.slot, text, kept) then
    entry.text = text
    return true
  end
  return (self.slots:write(entry.slot, entry.text, kept))
end

local function offer(self, entry)
  if not hold(self, entry, LEASE) then return give_up(self, entry) end
  entry.is_offered = rewrite(self, entry)
  entry.stays = not entry.is_offered
  if entry.stays then return end
  self.slots:release(entry.slot)
  self.has_offered = true
end

local function is_taken_up(self, entry)
  return self.slots:holder(entry.slot) ~= nil or self.slots:read(entry.slot) ~= entry.text
end

local function leave(self, entry)
  if entry.is_offered then
    if is_taken_up(self, entry) then give_up(self, entry) end
  elseif not (entry.is_running or entry.stays) then
    offer(self, entry)
  end
end

local function hand_over(self)
  while next(self.entries) do
    for _, entry in ipairs(list_of(self.entries)) do leave(self, entry) end
    if self.has_offered then self.slots:announce() end
    self.has_offered = false
    if core.now() - self.renewed >= RENEWAL then renew_all(self) end
    ngx.sleep(LEAVING_LOOK)
  end
end

local function attempt(self, fn)
  local ok, problem = xpcall(fn, debug.traceback, self)
  if not ok then ngx.log(ngx.ERR, "taskqueue: ", tostring(problem)) end
end

-- One light thread as long as the worker is there: a timer for each look could be dropped.
local function keep(self)
  if self.is_kept then return end
  self.is_kept = true
  while not ngx.worker.exiting() do
    attempt(self, look)
    ngx.sleep(LOOK)
  end
  attempt(self, hand_over)
  self.is_kept = false
end

--- Has this worker keep waits from now on, and take up those of others. One that is to leave only
-- offers what is begun in it still.
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string why it cannot
-- @raise where nginx has no timers
function methods:begin()
  -- What is no worker, as the privileged agent, waits for nothing.
  if self.is_kept or not ngx.worker.id() then return true end
  local now = core.now()
  if now - self.began < DROPPED and not ngx.worker.exiting() then return true end
  local ok, problem = ngx.timer.at(0, function() keep(self) end)
  if not ok then return nil, "taskqueue: no timer can begin: " .. tostring(problem) end
  self.began = now
  self.slots = self.slots or new_slots(self.store.dict, self.store:begin())
  return true
end

-- Where there is no room the wait has no slot, and ends with its worker.
local function write_down(self, entry)
  local text, kept = describe(entry)
  local slot, problem = self.slots:add(text, kept, LEASE)
  if not slot then
    return self.slots:complain(("lua_shared_dict %s: %s: background waits end with their worker")
      :format(self.name, tostring(problem)))
  end
  entry.slot, entry.text = slot, text
  self.entries[slot] = entry
end

--- Waits in the background, and calls a handler; in another worker, when this one is gone.
-- @tparam task task
-- @tparam string name of the handler
-- @tparam function handler
-- @tparam table options complete
-- @treturn[1] boolean true
-- @treturn[2] nil when nginx can begin no timer
-- @treturn[2] string message
function methods:watch(task, name, handler, options)
  local ok, problem = self:begin()
  if not ok then return nil, problem end
  local entry = new_entry(task, name, handler, options, core.now() + options.timeout)
  ok, problem = start(self, entry)
  if not ok then return nil, "taskqueue: no timer can begin: " .. tostring(problem) end
  if self.slots then write_down(self, entry) end
  return true
end

--- The keeper of a worker.
-- @tparam table store of the dictionary
-- @tparam string name of the dictionary
return function(store, name)
  return setmetatable({
    store = store, name = name, entries = {}, began = -huge, renewed = -huge, scanned = -huge,
  }, mt)
end
