-- SPDX-License-Identifier: MIT
--[[
A lua_shared_dict of nginx as the store of taskqueue.sharing (init.lua says what a store is), for
the workers of one nginx. It cannot be out of reach, and tells nobody anything: each process looks
some times a second whether there is something for it.

The dictionary has no compare-and-set, but `add` with an expiry is exact: whoever adds the key of a
lease has it. Its keys, after a prefix of their own:

    lease:UNIT        the process that owns the unit, as long as its lease holds
    last:UNIT         the process that owned it last, or "released"
    hold:UNIT         until when the next poll has to wait
    history:UNIT      what the unit's tasks taught
    changes:UNIT      how often the ownership has changed
    read:UNIT:ID      what was published last of a task
    wants:UNIT:N      what process N wants of the unit
    processes         how many processes there have been; each has a number
    alive:N           the name of process N, as long as it gives signs of life
    told:NAME         a list of what others told a process

Waits in the background have their own (slots.lua).
]]
local cjson = require "cjson"
local core = require "taskqueue.core"
local later = require "taskqueue.sharing.later"

local json = cjson.new()
json.encode_number_precision(14)

local PREFIX = "taskqueue:"
-- Seconds: a lease, how often a process looks for what it was told, how long a note is kept.
local LEASE, LOOK, KEPT = 1.5, 0.03, 86400
-- What is told a process that does not listen any more goes.
local MOST_TOLD, LONGEST_TOLD = 20000, 60
-- A lease is given back only when so much of it is left, so that it is not another one's already.
local LEAST_LEFT = 0.2

local methods = {}
local mt = { __name = "taskqueue.sharing.shared_dict", __index = methods }

local function key(...)
  return PREFIX .. table.concat({ ... }, ":")
end

-- The clock of the dictionary stands still while a worker is busy.
local function now()
  ngx.update_time()
  return ngx.now()
end

local function complain(self, problem)
  if self.has_complained then return end
  self.has_complained = true
  ngx.log(ngx.ERR, "taskqueue: ", self.name, ": ", problem)
end

-- Nothing may be pushed out for it: that could be a lease.
local function keep(self, name, value, ttl)
  local ok, problem = self.dict:safe_set(name, value, ttl)
  if not ok then complain(self, tostring(problem)) end
end

local function is_mine(self, unit)
  return self.dict:get(key("lease", unit)) == self.process
end

local function note_change(self, unit)
  local count = self.dict:incr(key("changes", unit), 1, 0, KEPT)
  if self.joined[unit] then self.joined[unit] = count end
end

--- A process is one of its own since it was forked, and not before.
-- @treturn string its name
function methods:begin()
  if self.process then return self.process end
  self.number = self.dict:incr(key "processes", 1, 0)
  self.process = core.unique_name()
  self.handlers.rename(self.process)
  self.dict:safe_set(key("alive", self.number), self.process, 4 * LEASE)
  return self.process
end

local function tell(self, process, text)
  local name = key("told", process)
  local length = self.dict:llen(name) or 0
  if length >= MOST_TOLD then return end
  self.dict:rpush(name, text)
  self.dict:expire(name, LONGEST_TOLD)
end

local function hear(self)
  local name = key("told", self.process)
  for _ = 1, self.dict:llen(name) or 0 do
    local text = self.dict:lpop(name)
    if not text then return end
    self.handlers.heard(text)
  end
end

local function look(self)
  self.timer = nil
  hear(self)
  for unit, seen in pairs(self.joined) do
    local count = self.dict:get(key("changes", unit)) or 0
    if count ~= seen then
      self.joined[unit] = count
      self.handlers.changed(unit)
    end
  end
  if next(self.joined) and not self.timer then
    self.timer = later.after(LOOK, function() look(self) end)
  end
end

function methods:open(_, handlers)
  self.handlers = handlers
end

function methods:close()
  later.cancel(self.timer)
  self.joined = {}
end

function methods:join(unit)
  self:begin()
  self.joined[unit] = self.dict:get(key("changes", unit)) or 0
  self.timer = self.timer or later.after(LOOK, function() look(self) end)
end

function methods:part(unit)
  self.joined[unit] = nil
end

-- What was published last of a task, and how old that is.
local function last_of(self, unit, id)
  local text = self.dict:get(key("read", unit, id))
  local last = text and json.decode(text)
  if last then last.age = math.max(0, now() - last.at) end
  return last
end

-- What became of the lease before this one.
local function was_before(last)
  if last == nil then return "none" end
  return last == "released" and "released" or "expired"
end

local function owned(self, unit, id, was)
  local hold = (self.dict:get(key("hold", unit)) or 0) - ngx.now()
  return {
    is_owner = true, members = ngx.worker.count(), was = was, hold = math.max(0, hold),
    history = self.dict:get(key("history", unit)), last = id and last_of(self, unit, id),
  }
end

