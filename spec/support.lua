-- SPDX-License-Identifier: MIT
-- What the specs share: simulators and clients that are gone after each case.
local core = require "taskqueue.core"
local simulator = require "taskqueue.sim"
local taskqueue = require "taskqueue"

local support = {}

local opened = {}

local function keep(object, close)
  opened[#opened + 1] = function() close(object) end
  return object
end

--- A simulator without a limit, whose tasks run at once unless told otherwise.
function support.sim(options)
  local complete = { rate = math.huge, task = { delay = 0, duration = 0 } }
  for name, value in pairs(options or {}) do complete[name] = value end
  local sim = assert(simulator.start(complete))
  return keep(sim, sim.stop)
end

--- A client of it, with a rate that a spec does not notice.
function support.client(sim, options)
  local complete = { url = sim.url, api_key = sim.api_key, rate = 200 }
  for name, value in pairs(options or {}) do complete[name] = value end
  local client = taskqueue.mobizon.new(complete)
  return keep(client, client.close)
end

--- A client of the simulator's Corporate Node, with a pace that a spec does not notice.
function support.node(sim, options)
  local complete = { url = sim.node_url, rate = 200 }
  for name, value in pairs(options or {}) do complete[name] = value end
  local client = taskqueue.cnode.new(complete)
  return keep(client, client.close)
end

--- A file with this content, removed afterwards.
function support.file(content)
  local path = os.tmpname()
  local file = assert(io.open(path, "wb"))
  file:write(content)
  file:close()
  return keep(path, os.remove)
end

--- Closes what the case opened, and fails when the engine still has something to do.
function support.finish()
  for i = #opened, 1, -1 do opened[i]() end
  opened = {}
  collectgarbage()
  collectgarbage()
  local native = core.engine()
  native:step(0)
  assert(native:take() == nil, "the engine still has news")
  assert(native:in_flight() == 0, "a request is still in flight")
end

--- How many polls of getStatus the simulator saw, for one id or for all.
function support.polls(sim, id)
  local count = 0
  for _, entry in ipairs(sim:log()) do
    if entry.method == "taskqueue/getstatus" and (id == nil or entry.id == id) then
      count = count + 1
    end
  end
  return count
end

--- Fails unless nothing in the value, however deep, holds the text.
function support.holds_no(text, value, seen)
  seen = seen or {}
  if type(value) == "string" then
    assert(not value:find(text, 1, true), "found where it must not be: " .. value)
  elseif type(value) == "table" and not seen[value] then
    seen[value] = true
    for key, item in pairs(value) do
      support.holds_no(text, key, seen)
      support.holds_no(text, item, seen)
    end
  end
  support.count = (support.count or 0) + 1
end

return support
