-- SPDX-License-Identifier: MIT
--[[
The ends of durable waits, taken from a stream by groups of consumers: each end goes to one consumer
of a group, and again to another one when that has not come back for the next in time.
]]
local core = require "taskqueue.core"
local engine = require "taskqueue.engine"
local later = require "taskqueue.sharing.later"
local link = require "taskqueue.fleet.link"
local message = require "taskqueue.sharing.message"

local completions = {}

local methods = {}
local mt = { __index = methods }

-- Seconds between two attempts to connect.
local RETRY = 0.25

-- One command at a time: its reply, or nil and what is wrong.
local function ask(self, deadline, ...)
  local sleeper = engine.sleeper()
  local reply, problem, is_told
  self.link:command(function(...)
    reply, problem = ...
    is_told = true
    sleeper:wake()
  end, ...)
  if not is_told then engine.park(sleeper, deadline) end
  if not is_told then return nil, "no answer in time" end
  return reply, problem
end

local function disconnect(self)
  if self.link then self.link:close("closed") end
  self.link = nil
end

-- A connection of its own, because reading from the stream occupies it.
local function connect(self)
  if self.link then return true end
  local store = self.store
  self.link = link.open(store.address, 2 * store.lease, { down = function() self.link = nil end })
  store:greet(self.link)
  local deadline = core.now() + store.lease
  local _, problem = ask(self, deadline, "XGROUP", "CREATE", store:stream(), self.group, "0",
    "MKSTREAM")
  if problem and not problem:find("^BUSYGROUP") then
    disconnect(self)
    return false
  end
  if self.link then self.link:command(nil, "PEXPIRE", store:stream(), store.stream_kept) end
  return self.link ~= nil
end

-- What was handed out before is done with when somebody comes for the next.
local function acknowledge(self)
  if not self.held then return true end
  local _, problem = ask(self, core.now() + self.store.lease, "XACK", self.store:stream(),
    self.group, self.held)
  if problem then
    disconnect(self)
    return false
  end
  self.held = nil
  return true
end

local function field(entry, name)
  if not entry[2] then return nil end
  for i = 1, #entry[2], 2 do
    if entry[2][i] == name then return entry[2][i + 1] end
  end
end

-- What a consumer held that has not been heard of for so long.
local function take_over(self)
  local now = core.now()
  if now < self.next_look then return nil end
  self.next_look = now + self.hold / 3
  local reply = ask(self, now + self.store.lease, "XAUTOCLAIM", self.store:stream(), self.group,
    self.consumer, ("%.0f"):format(self.hold * 1000), "0", "COUNT", "1")
  local entry = reply and reply[2] and reply[2][1]
  if entry then self.next_look = now end
  return entry
end

local function read_next(self, deadline)
  local wait = math.min(self.store.lease / 2, math.max(0.001, deadline - core.now()))
  local reply, problem = ask(self, core.now() + wait + self.store.lease, "XREADGROUP", "GROUP",
    self.group, self.consumer, "COUNT", "1", "BLOCK", ("%.0f"):format(math.max(1, wait * 1000)),
    "STREAMS", self.store:stream(), ">")
  -- Redis may have lost the group with everything else.
  if problem then disconnect(self) end
  return reply and reply[1] and reply[1][2][1]
end

-- As long as this process goes on, what it holds is not taken for forgotten.
local function keep_holding(self)
  self.timer = later.after(self.hold / 3, function()
    if self.held and self.link then
      self.link:command(nil, "XCLAIM", self.store:stream(), self.group, self.consumer, "0",
        self.held, "JUSTID")
    end
    keep_holding(self)
  end)
end

local function next_entry(self, deadline)
  while core.now() < deadline do
    local entry
    if connect(self) and acknowledge(self) then
      entry = take_over(self) or self.link and read_next(self, deadline)
    end
    if entry then return entry end
    if not self.link then engine.sleep(math.min(RETRY, math.max(0, deadline - core.now()))) end
  end
  -- What the last body was about is done with, too.
  if self.held and self.link then acknowledge(self) end
end

--- The next end, and what came of it; nil when the time is over.
function methods:next()
  local deadline = core.now() + self.timeout
  local entry = next_entry(self, deadline)
  while entry do
    self.held = entry[1]
    local told = message.decode(field(entry, "outcome") or "")
    if told then return self.fleet:outcome(told) end
    entry = next_entry(self, deadline)
  end
  self:close()
end

--- Nothing more is asked for. What is held goes to another consumer.
function methods:close()
  later.cancel(self.timer)
  disconnect(self)
  self.fleet:serve(self, false)
end

--- Begins to consume.
-- @tparam table fleet has `outcome`, which makes values of what was written, and `serve`
-- @tparam table store
-- @tparam table options `group`, `timeout`, `hold`
function completions.new(fleet, store, options)
  local self = setmetatable({
    fleet = fleet, store = store, group = options.group, timeout = options.timeout,
    hold = options.hold, consumer = core.unique_name(), next_look = 0,
  }, mt)
  fleet:serve(self, true)
  keep_holding(self)
  return self
end

return completions
