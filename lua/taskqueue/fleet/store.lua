-- SPDX-License-Identifier: MIT
--[[
Redis as the store of taskqueue.sharing: two connections, one of them for what is published. Its
keys and channels are named in docs/fleet.md.
]]
local core = require "taskqueue.core"
local later = require "taskqueue.sharing.later"
local new_finalizer = require("taskqueue.guard").finalizer
local link = require "taskqueue.fleet.link"
local scripts = require "taskqueue.fleet.scripts"
local url = require "taskqueue.fleet.url"

local store = {}

local methods = {}
local mt = { __name = "taskqueue.fleet.store", __index = methods }

-- Seconds between two attempts to connect: the first, and where doubling ends.
local FIRST_RETRY, LONGEST_RETRY = 0.05, 0.5

local unpack = table.unpack or unpack

local function ms(seconds)
  return ("%.0f"):format(math.max(0, math.min(seconds, 1e9)) * 1000)
end

local function key(self, ...)
  return self.prefix .. table.concat({ ... }, ":")
end

local function unit_key(self, unit)
  return key(self, "unit", unit)
end

local function channel_of(self, unit)
  return key(self, "changed", unit)
end

local function process_channel(self, process)
  return key(self, "process", process)
end

local function nothing() end

local function is_wanted(problem)
  return problem:find("^NOSCRIPT") ~= nil
end

-- A script is known to Redis by its hash, which may have forgotten it since.
local function run(self, name, done, ...)
  if not self.is_up then return (done or nothing)(nil, self.problem or "not connected yet") end
  local words = { ... }
  self.commands:command(function(reply, problem)
    if problem and is_wanted(problem) and self.is_up then
      self.commands:command(done, "EVAL", scripts[name], unpack(words))
    elseif done then
      done(reply, problem)
    end
  end, "EVALSHA", self.hashes[name], ...)
end

-- Is told when the Lua state is closed. Finalizers run in the reverse order of their making, so
-- that what is made after a connection comes before that is closed.
local function watch_end(self)
  local number = (self.guard_number or 0) + 1
  self.guard_number = number
  self.guard = new_finalizer(function()
    if self.guard_number == number and self.is_up then self.handlers.ending() end
  end)
end

local connect

-- Both connections go together, and are dropped once, whoever of those that wait for them is told.
local function drop(self, problem)
  local commands, messages, was_up = self.commands, self.messages, self.is_up
  if not commands then return end
  self.commands, self.messages, self.is_up, self.problem = nil, nil, false, problem
  commands:close(problem)
  messages:close(problem)
  if self.is_closed then return end
  if was_up then self.handlers.down(problem) end
  local pause = self.retry * (0.5 + math.random() / 2)
  self.retry_timer = later.after(pause, function() connect(self) end)
  self.retry = math.min(self.retry * 2, LONGEST_RETRY)
end

-- A reply that has to be good for the connection to be of use.
local function must(self, what, fn)
  return function(reply, problem)
    -- Redis does not repeat a password in its errors.
    if problem then return drop(self, ("%s: %s"):format(what, problem)) end
    if fn then fn(reply) end
  end
end

-- Says who we are, on a connection that has just been opened.
local function greet(address, connection, must_be_good)
  if address.password then
    local words = { "AUTH", address.password }
    if address.user then table.insert(words, 2, address.user) end
    connection:command(must_be_good("AUTH"), unpack(words))
  end
  if address.db then connection:command(must_be_good("SELECT"), "SELECT", address.db) end
end

--- The same for a connection of somebody else's, which it closes when Redis does not let it in.
function methods:greet(connection)
  greet(self.address, connection, function(what)
    return function(_, problem)
      if problem then connection:close(("%s: %s"):format(what, problem)) end
    end
  end)
end

local function is_ready(self)
  if self.is_subscribed and self.is_loaded and not self.is_up then
    self.is_up, self.problem, self.retry = true, nil, FIRST_RETRY
    self.handlers.up()
  end
end

local function load_scripts(self)
  local left = 0
  for name, text in pairs(scripts) do
    left = left + 1
    self.commands:command(must(self, "SCRIPT LOAD", function(hash)
      self.hashes[name] = hash
      left = left - 1
      self.is_loaded = left == 0
      is_ready(self)
    end), "SCRIPT", "LOAD", text)
  end
