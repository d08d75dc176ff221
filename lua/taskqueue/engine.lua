-- SPDX-License-Identifier: MIT
--[[
The engine as the Lua side drives it: takes what the native part has finished, hands it to its
owners, and suspends whoever waits, by the loop or by blocking. The only file that yields, through
its loop.
]]
local builtin = require "taskqueue.loop.builtin"
local core = require "taskqueue.core"

local engine = {}

local loop = builtin
local huge = math.huge

engine.now = core.now

--[[
A sleeper is what waits: at most one coroutine, or a caller that blocks. It is woken by `wake` or by
its deadline, and it stays awake until it has noticed.
]]
local sleeper_methods = {}
local sleeper_mt = { __index = sleeper_methods }

--- Makes a sleeper of a table, or a new one.
function engine.sleeper(fields)
  return setmetatable(fields or {}, sleeper_mt)
end

--- Wakes the sleeper; nothing is lost when it does not sleep yet.
function sleeper_methods:wake()
  if self.is_awake then return end
  self.is_awake = true
  if self.token then
    local token = self.token
    self.token = nil
    loop.unpark(token)
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

local function set_timer(sleeper, deadline)
  if deadline < huge then
    sleeper.timer_handle = core.engine():set_timer(deadline, sleeper)
  end
end

local function clear_timer(sleeper)
  if sleeper.timer_handle then
    core.engine():clear_timer(sleeper.timer_handle)
    sleeper.timer_handle = nil
  end
end

--- Takes in what is finished, after waiting at most so long for it.
-- @tparam number timeout seconds
function engine.pump(timeout)
  local native = core.engine()
  native:step(timeout)
  local owner, news = native:take()
  while owner do
    owner[news](owner)
    owner, news = native:take()
  end
end

--- Suspends the caller until the sleeper is woken or the deadline has come. Inside a coroutine of
-- the loop only that one is suspended; anywhere else this blocks and drives the engine itself.
-- @tparam table sleeper
-- @tparam number deadline on the monotonic clock; math.huge for none
function engine.park(sleeper, deadline)
  if not sleeper.is_awake then
    set_timer(sleeper, deadline)
    local token = loop.current()
    if token then
      sleeper.token = token
      loop.park()
    else
      while not sleeper.is_awake do engine.pump(huge) end
    end
    clear_timer(sleeper)
  end
  sleeper.is_awake = false
end

--- Suspends the caller for a while.
function engine.sleep(seconds)
  local sleeper = engine.sleeper()
  engine.park(sleeper, core.now() + seconds)
end

--- The fd that is readable when `step` has something to do.
function engine.pollfd()
  return core.engine():pollfd()
end

--- What to watch the fd for: always "r".
function engine.events()
  return "r"
end

--- Seconds until `step` has something to do of itself, or nil when it has not.
function engine.timeout()
  if loop == builtin and builtin.is_ready() then return 0 end
  return core.engine():timeout()
end

--- Does what is to be done, after waiting at most `timeout` seconds for it, and lets the coroutines
-- of the built-in loop run that it woke.
-- @tparam[opt=0] number timeout
function engine.step(timeout)
  engine.pump(builtin.is_ready() and 0 or timeout or 0)
  builtin.turn()
  core.engine():arm()
  builtin.raise_errors()
end

local is_running = false

local function run_all()
  while builtin.count() > 0 do
    builtin.turn()
    if builtin.count() > 0 then engine.pump(builtin.is_ready() and 0 or huge) end
  end
end

--- Runs until no coroutine of the built-in loop is left, then raises what they raised.
function engine.run()
  if is_running then error("taskqueue.run: the loop is running already", 3) end
  is_running = true
  local ok, message = pcall(run_all)
  is_running = false
  if not ok then error(message, 0) end
  builtin.raise_errors()
end

engine.spawn = builtin.spawn

return engine
