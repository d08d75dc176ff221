-- SPDX-License-Identifier: MIT
--[[
One connection to Redis as the engine drives it: commands in their order, replies to who asked, what
is published to a listener. It breaks once; whoever has it opens another.
]]
local core = require "taskqueue.fleet.core"
local engine_core = require "taskqueue.core"
local engine = require "taskqueue.engine"
local later = require "taskqueue.sharing.later"

local link = {}

local methods = {}
local mt = { __index = methods }

local function nothing() end

local function unwatch(self)
  if self.fd then engine_core.engine():unwatch_fd(self.fd) end
  self.fd = nil
end

local function watch(self)
  local fd, mode = self.native:wants()
  if not fd then return end
  engine_core.engine():watch_fd(fd, mode, self)
  self.fd = fd
  engine.notify()
end

local function take_one(self, reply, problem)
  if self.on_message and type(reply) == "table" and reply[1] == "message" then
    self.on_message(reply[2], reply[3])
    return
  end
  local done = self.waiting[self.first]
  self.waiting[self.first] = nil
  self.first = self.first + 1
  self.since = engine_core.now()
  if done then done(reply, problem) end
end

local function take_all(self)
  local native = self.native
  local is_there, reply, problem = native:take()
  while is_there do
    take_one(self, reply, problem)
    if self.is_over then return end
    is_there, reply, problem = native:take()
  end
end

-- Who still waits for a reply hears that there is none.
local function fail(self, problem)
  if self.is_over then return end
  self.is_over = true
  later.cancel(self.check_timer)
  unwatch(self)
  self.native:close()
  for i = self.first, self.last do
    if self.waiting[i] then self.waiting[i](nil, problem) end
  end
  self.waiting = {}
  self.on_down(problem)
end

local function step(self)
  if self.is_over then return end
  unwatch(self)
  self.native:step()
  take_all(self)
  if self.is_over then return end
  local problem = self.native:failure()
  if problem then return fail(self, problem) end
  watch(self)
end

-- News from the engine: the fd is ready.
function methods:ready()
  self.fd = nil
  step(self)
end

-- What the engine says when an error came out of the above.
function methods:broken(message)
  fail(self, tostring(message))
end

local function check(self)
  local waited = engine_core.now() - self.since
  if self.first <= self.last and waited >= self.patience then
    return fail(self, ("no answer for %.3g seconds"):format(waited))
  end
  self.check_timer = later.after(self.patience / 2, function() check(self) end)
end

--- Sends a command.
-- @tparam function done gets the reply, or nil and the text of what is wrong
-- @param ... its words
function methods:command(done, ...)
  if self.is_over then return done(nil, "the connection is closed") end
  if self.first > self.last then self.since = engine_core.now() end
  self.last = self.last + 1
  self.waiting[self.last] = done or nothing
  self.native:send(...)
  -- At once: a program that has nothing more to wait for takes no further step.
  self.native:flush()
  unwatch(self)
  watch(self)
end

--- Ends; those who wait for a reply hear why.
function methods:close(problem)
  fail(self, problem)
end

--- Begins to connect.
-- @tparam table address `host` and `port`, or `path`
-- @tparam number patience seconds without an answer after which the connection counts as broken
-- @tparam table handlers `down(problem)`, and `message(channel, text)` for one that subscribes
function link.open(address, patience, handlers)
  local where, port = address.path or address.host, not address.path and address.port or nil
  local native = core.connect(where, port)
  local self = setmetatable({
    native = native, patience = patience, on_down = handlers.down, on_message = handlers.message,
    waiting = {}, first = 1, last = 0, since = engine_core.now(),
  }, mt)
  -- One that cannot even begin says so when its owner knows it.
  local problem = native:failure()
  if problem then
    later.soon(function() fail(self, problem) end)
  else
    watch(self)
  end
  check(self)
  return self
end

return link
