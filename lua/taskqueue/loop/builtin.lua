-- SPDX-License-Identifier: MIT
--[[
The built-in loop: coroutines that take turns. It knows nothing of the network; whoever runs it
drives the engine between two turns, so that nothing has to be attached.

A crew is the coroutines that one `run` resumes. There is one, the main crew, but where several may
run side by side, each in a coroutine of another loop: each request of nginx has its own.
]]
local PARK = {}
-- Who is ready for it may also park by `yield(PARKED)`, without a function in between.
local builtin = { name = "builtin", PARKED = PARK, yield = coroutine.yield }
local unpack = table.unpack or unpack
-- The coroutines of nginx cannot be asked.
local isyieldable = coroutine.isyieldable or function() return true end
builtin.isyieldable = isyieldable

--[[
Those that have not ended, each with its place in the chain of those that are ready: the next one of
them, PARK for the last one, false for one that is not ready. Waking one takes no memory, and being
here little. One that was given up is not in here any more, and is never resumed again, whoever
wakes it.
]]
local following = {}
-- What to resume those with that have not begun.
local arguments = setmetatable({}, { __mode = "k" })
-- Whose those are that do not belong to the main crew.
local crews = setmetatable({}, { __mode = "k" })
local running = false

--- A crew without coroutines.
function builtin.crew()
  return {
    first = false, last = false, alive = 0, running = false, is_turning = false, errors = {},
  }
end

local main = builtin.crew()

--- The one that is meant where none is named.
builtin.main = main

--- Called whenever a coroutine of a crew becomes ready; whoever runs it puts its own in place.
function builtin.on_ready(_) end

local function make_ready(co)
  if following[co] == nil then return end
  local crew = crews[co] or main
  if not following[co] then
    if crew.last then following[crew.last] = co else crew.first = co end
    crew.last, following[co] = co, PARK
  end
  builtin.on_ready(crew)
end

local function take_ready(crew)
  local co = crew.first
  crew.first = following[co]
  if crew.first == PARK then crew.first, crew.last = false, false end
  following[co] = false
  return co
end

-- The crew of the coroutine that is running, if that is in one. A coroutine of nginx may be
-- suspended by something else than this loop, and others go on meanwhile.
local function crew_of(co)
  local crew = co and (crews[co] or main)
  return crew and crew.running == co and crew
end

--- The coroutine that is running now, if this loop resumed it; otherwise a wait has to block.
function builtin.current()
  local co = coroutine.running()
  if crew_of(co) and isyieldable() then return co end
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

--- Adds a coroutine to a crew.
function builtin.enlist(crew, fn, ...)
  local co, count = coroutine.create(fn), select("#", ...)
  if count > 0 then arguments[co] = { n = count, ... } end
  if crew ~= main then crews[co] = crew end
  following[co] = false
  crew.alive = crew.alive + 1
  make_ready(co)
end

--- Adds a coroutine to the crew of the caller, or else to the main one.
function builtin.spawn(fn, ...)
  builtin.enlist(crew_of(coroutine.running()) or main, fn, ...)
end

local function forget(crew, co)
  following[co] = nil
  crew.alive = crew.alive - 1
end

--- Gives up the coroutines of a crew that have not ended, and what they raised.
-- @treturn table a list of them
function builtin.abandon(crew)
  local abandoned = {}
  for co in pairs(following) do
    if (crews[co] or main) == crew then abandoned[#abandoned + 1] = co end
  end
  for _, co in ipairs(abandoned) do following[co] = nil end
  for name, value in pairs(builtin.crew()) do crew[name] = value end
  return abandoned
end

function builtin.is_ready(crew)
  return (crew or main).first ~= false
end

function builtin.count(crew)
  return (crew or main).alive
end

--- Is this error what the interpreter raises, anywhere, when the user interrupts the program?
function builtin.is_interrupt(message)
  return type(message) == "string" and (": " .. message):find(": interrupted!$") ~= nil
end

-- An interrupt is no error of the coroutine that it happened to hit: it ends the loop.
local function note_error(crew, co, message)
  local is_interrupt = builtin.is_interrupt(message)
  if type(message) == "string" then message = debug.traceback(co, message) end
  if is_interrupt then error(message, 0) end
  crew.errors[#crew.errors + 1] = { message }
end

local function begin(co)
  local values = arguments[co]
  arguments[co] = nil
  return coroutine.resume(co, unpack(values, 1, values.n))
end

local function resume(crew, co)
  local go_on = arguments[co] and begin or coroutine.resume
  running, crew.running = co, co
  local ok, yielded = go_on(co)
  running, crew.running = false, false
  if coroutine.status(co) == "dead" then
    -- One that was made ready meanwhile is forgotten in its turn.
    if following[co] == false then forget(crew, co) end
    if not ok then note_error(crew, co, yielded) end
  elseif yielded ~= PARK then
    make_ready(co)
  end
end

--- Is a coroutine of the main crew running?
function builtin.is_turning()
  return main.is_turning
end

--- After an error that came through a turn, as an interrupt does: what was ready stays so.
function builtin.abandon_turn(crew)
  crew = crew or main
  running, crew.running, crew.is_turning = false, false, false
end

--- Resumes each coroutine of a crew that is ready now, once.
function builtin.turn(crew)
  crew = crew or main
  local stop, co = crew.last, nil
  crew.is_turning = true
  while crew.first and co ~= stop do
    co = take_ready(crew)
    if coroutine.status(co) == "suspended" then
      resume(crew, co)
    else
      -- Somebody has closed it.
      forget(crew, co)
    end
  end
  crew.is_turning = false
end

--- Raises what coroutines raised since this was asked last: an error object as it is when it is the
-- only one and no string, else the texts with their tracebacks.
function builtin.raise_errors(crew)
  crew = crew or main
  if #crew.errors == 0 then return end
  local raised = crew.errors
  crew.errors = {}
  if #raised == 1 then error(raised[1][1], 0) end
  local texts = {}
  for i, entry in ipairs(raised) do texts[i] = tostring(entry[1]) end
  error(("%d coroutines failed\n%s"):format(#texts, table.concat(texts, "\n")), 0)
end

return builtin
