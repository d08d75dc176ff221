-- SPDX-License-Identifier: MIT
local json = require("cjson")
local simulator = require("taskqueue.sim")

-- What curl prints, and its exit status: 7 cannot connect, 18 partial body, 28 timeout,
-- 52 empty reply, 56 connection reset.
local function curl(arguments)
  local pipe = assert(io.popen("curl -s " .. arguments .. ' ; echo "|$?"'))
  local output, status = pipe:read("*a"):match("^(.*)|(%d+)\n$")
  pipe:close()
  return output, tonumber(status)
end

describe("a simulator", function()
  local sim, id

  before_each(function()
    sim = simulator.start { rate = math.huge, task = { delay = 0, duration = 0 } }
    id = sim:task()
  end)

  after_each(function() sim:stop() end)

  local function url(method)
    return ("'%s/service/%s?output=json&api=v1&apiKey=%s'"):format(sim.url, method, sim.api_key)
  end

  local function poll(more)
    return curl(("--max-time 10 %s -d id=%s %s"):format(more or "", id, url("taskqueue/getStatus")))
  end

  local GOOD = '{"code":0,"data":{"progress":100,"status":2},"message":""}'

  it("answers over HTTP", function()
    assert.same({ GOOD, 0 }, { poll() })
    assert.equal(("http://127.0.0.1:%d"):format(sim.port), sim.url)
  end)

  it("shows its URL and never its key", function()
    assert.equal("taskqueue.sim: " .. sim.url, tostring(sim))
    sim:stop()
    assert.equal("taskqueue.sim: stopped", tostring(sim))
  end)

  it("has a fixed key of 40 alphanumerics unless given another", function()
    assert.equal(40, #sim.api_key)
    assert.matches("^%w+$", sim.api_key)
    local other = simulator.start { api_key = "other0key" }
    assert.equal("other0key", other.api_key)
    other:stop()
  end)

  it("lives beside others in one process", function()
    local sims = {}
    for i = 1, 5 do sims[i] = simulator.start() end
    for _, other in ipairs(sims) do
      local _, status = curl(other.url)
      assert.equal(0, status)
      assert.equal(1, other:connections())
      other:stop()
    end
    assert.equal(0, sim:connections())
  end)

  it("may be stopped twice, and does nothing afterwards", function()
    local address = sim.url
    sim:stop()
    sim:stop()
    local _, status = curl(address)
    assert.equal(7, status)
    for _, name in ipairs { "task", "next_task", "tasks", "forget", "now", "fault", "clear_faults",
      "log", "clear_log", "connections", "errors" } do
      local is_good, message = pcall(sim[name], sim, {})
      assert.is_false(is_good)
      assert.matches("simulator is stopped", message)
    end
  end)

  it("stops when it is collected", function()
    local address
    do
      local other = simulator.start()
      address = other.url
    end
    collectgarbage()
    collectgarbage()
    local _, status = curl(address)
    assert.equal(7, status)
  end)

  it("stops while clients wait for it", function()
    sim:fault { silent = true }
    os.execute(("curl -s --max-time 10 %s > /dev/null & sleep 0.2"):format(url("campaign/send")))
    sim:fault { delay = 5 }
    os.execute(("curl -s --max-time 10 %s > /dev/null & sleep 0.2"):format(url("campaign/send")))
    assert.equal(2, #sim:log())
    sim:stop()
  end)

  it("says why it cannot listen", function()
    local other, message = simulator.start { port = sim.port }
    assert.is_nil(other)
    assert.matches("cannot listen on 127.0.0.1:" .. sim.port, message)
    assert.is_nil((simulator.start { host = "no.such.host.invalid" }))
  end)

  it("blames the caller's line for wrong options, naming them", function()
    for _, case in ipairs {
      { "unknown option 'prot'", function() simulator.start { prot = 1 } end },
      { "option 'port'", function() simulator.start { port = "80" } end },
      { "option 'rate'", function() simulator.start { rate = 0 } end },
      { "option 'keys'", function() simulator.start { keys = { k = "good" } } end },
      { "task: unknown option 'id'", function() simulator.start { task = { id = "7" } } end },
      { "option 'id'", function() sim:task { id = 7 } end },
      { "exists already", function() sim:task { id = id } end },
      { "unknown option 'duraton'", function() sim:next_task { duraton = 7 } end },
      { "unknown option 'sielnt'", function() sim:fault { sielnt = true } end },
      { "a table of options", function() sim:fault() end },
      { "option 'data'", function() sim:fault { data = { [1000] = 1 } } end },
      { "option 'data'", function() sim:fault { data = { print } } end },
      { "an id", function() sim:forget(7) end },
    } do
      local is_good, message = pcall(case[2])
      assert.is_false(is_good)
      assert.matches("^[^\n]*sim_server_spec%.lua:%d+: [^\n]*" .. case[1], message)
    end
  end)

  it("keeps a log in order of arrival", function()
    poll()
    sim:fault { reset = "before" }
    poll()
    curl(url("campaign/create"))
    local log = sim:log()
    assert.equal(3, #log)
    assert.is_true(log[1].time <= log[2].time and log[2].time <= sim:now())
    log[1].time = nil
    assert.same({
      connection = 1, method = "taskqueue/getstatus", id = id, code = 0, http_status = 200,
      query = "output=json&api=v1&apiKey=" .. sim.api_key, body_bytes = #id + 3,
      content_type = "application/x-www-form-urlencoded", key_in = "query", fault = false,
    }, log[1])
    assert.is_true(log[2].fault)
    assert.is_nil(log[2].http_status)
    assert.equal("campaign/create", log[3].method)
    assert.equal(3, #sim:clear_log())
    assert.same({}, sim:log())
  end)

  it("numbers TCP connections, kept alive or not", function()
    local address = url("taskqueue/getStatus")
    curl(("-d id=1 %s --next -s -d id=1 %s"):format(address, address))
    poll()
    assert.equal(2, sim:connections())
    local log = sim:log()
    assert.same({ 1, 1, 2 }, { log[1].connection, log[2].connection, log[3].connection })
  end)

  it("may be called by a finalizer that runs while its answer is copied", function()
    local function leave_garbage()
      local proxy = rawget(_G, "newproxy") and rawget(_G, "newproxy")(true)
        or setmetatable({}, {})
      -- One that is collected later, when the simulator is stopped, must not raise: LuaJIT does not
      -- survive that everywhere.
      getmetatable(proxy).__gc = function() pcall(sim.clear_faults, sim) end
      if type(proxy) == "table" then setmetatable(proxy, getmetatable(proxy)) end
    end
    for _ = 1, 200 do sim:task() end
    for _ = 1, 50 do
      leave_garbage()
      assert.equal(201, #sim:tasks())
    end
    -- None of them may find the simulator stopped.
    collectgarbage()
    collectgarbage()
  end)

  it("counts the polls of a task", function()
    poll()
    poll()
    assert.equal(2, sim:tasks()[1].polls)
  end)

  it("receives a large body whole", function()
    local name = os.tmpname()
    local file = assert(io.open(name, "wb"))
    file:write(("x"):rep(3000000))
    file:close()
    local reply = curl(("-F recipientsFile=@%s %s"):format(name, url("campaign/addRecipients")))
    os.remove(name)
    assert.equal(100, json.decode(reply).code)
    assert.is_true(sim:log()[1].body_bytes > 3000000)
  end)

  it("serves many clients at once", function()
    local addresses = url("taskqueue/getStatus"):gsub("'$", "&n=[1-200]'")
    curl(("--max-time 20 -Z --parallel-max 50 -d id=%s %s 2> /dev/null"):format(id, addresses))
    assert.equal(200, #sim:log())
    assert.equal(200, sim:tasks()[1].polls)
    assert.same({}, sim:errors())
  end)

  it("may be closed by a to-be-closed variable", function()
    if _VERSION == "Lua 5.1" then return end
    local start = simulator.start
    local run = assert(load("local start = ...; local s <close> = start(); return s"))
    assert.equal("taskqueue.sim: stopped", tostring(run(start)))
  end)

  describe("told to misbehave", function()
    it("answers late", function()
      sim:fault { delay = 0.3 }
      local before = sim:now()
      assert.same({ GOOD, 0 }, { poll() })
      assert.is_true(sim:now() - before >= 0.3)
    end)

    it("answers an envelope of its own, without doing what was asked", function()
      sim:fault { code = 15, data = { a = { 1, 2 } }, message = "no" }
      assert.equal('{"code":15,"data":{"a":[1,2]},"message":"no"}', (poll()))
      sim:fault { data_json = '{"progress":"4e1","status":1.0}' }
      assert.equal('{"code":0,"data":{"progress":"4e1","status":1.0},"message":""}', (poll()))
      assert.equal(0, sim:tasks()[1].polls)
      assert.equal(15, sim:log()[1].code)
    end)

    it("answers an HTTP status and headers", function()
      sim:fault { http_status = 429, headers = { ["Retry-After"] = 3 } }
      local reply = poll("-i")
      assert.matches("^HTTP/1.1 429 ", reply)
      assert.matches("\r\nRetry%-After: 3\r\n", reply)
      assert.matches("\r\n\r\n{", reply)
      assert.equal(429, sim:log()[1].http_status)
    end)

    it("answers another body", function()
      sim:fault { http_status = 502, body = "<html>", headers = { ["Content-Type"] = "text/html" } }
      assert.matches("^HTTP/1.1 502 .*text/html.*\r\n\r\n<html>$", (poll("-i")))
      sim:fault { envelope = "" }
      assert.equal("", (poll()))
    end)

    it("breaks off in the body", function()
      sim:fault { truncate = 10 }
      assert.same({ GOOD:sub(1, 10), 18 }, { poll() })
      sim:fault { truncate = 0 }
      assert.same({ "", 18 }, { poll() })
    end)

    it("resets the connection, before, after the headers and in the body", function()
      sim:fault { reset = "before" }
      assert.same({ "", 56 }, { poll("-i") })
      sim:fault { reset = "headers" }
      local reply, status = poll("-i")
      assert.matches("^HTTP/1.1 200 OK\r\n.*\r\n\r\n$", reply)
      assert.equal(56, status)
      sim:fault { reset = "body" }
      assert.same({ GOOD:sub(1, math.floor(#GOOD / 2)), 56 }, { poll() })
    end)

    it("has done what was asked all the same, unless told not to", function()
      local before = #sim:tasks()
      sim:fault { method = "report/create", reset = "before" }
      curl(url("report/create"))
      assert.equal(before + 1, #sim:tasks())
      sim:fault { method = "report/create", reset = "before", execute = false }
      curl(url("report/create"))
      assert.equal(before + 1, #sim:tasks())
    end)

    it("never answers", function()
      sim:fault { silent = true }
      assert.same({ "", 28 }, { poll("--max-time 0.5") })
      assert.same({ GOOD, 0 }, { poll() })
    end)

    it("answers one byte at a time", function()
      sim:fault { drip = 0.005 }
      local before = sim:now()
      assert.same({ GOOD, 0 }, { poll() })
      assert.is_true(sim:now() - before >= 0.005 * (#GOOD - 1))
    end)

    it("answers raw bytes, many of them too", function()
      sim:fault { raw = "nonsense\r\n\r\n" }
      assert.same({ "nonsense\r\n\r\n", 0 }, { poll("--http0.9") })
      local body = ("x"):rep(5000000)
      sim:fault { raw = "HTTP/1.1 200 OK\r\n\r\n" .. body }
      assert.equal(body, (poll()))
    end)

    it("falls silent or resets after bytes of its own", function()
      sim:fault { raw = "HTTP/1.1 200 OK\r\nContent-Le", after = "silence" }
      assert.equal(28, (select(2, poll("--max-time 0.5"))))
      sim:fault { truncate = 5, after = "silence" }
      assert.same({ GOOD:sub(1, 5), 28 }, { poll("--max-time 0.5") })
      sim:fault { raw = "HTTP/1.1 200 OK\r\nContent-Le", after = "reset" }
      assert.same({ "", 56 }, { poll() })
      assert.same({ GOOD, 0 }, { poll() })
    end)

    it("closes the connection after its answer", function()
      sim:fault { close = true }
      assert.matches("\r\nConnection: close\r\n", (poll("-i")))
    end)

    it("does so for one method, one task, after some calls, some times", function()
      sim:fault { method = "TaskQueue/getStatus", id = id, skip = 1, times = 2, code = 3 }
      local codes = {}
      for i = 1, 4 do codes[i] = json.decode((poll())).code end
      assert.same({ 0, 3, 3, 0 }, codes)
      sim:fault { id = "other", code = 3 }
      assert.equal(GOOD, (poll()))
      sim:fault { times = math.huge, code = 3 }
      sim:clear_faults()
      assert.equal(GOOD, (poll()))
    end)
  end)

  it("keeps the errors of a service's code, and serves on", function()
    local directory = os.tmpname()
    os.remove(directory)
    os.execute("mkdir -p " .. directory .. "/taskqueue/sim")
    local file = assert(io.open(directory .. "/taskqueue/sim/mobizon.lua", "w"))
    file:write([[
      local service = { is_mine = function() return true end }
      function service:read() return { method = "a/b" } end
      function service:answer() error("broken on purpose") end
      return { new = function() return service end }
    ]])
    file:close()
    local path = package.path
    package.path = directory .. "/?.lua;" .. path
    local other = simulator.start()
    package.path = path
    local reply = curl("-i " .. other.url)
    os.execute("rm -r " .. directory)
    assert.matches("^HTTP/1.1 500 .*\"code\":999", reply)
    assert.matches("broken on purpose", other:errors()[1])
    assert.equal(999, other:log()[1].code)
    other:stop()
  end)
end)
