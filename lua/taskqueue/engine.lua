-- SPDX-License-Identifier: MIT
--[[
The engine as the Lua side drives it: takes what the native part has finished, hands it to its
owners, and suspends whoever waits, by the loop or by blocking. The only file that yields, through
a loop.
]]
local builtin = require "taskqueue.loop.builtin"
local core = require "taskqueue.core"
local loops = require "taskqueue.loop"
local need = require "taskqueue.need"

local engine = {}

local huge = math.huge
local yield, PARKED = builtin.yield, builtin.PARKED
local aside, resumed = core.aside, builtin.resumed
local isyieldable, running = builtin.isyieldable, coroutine.running

--[[
A sleeper is what waits: at most one coroutine, or a caller that blocks. It is woken by `wake` or by
its deadline, and it stays awake until it has noticed. Its `token` is that of the coroutine while it
sleeps in a loop, AWAKE when it was woken, and false otherwise.
]]
local AWAKE = {}
local sleeper_methods = {}
local sleeper_mt = { __index = sleeper_methods }

--- Makes a sleeper of a table, or a new one. What waking sets is there from the begin, so that it
-- takes no memory.
-- @tparam[opt] table fields
-- @tparam[opt] table of its type
function engine.sleeper(fields, of)
  local sleeper = fields or {}
  sleeper.token = false
  return setmetatable(sleeper, of or sleeper_mt)
end

--- A type of sleepers that have these fields alike.
function engine.sleeper_type(fields)
  return { __index = setmetatable(fields, sleeper_mt) }
end

--- Lets a sleeper sleep again that was woken.
function engine.rest(sleeper)
  sleeper.token = false
end

local function clear_timer(sleeper)
  if sleeper.timer_handle then
    core.engine():clear_timer(sleeper.timer_handle)
    sleeper.timer_handle = nil
  end
end

-- Who sleeps in a loop that may drop coroutines, by token.
local suspended = {}

-- What a wait does whose coroutine is gone: it ends, as far as others are concerned.
function engine.give_up() end

local function give_up(sleeper)
  if sleeper.give_up then sleeper:give_up() else engine.give_up(sleeper) end
end

--- Wakes the sleeper; nothing is lost when it does not sleep yet.
function sleeper_methods:wake()
  local loop, token = self.loop or builtin, self.token
  if token == AWAKE then return end
  -- First what may fail for want of memory: who could not be woken can be woken again.
  if token then loop.unpark(token) end
  self.token = AWAKE
  clear_timer(self)
  if token then
    self.loop = nil
    suspended[token] = nil
    loops.leave(loop)
    engine.notify()
  end
end

-- News from the engine: the deadline has come, and the timer is spent.
function sleeper_methods:timer()
  self.timer_handle = nil
  self:wake()
end

-- News from the engine: a call has its answer.
function sleeper_methods:answered()
  self:wake()
end

-- It could not be woken. That is told to whoever drives the engine, since nobody else can be.
function sleeper_methods.broken(_, message)
  error(message, 0)
end

-- Does the program itself watch the fd, to call `step`? Is a step under way?
local is_watched, is_stepping = false, false

--- Lets the fd say that there is something to do, where somebody watches it and no step is on.
function engine.notify()
  if is_stepping or not (is_watched or loops.is_watching()) then return end
  core.engine():arm(is_watched and builtin.is_ready() and 0 or nil)
end

local function set_timer(sleeper, deadline)
  if deadline < huge then
    sleeper.timer_handle = core.engine():set_timer(deadline, sleeper)
  end
end

-- What is to be done before the next step: from finalizers, which may run at any moment.
local later = {}

