-- SPDX-License-Identifier: MIT
--[[
The loops of the contract in spec/loop_spec.lua, each made to do the same few things:

    local loop = loops.list[i].new()
    loop.spawn(fn)      a coroutine of the loop
    loop.run()          until nothing is left to do, or until loop.stop() is called in it; gives the
                        errors that the loop's own handling saw
    loop.sleep(s)       the loop's own timer, where it has one
    loop.left()         what of the engine is left in it, as text, or nil
]]
local lfs = require "lfs"
local taskqueue = require "taskqueue"

local loops = {}

local function is_here(module)
  return (pcall(require, module))
end

local function new_builtin()
  local loop = { sleep = taskqueue.sleep, spawn = taskqueue.spawn }
  local is_stopped
  function loop.stop() is_stopped = true end
  function loop.run()
    is_stopped = false
    local errors = {}
    while not is_stopped and taskqueue.timeout() do
      local ok, message = pcall(taskqueue.step, taskqueue.timeout())
      if not ok then errors[#errors + 1] = message end
    end
    return errors
  end
  function loop.left() end
  return loop
end

local function new_luv()
  local uv = require "luv"
  local loop = { stop = uv.stop }
  function loop.spawn(fn) coroutine.wrap(fn)() end
  function loop.run()
    uv.run()
    return {}
  end
  function loop.sleep(seconds)
    local co = coroutine.running()
    local timer = uv.new_timer()
    timer:start(math.floor(seconds * 1000), 0, function()
      timer:close()
      assert(coroutine.resume(co))
    end)
    coroutine.yield()
  end
  function loop.left()
    local found
    uv.walk(function(handle)
      if not handle:is_closing() then found = tostring(handle) end
    end)
    return found
  end
  return loop
end

local function new_cqueues()
  local cqueues = require "cqueues"
  local controller = cqueues.new()
  local loop = { sleep = cqueues.sleep }
  local is_stopped
  function loop.stop() is_stopped = true end
  function loop.spawn(fn) controller:wrap(fn) end
  function loop.run()
    is_stopped = false
    local errors = {}
    while not is_stopped and not controller:empty() do
      local ok, message = controller:step()
      if not ok then errors[#errors + 1] = message end
    end
    return errors
  end
  function loop.left()
    return controller:count() > 0 and controller:count() .. " coroutines" or nil
  end
  return loop
end

-- What copas selects for reading, which version 1 shows nobody.
local function copas_reading(copas)
  for i = 1, 60 do
    local name, value = debug.getupvalue(copas.receive, i)
    if name == "_reading" then return value end
  end
  error("this copas has no set of sockets that are read")
end

local function new_copas()
  local copas = require "copas"
  local reading = copas_reading(copas)
  local loop = { sleep = copas.sleep }
  local is_stopped, alive, errors = nil, 0, {}
  function loop.stop() is_stopped = true end
  function loop.spawn(fn)
    alive = alive + 1
    copas.addthread(function()
      copas.setErrorHandler(function(message)
        alive = alive - 1
        errors[#errors + 1] = message
      end)
      fn()
      alive = alive - 1
    end)
  end
  function loop.run()
    is_stopped = false
    while not is_stopped and (alive > 0 or #reading > 0) do copas.step(10) end
    local seen = errors
    errors = {}
    return seen
  end
  function loop.left()
    return #reading > 0 and #reading .. " sockets that are read" or nil
  end
  return loop
end

-- A loop such as anybody may have, and the table of functions that it is used by.
local function new_own()
  local socket = require "socket"
  local ready, sockets, engine = {}, {}, nil
  local is_stopped
  local loop = { table = {} }
  function loop.table.current() return coroutine.isyieldable() and (coroutine.running()) or nil end
  function loop.table.park() coroutine.yield() end
  function loop.table.unpark(co) ready[#ready + 1] = co end
  function loop.table.attach(given)
    engine = given
    local fd = engine.pollfd()
    sockets[1] = { getfd = function() return fd end, dirty = function() return #ready > 0 end }
  end
  function loop.table.detach() engine, sockets[1] = nil, nil end

  function loop.stop() is_stopped = true end
  function loop.spawn(fn) ready[#ready + 1] = coroutine.create(fn) end
  function loop.run()
    is_stopped = false
    local errors = {}
    while not is_stopped and (engine or #ready > 0) do
      local co = table.remove(ready, 1)
      if co then
        local ok, message = coroutine.resume(co)
        if not ok then errors[#errors + 1] = message end
      else
        socket.select(sockets, nil, engine.timeout())
        engine.step()
      end
    end
    return errors
  end
  function loop.left() return engine and "the engine" end
  return loop
end

loops.list = {
  { name = "the built-in loop", use = "builtin", new = new_builtin, is_here = true },
  { name = "luv", use = "luv", new = new_luv, is_here = is_here "luv" },
  { name = "cqueues", use = "cqueues", new = new_cqueues, is_here = is_here "cqueues" },
  { name = "copas", use = "copas", new = new_copas, is_here = is_here "copas" },
  { name = "a loop of one's own", new = new_own, is_here = is_here "socket" },
}

--- How many fds the process has, by kind, but for sockets: those to the service are libcurl's to
-- keep.
function loops.fds()
  local counts = {}
  for name in lfs.dir("/proc/self/fd") do
    local target = lfs.symlinkattributes("/proc/self/fd/" .. name, "target")
    local kind = target and target:gsub("%d+", "N")
    if kind and not kind:find("^socket") then counts[kind] = (counts[kind] or 0) + 1 end
  end
  return counts
end

return loops
