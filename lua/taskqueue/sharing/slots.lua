-- SPDX-License-Identifier: MIT
--[[
Records in a lua_shared_dict of nginx, each in a slot of its own and held by one process, for as
long as that renews its lease. A record that nobody holds was offered by its holder, or left by one
that is gone: whoever claims it first has it. Slots are used again, so that looking through all of
them costs what there is at most at once.

    slot:N    a record
    held:N    the process that holds it, as long as its lease holds
    slots     how many slots there have been
    free      a list of the slots that were given back
    offers    how often something was offered
    said:TEXT what was written into the log
]]
local PREFIX = "taskqueue:"
local COUNT, FREE, OFFERS = PREFIX .. "slots", PREFIX .. "free", PREFIX .. "offers"
-- Seconds for which nothing is said again.
local SAID = 3600
-- Slots that somebody died with between taking and using them are passed over.
local MOST_PASSED = 8

local methods = {}
local mt = { __name = "taskqueue.sharing.slots", __index = methods }

local function record(slot)
  return PREFIX .. "slot:" .. slot
end

local function held(slot)
  return PREFIX .. "held:" .. slot
end

-- A slot that this process holds, without a record.
local function hold_one(self, ttl)
  local dict, problem = self.dict, nil
  dict:safe_add(COUNT, 0)
  for _ = 1, MOST_PASSED do
    local slot, ok
    slot, problem = dict:lpop(FREE), nil
    if not slot then slot, problem = dict:incr(COUNT, 1) end
    if not slot then return nil, problem end
    ok, problem = dict:safe_add(held(slot), self.process, ttl)
    if ok then return slot end
    if problem ~= "exists" then
      dict:rpush(FREE, slot)
      return nil, problem
    end
  end
  return nil, problem
end

--- Writes a record down, which this process holds.
-- @tparam string text
-- @tparam number kept seconds after which it goes; 0 for never
-- @tparam number ttl seconds of the lease
-- @treturn[1] number its slot
-- @treturn[2] nil
-- @treturn[2] string why there is no room
function methods:add(text, kept, ttl)
  local slot, problem = hold_one(self, ttl)
  if not slot then return nil, problem end
  local ok
  ok, problem = self:write(slot, text, kept)
  if ok then return slot end
  self:remove(slot)
  return nil, problem
end

--- Changes the record of a slot that is held. Without room for it there is none any more.
function methods:write(slot, text, kept)
  return self.dict:safe_set(record(slot), text, kept)
end

function methods:read(slot)
  return self.dict:get(record(slot))
end

--- The process that holds a slot.
function methods:holder(slot)
  return self.dict:get(held(slot))
end

--- Holds what nobody holds.
function methods:claim(slot, ttl)
  return (self.dict:safe_add(held(slot), self.process, ttl))
end

--- Renews the lease. If it is this process's before and after, it was so meanwhile.
function methods:extend(slot, ttl)
  local name = held(slot)
  local dict, process = self.dict, self.process
  return dict:get(name) == process and dict:expire(name, ttl) and dict:get(name) == process or false
end

--- Holds it no longer; what it is about goes on.
function methods:release(slot)
  if self:holder(slot) == self.process then self.dict:delete(held(slot)) end
end

--- Removes a record that this process holds, and gives its slot back.
function methods:remove(slot)
  if self:holder(slot) ~= self.process then return end
  self.dict:delete(record(slot))
  self.dict:delete(held(slot))
  self.dict:rpush(FREE, slot)
end

--- Lets the others know that something was offered.
function methods:announce()
  self.dict:safe_add(OFFERS, 0)
  self.dict:incr(OFFERS, 1)
end

--- Changes when something was offered.
function methods:offers()
  return self.dict:get(OFFERS) or 0
end

--- The slots there are, each of which may be empty: from 1 to this.
function methods:count()
  return self.dict:get(COUNT) or 0
end

--- Writes into the error log, once for all workers.
function methods:complain(text)
  local ok, problem = self.dict:safe_add(PREFIX .. "said:" .. text, true, SAID)
  if not ok and (problem == "exists" or self.said[text]) then return end
  self.said[text] = true
  ngx.log(ngx.ERR, "taskqueue: ", text)
end

--- The slots in a dictionary.
-- @tparam table dict
-- @tparam string process the name of this one
return function(dict, process)
  return setmetatable({ dict = dict, process = process, said = {} }, mt)
end