end

local function take_message(self, channel, text)
  local unit = channel:match("^" .. self.prefix:gsub("%p", "%%%0") .. "changed:(.*)$")
  if unit then self.handlers.changed(unit) else self.handlers.heard(text) end
end

local function subscribe(self)
  local channels = { process_channel(self, self.process) }
  for unit in pairs(self.joined) do channels[#channels + 1] = channel_of(self, unit) end
  for _, channel in ipairs(channels) do
    self.messages:command(must(self, "SUBSCRIBE", function()
      self.is_subscribed = true
      is_ready(self)
    end), "SUBSCRIBE", channel)
  end
end

function connect(self)
  if self.is_closed then return end
  local function down(problem) drop(self, problem) end
  self.is_subscribed, self.is_loaded = false, false
  self.commands = link.open(self.address, self.lease, { down = down })
  self.messages = link.open(self.address, self.lease, {
    down = down, message = function(channel, text) take_message(self, channel, text) end,
  })
  watch_end(self)
  local function must_be_good(what) return must(self, what) end
  greet(self.address, self.commands, must_be_good)
  greet(self.address, self.messages, must_be_good)
  load_scripts(self)
  subscribe(self)
end

function methods:open(_, handlers)
  self.handlers = handlers
end

-- Connects when somebody takes part, and not before: a process that was forked is one of its own.
local function begin(self)
  if self.has_begun then return end
  self.has_begun = true
  self.process = core.unique_name()
  self.handlers.rename(self.process)
  connect(self)
end

function methods:close()
  if self.is_closed then return end
  self.is_closed = true
  later.cancel(self.retry_timer)
  drop(self, "closed")
end

function methods:join(unit, about)
  local is_known = self.joined[unit] ~= nil
  self.joined[unit] = about
  begin(self)
  if is_known or not self.is_up then return end
  self.messages:command(must(self, "SUBSCRIBE"), "SUBSCRIBE", channel_of(self, unit))
end

function methods:part(unit)
  if not self.joined[unit] then return end
  self.joined[unit] = nil
  if self.is_up then
    self.messages:command(must(self, "UNSUBSCRIBE"), "UNSUBSCRIBE", channel_of(self, unit))
  end
end

function methods:claim(unit, id, done)
  local about = self.joined[unit] or {}
  local words = { unit_key(self, unit), key(self, "processes"), key(self, "units") }
  if id then words[4] = key(self, "last", unit, id) end
  table.insert(words, 1, tostring(#words))
  for _, word in ipairs {
    self.process, ms(self.lease), channel_of(self, unit), about.url or "", about.method or "",
    id and "" or unit,
  } do words[#words + 1] = word end
  run(self, "claim", function(reply, problem)
    if problem then return done(nil, problem) end
    if reply[1] == 0 then
      return done { is_owner = false, retry = reply[2] / 1000, members = reply[3] }
    end
    done {
      is_owner = true, hold = reply[2] / 1000, members = reply[3], was = reply[4],
      history = reply[5] ~= "" and reply[5] or nil,
      last = reply[7] ~= "" and { text = reply[7], age = reply[8] / 1000 } or nil,
    }
  end, unpack(words))
end

function methods:beat(units, done)
  local words = { tostring(#units + 1), key(self, "processes") }
  for _, unit in ipairs(units) do words[#words + 1] = unit_key(self, unit) end
  words[#words + 1] = self.process
  words[#words + 1] = ms(self.lease)
  run(self, "beat", function(reply, problem)
    if problem then return done(nil, problem) end
    local held = {}
    for i, unit in ipairs(units) do held[unit] = reply[i + 1] == 1 end
    done { members = reply[1], held = held }
  end, unpack(words))
end

local function note(self, unit, what, channel)
  run(self, "note", nil, "1", unit_key(self, unit), self.process, channel,
    what.hold and ms(what.hold) or "", what.history or "")
end

function methods:note(unit, what)
  note(self, unit, what, "")
end

function methods:release(unit, what)
  note(self, unit, what, channel_of(self, unit))
end

function methods:want(unit, wants, ttl, text, done)
  local words = {
    "2", unit_key(self, unit), key(self, "wants", unit), self.process, ms(ttl),
    key(self, "process", ""), key(self, "last", unit, ""), text,
  }
  for id, want in pairs(wants) do
    words[#words + 1] = id
    words[#words + 1] = want
  end
  run(self, "want", function(reply, problem)
    if problem then return done(nil, problem) end
    local lasts = {}
    for _, last in ipairs(reply) do lasts[last[1]] = { text = last[2], age = last[3] / 1000 } end
    done(lasts)
  end, unpack(words))
end

function methods:withdraw(unit, ids, text)
  run(self, "withdraw", nil, "2", unit_key(self, unit), key(self, "wants", unit), self.process,
    key(self, "process", ""), text, unpack(ids))
end

-- Runs a script that gives a part of a list at a time, so that Redis is not held up.
local function run_in_parts(self, name, read_one, done, keys, ...)
  local list, more = {}, { ... }
  local function next_part(cursor)
    local words = { tostring(#keys) }
    for _, one in ipairs(keys) do words[#words + 1] = one end
    words[#words + 1], words[#words + 2] = more[1], cursor
    words[#words + 1] = more[2]
    run(self, name, function(reply, problem)
      if problem then return done(nil, problem) end
      for _, one in ipairs(reply[2]) do list[#list + 1] = read_one(one) end
      if reply[1] == "0" then done(list) else next_part(reply[1]) end
    end, unpack(words))
  end
  next_part "0"
end

local function read_want(one)
  return {
    id = one[1], process = one[2], text = one[3], last = one[4] ~= "" and one[4] or nil,
    age = one[5] / 1000,
  }
end

function methods:wants(unit, done)
  run_in_parts(self, "wants", read_want, done, { key(self, "wants", unit), key(self, "processes") },
    key(self, "last", unit, ""), ms(self.lease))
end

function methods:publish(unit, id, text, ttl, is_final, processes)
  local channels = {}
  for i, process in ipairs(processes) do channels[i] = process_channel(self, process) end
  run(self, "publish", nil, "2", unit_key(self, unit), key(self, "last", unit, id), self.process,
    text, ms(ttl), is_final and "1" or "0", unpack(channels))
end

function methods:tell(process, text)
  if self.is_up then self.commands:command(nil, "PUBLISH", process_channel(self, process), text) end
end

--- The key of the stream of ends.
function methods:stream()
  return key(self, "completions")
end

--- Keeps a durable wait: `done(true)`, or nil and what is wrong.
function methods:keep_wait(unit, id, seconds, text, told, done)
  begin(self)
  run(self, "keep_wait", function(reply, problem) done(reply and true, problem) end, "2",
    unit_key(self, unit), key(self, "waits", unit), key(self, "process", ""), id, ms(seconds), text,
    told)
end

local function read_wait(one)
  return {
    id = one[1], text = one[2], left = one[3] / 1000, age = one[4] / 1000,
    last = one[5] ~= "" and one[5] or nil, last_age = one[6] / 1000,
  }
end

--- The durable waits under a budget.
function methods:list_waits(unit, done)
  run_in_parts(self, "list_waits", read_wait, done, { key(self, "waits", unit) },
    key(self, "last", unit, ""))
end

-- How many ends are kept for whoever has not come for them.
local LONGEST_STREAM = "1000000"

--- Milliseconds for which the stream is kept that nobody writes to or reads from.
methods.stream_kept = "2592000000"

--- Ends a durable wait.
function methods:complete_wait(unit, id, outcome, done)
  run(self, "complete_wait", done, "3", unit_key(self, unit), key(self, "waits", unit),
    self:stream(), self.process, id, outcome, LONGEST_STREAM, self.stream_kept)
end

--- Makes a store of a Redis server.
-- @tparam table address as url.parse gives it
-- @tparam string name of the fleet
-- @tparam number lease seconds
function store.new(address, name, lease)
  return setmetatable({
    address = address, prefix = "taskqueue:" .. name .. ":", lease = lease,
    name = "Redis at " .. url.describe(address), joined = {}, hashes = {}, retry = FIRST_RETRY,
  }, mt)
end

return store
