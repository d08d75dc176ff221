-- SPDX-License-Identifier: MIT
-- The native objects, as nobody but the Lua files beside them may use them: what makes no sense is
-- refused, whoever asks for it.
local core = require "taskqueue.core"
local support = require "support"

local function refuses(why, fn, ...)
  local ok, message = pcall(fn, ...)
  assert.is_false(ok)
  assert.truthy(message:find(why, 1, true), message)
end

describe("the core", function()
  after_each(support.finish)

  it("says how many requests its engine has in flight", function()
    assert.equal("taskqueue engine (0 requests in flight)", tostring(core.engine()))
  end)

  it("calls a function aside, where nothing can wait and nothing is kept", function()
    local function rest(_, ...) return ... end
    assert.same({ true, "b", "c" }, { core.aside(rest, "a", "b", "c") })
    local raised = {}
    local ok, problem = core.aside(error, raised)
    assert.is_false(ok)
    assert.equal(raised, problem)
    assert.same({ true, false }, { core.aside(coroutine.isyieldable) })
    assert.same({ true, false, "no stack to call something aside" },
      { core.aside(core.aside, print) })
    assert.same({ false, "a.lua:1: interrupted!" },
      { pcall(core.aside, error, "a.lua:1: interrupted!", 0) })
    local kept = setmetatable({ {} }, { __mode = "v" })
    core.aside(function(value) return value end, kept[1])
    collectgarbage()
    assert.is_nil(kept[1])
  end)

  it("is loaded without libcurl, which comes with the first client", function()
    local script = support.file [[
      local function has_libcurl()
        for line in io.lines "/proc/self/maps" do
          if line:find("/libcurl[-.]") then return true end
        end
        return false
      end
      local taskqueue = require "taskqueue"
      local before = has_libcurl()
      local client = taskqueue.cnode.new {}
      print(before, has_libcurl())
    ]]
    local output = support.shell(support.interpreter() .. " " .. script)
    assert.equal("false\ttrue\n", output)
  end)

  it("has no reply of a call that is not answered, or whose reply was read", function()
    local sim = support.sim()
    local client = support.client(sim)
    local call = core.call(client.native, "/service/report/create", {}, {})
    refuses("no reply to be read", call.reply, call)
    local engine = core.engine()
    local owner, news
    while not owner do
      engine:step(1)
      owner, news = engine:take()
    end
    assert.equal("answered", news)
    assert.equal("answered", call:reply().outcome)
    refuses("no reply to be read", call.reply, call)
  end)

  it("has no reply of a watch that nothing was heard of", function()
    local client = support.client(support.sim())
    local watch = core.watch(client.native, client.lane, "1", {})
    refuses("no poll to be read", watch.reply, watch)
    assert.is_nil(watch:status())
  end)

  it("takes nothing on for a client that is closed", function()
    local client = support.client(support.sim())
    local watch = core.watch(client.native, client.lane, "1", {})
    client:close()
    refuses("the client is closed", watch.schedule, watch, core.now())
    refuses("the client is closed", core.watch, client.native, client.lane, "1", {})
  end)

  it("has no place for a file in a plain form, nor for one without a name", function()
    local taskqueue = require "taskqueue"
    local file = taskqueue.file { path = support.file "x" }
    refuses("a file has no place in a plain form", core.encode_form, { a = { file } })
    local client = support.client(support.sim())
    refuses("a file needs the name of a parameter", client.call, client, "report", "create", file)
    refuses("a name with a NUL byte", client.call, client, "report", "create",
      { file = file, ["a\0b"] = "x" })
  end)
end)