function methods:claim(unit, id, done)
  now()
  local lease, last = key("lease", unit), self.dict:get(key("last", unit))
  local is_added, problem = self.dict:safe_add(lease, self.process, LEASE)
  if is_added then
    keep(self, key("last", unit), self.process, KEPT)
    note_change(self, unit)
    return done(owned(self, unit, id, last == self.process and "mine" or was_before(last)))
  end
  -- A store that keeps nothing is as good as none.
  if problem == "no memory" then
    complain(self, problem)
    return done(nil, problem)
  end
  if self:extend(unit) then return done(owned(self, unit, id, "mine")) end
  local left = self.dict:ttl(lease) or LOOK
  done { is_owner = false, members = ngx.worker.count(), retry = math.max(left, LOOK) }
end

-- If the lease is this process's before and after, it was so meanwhile: nobody else gives it.
function methods:extend(unit)
  local lease = key("lease", unit)
  return is_mine(self, unit) and self.dict:expire(lease, LEASE) and is_mine(self, unit) or false
end

function methods:beat(units, done)
  now()
  self.dict:safe_set(key("alive", self.number), self.process, 4 * LEASE)
  local held = {}
  for _, unit in ipairs(units) do held[unit] = self:extend(unit) end
  done { members = ngx.worker.count(), held = held }
end

function methods:note(unit, what)
  if not is_mine(self, unit) then return end
  if what.hold then
    local before = self.dict:get(key("hold", unit)) or 0
    keep(self, key("hold", unit), math.max(before, now() + what.hold), KEPT)
  end
  if what.history then keep(self, key("history", unit), what.history, KEPT) end
end

function methods:release(unit, what)
  now()
  self:note(unit, what)
  local lease = key("lease", unit)
  if not is_mine(self, unit) or (self.dict:ttl(lease) or 0) < LEAST_LEFT then return end
  keep(self, key("last", unit), "released", KEPT)
  self.dict:delete(lease)
  note_change(self, unit)
end

local function keep_wants(self, unit)
  local wants, longest = self.wanted[unit], 0
  local at = now()
  for id, want in pairs(wants) do
    if want.until_time <= at then wants[id] = nil end
    longest = math.max(longest, want.until_time - at)
  end
  local name = key("wants", unit, self.number)
  if next(wants) then
    keep(self, name, json.encode(wants), longest)
  else
    self.dict:delete(name)
  end
end

local function tell_owner(self, unit, text)
  local owner = self.dict:get(key("lease", unit))
  if owner and owner ~= self.process then tell(self, owner, text) end
end

function methods:want(unit, wants, ttl, text, done)
  local mine, lasts, is_wanted = self.wanted[unit] or {}, {}, false
  self.wanted[unit] = mine
  for id, want in pairs(wants) do
    local last = last_of(self, unit, id)
    lasts[id] = last
    if not (last and last.is_final) then
      mine[id] = { text = want, until_time = now() + ttl }
      is_wanted = true
    end
  end
  keep_wants(self, unit)
  if is_wanted then tell_owner(self, unit, text) end
  done(lasts)
end

function methods:withdraw(unit, ids, text)
  for _, id in ipairs(ids) do
    if self.wanted[unit] then self.wanted[unit][id] = nil end
  end
  if self.wanted[unit] then keep_wants(self, unit) end
  tell_owner(self, unit, text)
end

-- The processes alive, by number. Those that are gone never come back.
local function each_process(self)
  local number, most = self.first - 1, self.dict:get(key "processes") or 0
  return function()
    while number < most do
      number = number + 1
      local process = self.dict:get(key("alive", number))
      if process then return number, process end
      if number == self.first then self.first = number + 1 end
    end
  end
end

function methods:wants(unit, done)
  local list, at = {}, now()
  for number, process in each_process(self) do
    local text = self.dict:get(key("wants", unit, number))
    for id, want in pairs(text and json.decode(text) or {}) do
      local last = last_of(self, unit, id)
      if want.until_time > at then
        list[#list + 1] = {
          id = id, process = process, text = want.text, last = last and last.text,
          age = last and last.age,
        }
      end
    end
  end
  done(list)
end

function methods:publish(unit, id, text, ttl, is_final, processes)
  if not is_mine(self, unit) then return end
  local record = { text = text, at = now(), is_final = is_final or nil }
  keep(self, key("read", unit, id), json.encode(record), ttl)
  for _, process in ipairs(processes) do tell(self, process, text) end
end

function methods:tell(process, text)
  tell(self, process, text)
end

--- The key of the names of units, which all workers have, those before a reload too.
function methods:secret()
  self.dict:safe_add(key "secret", core.unique_name() .. core.unique_name())
  return assert(self.dict:get(key "secret"), "no memory in the " .. self.name)
end

--- The store in a dictionary.
-- @tparam string name of a lua_shared_dict
-- @treturn ?table nil when there is no such dictionary
return function(name)
  local dict = ngx.shared[name]
  if not dict then return nil end
  return setmetatable({
    name = "lua_shared_dict " .. name, dict = dict, lease = LEASE, joined = {}, wanted = {},
    first = 1,
  }, mt)
end
