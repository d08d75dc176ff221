-- SPDX-License-Identifier: MIT
--[[
Waits under cqueues. A program may have many controllers, so each one in which somebody waits is a
loop of its own here, with a coroutine in it that watches the engine while they do.
]]
local condition = require "cqueues.condition"
local cqueues = require "cqueues"

local loop = { name = "cqueues" }

--- Suspends until the condition is signalled.
function loop.park(token)
  token:wait()
end

--- A condition can be signalled from anywhere, whichever controller runs.
function loop.unpark(token)
  token:signal()
end

local function watch(engine, over)
  local pollable = { pollfd = engine.pollfd(), events = engine.events() }
  while not over.is_over do
    cqueues.poll(pollable, over.condition)
    engine.step()
  end
end

-- The loop of one controller. It does not hold the controller, which may be collected.
local function new_instance()
  local over
  return {
    name = loop.name,
    park = loop.park,
    unpark = loop.unpark,
    attach = function(engine)
      over = { condition = condition.new() }
      cqueues.running():wrap(watch, engine, over)
    end,
    detach = function()
      over.is_over = true
      over.condition:signal()
    end,
  }
end

-- By controller; being here keeps none alive.
local instances = setmetatable({}, { __mode = "k" })

--- A condition to wait for, and the loop of the controller that resumed the caller; nil when none
-- did, as in a coroutine that the program made itself.
function loop.current()
  local controller, is_direct = cqueues.running()
  if not is_direct then return end
  instances[controller] = instances[controller] or new_instance()
  return condition.new(), instances[controller]
end

return loop
