-- SPDX-License-Identifier: MIT
-- What the specs on simulated time share: the services, and cases that run inside a world.
local testing = require "taskqueue.testing"

local simulated = {}

--- The services, with codes of theirs.
simulated.services = {
  { name = "Mobizon in JSON", kind = "mobizon", options = {}, transient = 15, denied = 8 },
  {
    name = "Mobizon in XML", kind = "mobizon", options = { format = "xml" }, transient = 15,
    denied = 9,
  },
  {
    name = "the Corporate Node", kind = "cnode", options = { rate = 1 },
    transient = "ERR_TECHNICAL_PROBLEM",
  },
}

--- The cases of one service.
-- @tparam table service one of the above
-- @tparam function begin gets the world and a client of it at the begin of each case
-- @treturn table functions: `inside` makes what a case does, the others act in its world
function simulated.cases(service, begin)
  local cases, world = {}, nil

  function cases.new_client(options)
    local complete = {}
    for name, value in pairs(service.options) do complete[name] = value end
    for name, value in pairs(options or {}) do complete[name] = value end
    return world[service.kind](world, complete)
  end

  --- One with a budget of its own.
  function cases.new_stranger(options)
    options[service.kind == "mobizon" and "api_key" or "username"] = "stranger"
    return cases.new_client(options)
  end

  function cases.new_task(script)
    local complete = { service = service.kind }
    for name, value in pairs(script or {}) do complete[name] = value end
    return world:task(complete)
  end

  --- What a case does inside a world, as a coroutine.
  function cases.inside(fn, options)
    return function()
      testing.run(options, function(fresh)
        world = fresh
        begin(world, cases.new_client())
        fn()
      end)
    end
  end

  --- When a task was polled.
  function cases.polls(id)
    local times = {}
    for _, entry in ipairs(world:log()) do
      if entry.id == id then times[#times + 1] = entry.time end
    end
    return times
  end

  return cases
end

return simulated
