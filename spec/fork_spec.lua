-- SPDX-License-Identifier: MIT
-- Processes that are forked when waits have been already. Only LuaJIT can fork without a library.
if not rawget(_G, "jit") then return end

local support = require "support"

local SCRIPT = [[
local ffi = require "ffi"
ffi.cdef "int fork(void); int waitpid(int, int *, int); void _exit(int);"
local core = require "taskqueue.core"
if os.getenv "THREADED" then core.use_thread() end
local taskqueue = require "taskqueue"
local client = taskqueue.mobizon.new { url = "%s", api_key = "%s", rate = 500 }
assert(client:wait_until_done "%s")
local function wait(id) return assert(client:wait_until_done(id)).state end
local state
taskqueue.spawn(function() state = wait "%s" end)
for _ = 1, 20 do taskqueue.step(0.005) end
local child = ffi.C.fork()
if child == 0 then
  local ok, ended = pcall(wait, "%s")
  io.write(tostring(ended), " ")
  io.flush()
  collectgarbage()
  ffi.C._exit(ok and 0 or 1)
end
local status = ffi.new "int[1]"
ffi.C.waitpid(child, status, 0)
while not state do taskqueue.step(1) end
print(status[0], state)
]]

-- The client is made when the engine is open, so that the end of the state comes to it first.
local ENDING = [[
local ffi = require "ffi"
ffi.cdef "int fork(void); int waitpid(int, int *, int);"
local core = require "taskqueue.core"
if os.getenv "THREADED" then core.use_thread() end
local taskqueue = require "taskqueue"
core.engine()
local client = taskqueue.mobizon.new { url = "%s", api_key = "%s", request_timeout = 20 }
local state, answer
taskqueue.spawn(function() state = assert(client:wait_until_done "%s").state end)
taskqueue.spawn(function() answer = assert(client:call("report", "create")) end)
for _ = 1, 20 do taskqueue.step(0.01) end
local child = ffi.C.fork()
if child == 0 then
  %s
  os.exit(0, true)
end
local status = ffi.new "int[1]"
ffi.C.waitpid(child, status, 0)
while not (state and answer) do taskqueue.step(1) end
print(status[0], state)
os.exit(0, false)
]]

describe("a process that was forked", function()
  after_each(support.finish)

  for _, threaded in ipairs { "", "THREADED=1 " } do
    local how = threaded == "" and "in place" or "with a thread"
    it("waits with the clients of its parent, and disturbs none of its waits, " .. how, function()
      local sim = support.sim()
      local long = sim:task { duration = 0.8 }
      local script = support.file(SCRIPT:format(sim.url, sim.api_key, sim:task(), long,
        sim:task { duration = 0.2 }))
      local output = support.shell(threaded .. "timeout 20 luajit " .. script)
      assert.equal("succeeded 0\tsucceeded\n", output)
    end)

    it("joins the wait of its parent on the same task, " .. how, function()
      local sim = support.sim()
      local long = sim:task { duration = 0.5 }
      local script = support.file(SCRIPT:format(sim.url, sim.api_key, sim:task(), long, long))
      local output = support.shell(threaded .. "timeout 20 luajit " .. script)
      assert.equal("succeeded 0\tsucceeded\n", output)
    end)

    for name, deed in pairs {
      ["ends"] = "", ["closes its client"] = "client:close()",
      ["uses the engine, and ends"] = "core.engine():step(0)",
    } do
      it(name .. " while its parent's requests are in flight, " .. how, function()
        local sim = support.sim()
        sim:fault { delay = 1, times = 2 }
        local script = support.file(ENDING:format(sim.url, sim.api_key, sim:task(), deed))
        assert.equal("0\tsucceeded\n", support.shell(threaded .. "timeout 10 luajit " .. script))
      end)
    end
  end
end)