--- Puts something off to the next step of the engine.
function engine.later(fn)
  later[#later + 1] = fn
end

local function do_later()
  while #later > 0 do table.remove(later)() end
end

-- An error in what one owner makes of its news ends that one, and disturbs no other.
local function hand_out(owner, news)
  -- The timer is spent, also when there is no memory to say so.
  if news == "timer" then owner.timer_handle = nil end
  local ok, message = pcall(owner[news], owner)
  if ok then return end
  if builtin.is_interrupt(message) then error(message, 0) end
  owner:broken(message)
end

local player

--- Hands the requests of simulated time to a function: number, url, body. nil for real ones again.
function engine.play(fn)
  player = fn
end

local function play_requests()
  local number, url, body = core.next_request()
  while number do
    player(number, url, body)
    number, url, body = core.next_request()
  end
end

--- Takes in what is finished, after waiting at most so long for it.
-- @tparam number timeout seconds
-- @tparam[opt=math.huge] number most how much of it
-- @treturn integer how much it was
function engine.pump(timeout, most)
  local native = core.engine()
  do_later()
  native:step(timeout)
  if player then play_requests() end
  local count = 0
  while count < (most or huge) do
    local owner, news = native:take()
    if not owner then break end
    count = count + 1
    hand_out(owner, news)
  end
  return count
end

-- What a loop watches the engine by: the same as the program has, without the built-in loop.
local pollable = {}

local function prepare(sleeper, deadline, loop, token)
  loops.enter(loop, pollable)
  if loop ~= builtin then sleeper.loop = loop end
  sleeper.token = token
  if loop.can_drop or loops.can_drop() then suspended[token] = sleeper end
  set_timer(sleeper, deadline)
  engine.notify()
end

local function suspend(sleeper, deadline, loop, token)
  prepare(sleeper, deadline, loop, token)
  repeat loop.park(token) until sleeper.token == AWAKE
end

local function drive(sleeper)
  while sleeper.token ~= AWAKE do engine.pump(huge) end
end

local function block(sleeper, deadline)
  set_timer(sleeper, deadline)
  local ok, message = pcall(drive, sleeper)
  clear_timer(sleeper)
  engine.notify()
  if not ok then error(message, 0) end
end

local FOLDER = debug.getinfo(1, "S").source:match("^(.*)engine%.lua$")

-- A message with the place in the program from which this module was called.
local function at_program(message)
  for level = 2, math.huge do
    local info = debug.getinfo(level, "Sl")
    if not info then return message end
    local is_ours = info.source:sub(1, #FOLDER) == FOLDER
    if info.what ~= "C" and not is_ours then
      return ("%s:%d: %s"):format(info.short_src, info.currentline, message)
    end
  end
end

--- Suspends the caller until the sleeper is woken or the deadline has come. Inside a coroutine of
-- a loop only that one is suspended; anywhere else this blocks and drives the engine itself.
-- @tparam table sleeper
-- @tparam number deadline on the monotonic clock; math.huge for none
-- @raise where neither is possible, at the line of the program
function engine.park(sleeper, deadline)
  if sleeper.token ~= AWAKE then
    local loop, token, problem = loops.current()
    if token then
      suspend(sleeper, deadline, loop, token)
    elseif problem then
      error(at_program(problem), 0)
    else
      block(sleeper, deadline)
    end
  end
  engine.rest(sleeper)
end

-- Lets the sleeper sleep until its next turn. A coroutine of the built-in loop is only made ready
-- for that: true when it is left to the caller to yield until the sleeper is awake.
local function begin_pause(sleeper, subject)
  local token, deadline = builtin.current(), subject.next_turn(sleeper)
  if sleeper.token == AWAKE or not token then
    engine.park(sleeper, deadline)
    return false
  end
  prepare(sleeper, deadline, builtin, token)
  return true
end

-- Has turns until one is the last, or until the caller has to yield.
local function have_turns(sleeper, subject)
  local is_over, first, second, third, fourth
  repeat
    is_over, first, second, third, fourth = subject.turn(sleeper)
  until is_over or begin_pause(sleeper, subject)
  return is_over, first, second, third, fourth
end

--- Goes on as `follow` does, with a sleeper of the built-in loop that is ready to sleep. There may
-- be very many coroutines in here: nothing below the yield takes room on their stacks.
function engine.follow_parked(sleeper, subject, guard)
  repeat yield(PARKED) until sleeper.token == AWAKE
  sleeper.token = false
  return engine.follow(sleeper, subject, guard)
end

--- Lets a sleeper have its turns until one of them is the last, and ends it then, or when something
-- was raised.
-- @tparam table sleeper
-- @tparam table subject has `turn`, which gives true and results when it was the last, `next_turn`,
-- the time of the next one at the latest, and `finish`
-- @param guard what has to be kept meanwhile
-- @return up to four results of the last turn
function engine.follow(sleeper, subject, guard)
  local ok, is_over, first, second, third, fourth = pcall(have_turns, sleeper, subject)
  if ok and not is_over then return engine.follow_parked(sleeper, subject, guard) end
  subject.finish(sleeper, guard)
  if not ok then error(is_over, 0) end
  return first, second, third, fourth
end

--- Makes a sleeper ready for `follow_parked`, from what the coroutine calls by `core.aside`.
function engine.prepare_to_park(sleeper, subject)
  prepare(sleeper, subject.next_turn(sleeper), builtin, resumed())
end

local function begin_sleep(seconds)
  local sleeper = engine.sleeper()
  prepare(sleeper, core.now() + seconds, builtin, resumed())
  return sleeper
end

--- Suspends the caller for a while. That takes little in a coroutine of the built-in loop.
function engine.sleep(seconds)
  if running() == resumed() and isyieldable() then
    local ok, sleeper = aside(begin_sleep, seconds)
    if ok then
      repeat yield(PARKED) until sleeper.token == AWAKE
      return
    end
  end
  engine.park(engine.sleeper(), core.now() + seconds)
end

--- Says that the coroutine with this token will never go on: what it waited for is given up.
function pollable.drop(token)
  local sleeper = suspended[token]
  if not sleeper then return end
  suspended[token] = nil
  clear_timer(sleeper)
  local loop = sleeper.loop or builtin
  sleeper.loop, sleeper.token = nil, false
  loops.leave(loop)
  give_up(sleeper)
end

--- What notices, for a loop that drops coroutines, when one is gone that was suspended by something
-- else than a wait, as a function that the wait called: the stack of the coroutine is all that
-- holds it.
function engine.guard(sleeper)
  if not (loops.can_drop() and newproxy) then return nil end
  return need("taskqueue.guard").scope(function() give_up(sleeper) end)
end

engine.drop = pollable.drop

function pollable.pollfd()
  return core.engine():pollfd()
end

--- What to watch the fd for: always "r".
function pollable.events()
  return "r"
end

function pollable.timeout()
  return core.engine():timeout()
end

--- Does what is to be done. For a loop that is not to be held up it does a part of that.
-- @tparam[opt=math.huge] number most how much of what is finished is taken in
-- @treturn boolean whether it is to be called again for the rest, when `most` is given
function pollable.step(most)
  is_stepping = true
  local ok, result = pcall(engine.pump, 0, most)
  is_stepping = false
  if ok and most and result > 0 then return true end
  engine.notify()
  if not ok then error(result, 0) end
  return false
end

--- The fd that is readable when `step` has something to do.
function engine.pollfd()
  local fd = pollable.pollfd()
  is_watched = true
  engine.notify()
  return fd
end

engine.events = pollable.events

--- Seconds until `step` has something to do of itself, or nil when it has not.
function engine.timeout()
  return builtin.is_ready() and 0 or pollable.timeout()
end

--- Does what is to be done, after waiting at most `timeout` seconds for it, and lets the coroutines
-- of the built-in loop run that it woke.
-- @tparam[opt=0] number timeout
function engine.step(timeout)
  if is_stepping or builtin.is_turning() then
    error("taskqueue.step: a step is under way already", 3)
  end
  is_stepping = true
  local ok, message = pcall(engine.pump, builtin.is_ready() and 0 or timeout or 0)
  if ok then ok, message = pcall(builtin.turn) end
  if not ok then builtin.abandon_turn() end
  is_stepping = false
  engine.notify()
  if not ok then error(message, 0) end
  builtin.raise_errors()
end

return engine
