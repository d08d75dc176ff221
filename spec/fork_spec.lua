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
  end
end)
