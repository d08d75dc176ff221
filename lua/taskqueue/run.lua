-- SPDX-License-Identifier: MIT
-- Running the built-in loop, until none of its coroutines is left.
local builtin = require "taskqueue.loop.builtin"
local core = require "taskqueue.core"
local engine = require "taskqueue.engine"

local run = {}

-- What sleeps while no coroutine of the built-in loop is ready; nil when that loop does not run.
local runner

function builtin.on_ready()
  if runner then runner:wake() end
end

local function run_all()
  while builtin.count() > 0 do
    builtin.turn()
    if builtin.count() > 0 then
      -- Also when others are ready already: the network gets its turn in between.
      engine.rest(runner)
      engine.park(runner, builtin.is_ready() and core.now() or math.huge)
    end
  end
end

--- Runs a function as a coroutine of the built-in loop, until none of its coroutines is left, then
-- raises what they raised. In a coroutine of another loop that one alone is suspended meanwhile.
function run.run(fn, ...)
  if runner or builtin.is_turning() then
    error("taskqueue.run: the loop is running already", 3)
  end
  runner = engine.sleeper()
  builtin.spawn(fn, ...)
  local ok, message = pcall(run_all)
  runner = nil
  if not ok then
    builtin.abandon_turn()
    error(message, 0)
  end
  builtin.raise_errors()
end

--- Adds a coroutine to the built-in loop.
function run.spawn(fn, ...)
  builtin.spawn(fn, ...)
  engine.notify()
end

return run
