-- SPDX-License-Identifier: MIT
-- Running the built-in loop, until none of its coroutines is left.
local builtin = require "taskqueue.loop.builtin"
local core = require "taskqueue.core"
local engine = require "taskqueue.engine"
local loops = require "taskqueue.loop"

local run = {}

-- What sleeps while no coroutine of a crew is ready, by crew; nil when that does not run.
local runners = {}

function builtin.on_ready(crew)
  if runners[crew] then runners[crew]:wake() end
end

-- The coroutine that has run the crew is gone: so is what was left of its waits.
local function give_up(runner)
  local crew = runner.crew
  if runners[crew] ~= runner then return end
  runners[crew] = nil
  for _, co in ipairs(builtin.abandon(crew)) do engine.drop(co) end
end

local function run_all(crew, runner)
  while builtin.count(crew) > 0 do
    builtin.turn(crew)
    if builtin.count(crew) > 0 then
      -- Also when others are ready already: the network gets its turn in between.
      engine.rest(runner)
      engine.park(runner, builtin.is_ready(crew) and core.now() or math.huge)
    end
  end
end

-- The guard has to be kept until then.
local function finish(crew, _)
  runners[crew] = nil
end

-- Beside a loop that is running another one can, in a coroutine of a loop that is not the built-in
-- one.
local function choose_crew()
  if not runners[builtin.main] and not builtin.is_turning() then return builtin.main end
  local loop = loops.current()
  if loop and loop ~= builtin then return builtin.crew() end
  error("taskqueue.run: the loop is running already", 4)
end

--- Runs a function as a coroutine of the built-in loop, until none of its coroutines is left, then
-- raises what they raised. In a coroutine of another loop that one alone is suspended meanwhile.
function run.run(fn, ...)
  local crew = choose_crew()
  local runner = engine.sleeper { crew = crew, give_up = give_up }
  local guard = engine.guard(runner)
  runners[crew] = runner
  builtin.enlist(crew, fn, ...)
  local ok, message = pcall(run_all, crew, runner)
  finish(crew, guard)
  if not ok then
    builtin.abandon_turn(crew)
    error(message, 0)
  end
  builtin.raise_errors(crew)
end

--- Adds a coroutine to the built-in loop.
function run.spawn(fn, ...)
  builtin.spawn(fn, ...)
  engine.notify()
end

return run
