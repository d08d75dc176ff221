-- SPDX-License-Identifier: MIT
--[[
The built-in loop: coroutines that take turns. It knows nothing of the network; whoever runs it
drives the engine between two turns, so that nothing has to be attached.
]]
local PARK = {}
-- Who is ready for it may also park by `yield(PARKED)`, without a function in between.
local builtin = { name = "builtin", PARKED = PARK, yield = coroutine.yield }
local unpack = table.unpack or unpack

--[[
Those that have not ended, each with its place in the chain of those that are ready: the next one of
them, PARK for the last one, false for one that is not ready. Waking one takes no memory, and being
here little. One that was given up is not in here any more, and is never resumed again, whoever
wakes it.
]]
local following = {}
local first, last
-- What to resume those with that have not begun.
local arguments = setmetatable({}, { __mode = "k" })
local alive = 0
local running = false
local errors = {}

--- Called whenever a coroutine becomes ready; whoever runs the loop puts its own in place.
function builtin.on_ready() end

local function make_ready(co)
  if following[co] == nil then return end
  if not following[co] then
    if last then following[last] = co else first = co end
    last, following[co] = co, PARK
  end
  builtin.on_ready()
end

local function take_ready()
  local co = first
  first = following[co]
  if first == PARK then first, last = nil, nil end
  following[co] = false
  return co
end

--- The coroutine that is running now, if this loop resumed it; otherwise a wait has to block.
function builtin.current()
  local co = coroutine.running()
  if co == running and coroutine.isyieldable() then return co end
end

--- The coroutine that this loop resumed, whichever is running now; false when it resumed none.
function builtin.resumed()
  return running
end

--- Suspends the current coroutine until `unpark`.
function builtin.park()
  coroutine.yield(PARK)
end

--- Lets a parked coroutine run at the next turn.
function builtin.unpark(co)
  make_ready(co)
end

--- Adds a coroutine.
function builtin.spawn(fn, ...)
  local co, count = coroutine.create(fn), select("#", ...)
  if count > 0 then arguments[co] = { n = count, ... } end
  following[co] = false
  alive = alive + 1
  make_ready(co)
end

local function forget(co)
  following[co] = nil
  alive = alive - 1
end

--- Gives up all coroutines that have not ended, and what they raised.
function builtin.abandon_all()
  following, errors = {}, {}
  first, last, alive = nil, nil, 0
end

function builtin.is_ready()
  return first ~= nil
end

function builtin.count()
  return alive
end

--- Is this error what the interpreter raises, anywhere, when the user interrupts the program?
function builtin.is_interrupt(message)
  return type(message) == "string" and (": " .. message):find(": interrupted!$") ~= nil
end

-- An interrupt is no error of the coroutine that it happened to hit: it ends the loop.
local function note_error(co, message)
  local is_interrupt = builtin.is_interrupt(message)
  if type(message) == "string" then message = debug.traceback(co, message) end
  if is_interrupt then error(message, 0) end
  errors[#errors + 1] = { message }
end

local function begin(co)
  local values = arguments[co]
  arguments[co] = nil
  return coroutine.resume(co, unpack(values, 1, values.n))
end

local function resume(co)
  local go_on = arguments[co] and begin or coroutine.resume
  running = co
  local ok, yielded = go_on(co)
  running = false
  if coroutine.status(co) == "dead" then
    -- One that was made ready meanwhile is forgotten in its turn.
    if following[co] == false then forget(co) end
    if not ok then note_error(co, yielded) end
  elseif yielded ~= PARK then
    make_ready(co)
  end
end

local is_turning = false

--- Is a coroutine of this loop running?
function builtin.is_turning()
  return is_turning
end

--- After an error that came through a turn, as an interrupt does: what was ready stays so.
function builtin.abandon_turn()
  is_turning, running = false, false
end

--- Resumes each coroutine that is ready now, once.
function builtin.turn()
  local stop, co = last, nil
  is_turning = true
  while first and co ~= stop do
    co = take_ready()
    if coroutine.status(co) == "suspended" then
      resume(co)
    else
      -- Somebody has closed it.
      forget(co)
    end
  end
  is_turning = false
end

--- Raises what coroutines raised since this was asked last: an error object as it is when it is the
-- only one and no string, else the texts with their tracebacks.
function builtin.raise_errors()
  if #errors == 0 then return end
  local raised = errors
  errors = {}
  if #raised == 1 then error(raised[1][1], 0) end
  local texts = {}
  for i, entry in ipairs(raised) do texts[i] = tostring(entry[1]) end
  error(("%d coroutines failed\n%s"):format(#texts, table.concat(texts, "\n")), 0)
end

return builtin
