-- SPDX-License-Identifier: MIT
local json = require("cjson")
local simulator = require("taskqueue.sim")
local world = require("taskqueue.sim.world")

local function run(command)
  local pipe = assert(io.popen(command))
  local output = pipe:read("*a")
  pipe:close()
  return output
end

describe("the simulated Mobizon service", function()
  local sim

  before_each(function()
    sim = simulator.start {
      rate = math.huge,
      task = { delay = 0, duration = 0 },
      keys = { denied0key = "denied", blocked0key = "blocked", moved0key = "elsewhere" },
    }
  end)

  after_each(function() sim:stop() end)

  -- A call as curl makes it; `more` are further words of the command line.
  local function text(method, query, more)
    return run(("curl -sS --max-time 10 %s '%s/service/%s?%s'"):format(
      more or "-d ''", sim.url, method, query))
  end

  local function call(method, form, key)
    local query = "output=json&api=v1&apiKey=" .. (key or sim.api_key)
    return json.decode(text(method, query, "-d '" .. (form or "") .. "'"))
  end

  describe("taskqueue/getStatus", function()
    it("answers whole JSON numbers and nothing else", function()
      local id = sim:task { delay = 0, duration = 100, progress = { { 0, 40 }, { 1, 40 } } }
      assert.equal('{"code":0,"data":{"progress":40,"status":1},"message":""}',
        text("taskqueue/getStatus", "output=json&apiKey=" .. sim.api_key, "-d id=" .. id))
    end)

    it("knows the four statuses", function()
      local function data(task)
        return call("taskqueue/getStatus", "id=" .. sim:task(task)).data
      end
      assert.same({ progress = 0, status = 0 }, data { delay = 100 })
      assert.same({ progress = 0, status = 1 }, data { duration = 100 })
      assert.same({ progress = 100, status = 2 }, data {})
      assert.same({ progress = 99, status = 3 }, data { outcome = "rejected" })
    end)

    it("takes the method in any case, and GET", function()
      local id = sim:task()
      assert.equal(0, call("TaskQueue/GETSTATUS", "id=" .. id).code)
      local query = "id=" .. id .. "&apiKey=" .. sim.api_key
      assert.equal(0, json.decode(text("taskqueue/getStatus", query, "-G")).code)
    end)

    it("does not find what is unknown or forgotten", function()
      local id = sim:task()
      assert.equal(2, call("taskqueue/getStatus", "id=1").code)
      assert.equal(0, call("taskqueue/getStatus", "id=" .. id).code)
      sim:forget(id)
      assert.same({ code = 2, data = {}, message = "The object is not found" },
        call("taskqueue/getStatus", "id=" .. id))
    end)

    it("finds an id over 2^53", function()
      sim:task { id = "9007199254740993" }
      assert.equal(0, call("taskqueue/getStatus", "id=9007199254740993").code)
      assert.equal(2, call("taskqueue/getStatus", "id=9007199254740992").code)
    end)

    it("wants an id, and a decimal one", function()
      assert.equal(11, call("taskqueue/getStatus", "").code)
      assert.equal(11, call("taskqueue/getStatus", "id=").code)
      assert.equal(12, call("taskqueue/getStatus", "id=abc").code)
      assert.equal(12, call("taskqueue/getStatus", "id[]=7").code)
    end)

    it("answers in XML when asked", function()
      local id = sim:task()
      local reply = text("taskqueue/getStatus", "output=xml&apiKey=" .. sim.api_key,
        "-i -d id=" .. id)
      assert.matches("Content%-Type: application/xml", reply)
      assert.matches("<response><code>0</code><data><progress>100</progress>"
        .. "<status>2</status></data><message/></response>", reply)
    end)
  end)

  describe("the budget", function()
    local now, service

    before_each(function()
      now = 100
      service = world.new({
        keys = { k = "ok", other = "ok" }, rate = 2, forget_after = 3600,
      }, function() return now end)
    end)

    local function code(method, key)
      local reply = service:answer {
        method = "POST", path = "/service/" .. method, query = "apiKey=" .. (key or "k"),
        body = "id=1", content_type = "application/x-www-form-urlencoded",
      }
      return json.decode(reply.body).code
    end

    it("refuses a call that comes too early with code 30", function()
      assert.equal(2, code("taskqueue/getStatus"))
      now = 100.49
      assert.equal(30, code("taskqueue/getStatus"))
      now = 100.5
      assert.equal(2, code("taskqueue/getStatus"))
    end)

    it("counts from the last call that was accepted", function()
      code("taskqueue/getStatus")
      for _ = 1, 4 do
        now = now + 0.12
        assert.equal(30, code("taskqueue/getStatus"))
      end
      now = 100.5
      assert.equal(2, code("taskqueue/getStatus"))
    end)

    it("is one for each key, and for that method only", function()
      code("taskqueue/getStatus")
      assert.equal(2, code("taskqueue/getStatus", "other"))
      assert.equal(100, code("report/create"))
      assert.equal(100, code("report/create"))
    end)
  end)

  describe("refuses", function()
    it("an unknown module, method and format", function()
      assert.equal(4, call("nothing/here").code)
      assert.equal(5, call("campaign/here").code)
      assert.equal(5, call("campaign").code)
      local query = "output=yaml&apiKey=" .. sim.api_key
      assert.equal(6, json.decode(text("campaign/send", query)).code)
    end)

    it("a missing or wrong key", function()
      assert.equal(8, call("campaign/send", nil, "wrong").code)
      assert.equal(8, json.decode(text("campaign/send", "output=json")).code)
    end)

    it("keys that are denied, blocked or served elsewhere", function()
      assert.equal(9, call("campaign/send", nil, "denied0key").code)
      assert.equal(14, call("campaign/send", nil, "blocked0key").code)
      local answer = call("campaign/send", nil, "moved0key")
      assert.equal(13, answer.code)
      assert.equal("string", type(answer.data))
    end)

    it("other HTTP methods and other paths", function()
      assert.matches("^HTTP/1.1 405", text("campaign/send", "", "-i -X PUT"))
      assert.matches("^HTTP/1.1 404", run(("curl -sSi '%s/elsewhere'"):format(sim.url)))
    end)
  end)

  it("takes the key from the body, and the log says so", function()
    local reply = text("campaign/send", "output=json", "-d apiKey=" .. sim.api_key)
    assert.equal(0, json.decode(reply).code)
    assert.equal("body", sim:log()[1].key_in)
    call("campaign/send")
    assert.equal("query", sim:log()[2].key_in)
  end)

  it("creates campaigns with ids as strings and sends them with a number", function()
    local answer = call("campaign/create", "data[text]=Hello")
    assert.equal(0, answer.code)
    assert.equal("string", type(answer.data))
    assert.same({ code = 0, data = 2, message = "" }, call("campaign/send", "id=" .. answer.data))
  end)

  describe("campaign/addRecipients", function()
    it("starts a task for groups", function()
      local answer = call("campaign/addRecipients", "recipientGroups[0]=1&recipientGroups[1]=2")
      assert.equal(100, answer.code)
      assert.equal(sim:tasks()[1].id, ("%d"):format(answer.data))
    end)

    it("starts a task for a file", function()
      local reply = text("campaign/addRecipients", "output=json&apiKey=" .. sim.api_key,
        "-F id=7 -F 'recipientsFile=@LICENSE;type=text/csv'")
      assert.equal(100, json.decode(reply).code)
      assert.matches("^multipart/form%-data", sim:log()[1].content_type)
      assert.equal("7", sim:log()[1].id)
    end)

    it("takes a list of recipients at once", function()
      local answer = call("campaign/addRecipients",
        "recipients[0][recipient]=7%20700&recipients[1][recipient]=8")
      assert.equal(0, answer.code)
      assert.equal("7700", answer.data[1].recipient)
    end)

    it("tells which of them it did not take", function()
      assert.equal(98, call("campaign/addRecipients", "recipients[]=7&recipients[]=x").code)
      local answer = call("campaign/addRecipients", "recipients[]=x")
      assert.equal(99, answer.code)
      assert.equal(1, answer.data[1].code)
    end)

    it("wants something", function()
      local answer = call("campaign/addRecipients", "id=7")
      assert.equal(1, answer.code)
      assert.equal("string", type(answer.data.recipients[1]))
    end)
  end)

  it("starts tasks for imports and reports, with the script that was planned", function()
    sim:next_task { id = "4000000001", outcome = "stuck" }
    assert.same({ code = 100, data = 4000000001, message = "" }, call("contactCard/import"))
    assert.equal(100, call("report/create").code)
    assert.equal("stuck", sim:tasks()[1].outcome)
    assert.equal("completed", sim:tasks()[2].outcome)
  end)

  it("writes an id that a double cannot hold as a string", function()
    sim:next_task { id = "9007199254740993" }
    assert.equal("9007199254740993", call("report/create").data)
  end)

  it("tells a balance as a decimal string", function()
    assert.matches("^%d+%.%d+$", call("user/getOwnBalance").data.balance)
  end)

  describe("sim/createTask", function()
    it("creates a task as sim:task does", function()
      local answer = call("sim/createTask", "id=42&delay=0.25&duration=8&outcome=rejected"
        .. "&progress[0][]=0.5&progress[0][]=10")
      assert.same({ code = 100, data = 42, message = "" }, answer)
      local task = sim:tasks()[1]
      assert.equal(0.25, task.started - task.created)
      assert.equal("rejected", task.outcome)
    end)

    it("names the parameter that makes no sense", function()
      assert.truthy(call("sim/createTask", "delay=soon").data.delay)
      assert.truthy(call("sim/createTask", "progress[]=1").data.progress)
      call("sim/createTask", "id=42")
      assert.truthy(call("sim/createTask", "id=42").data.id)
    end)
  end)

  describe("sim/answer", function()
    it("answers any code", function()
      local codes = "0 1 2 3 4 5 6 8 9 10 11 12 13 14 15 30 98 99 100 999"
      for code in codes:gmatch("%d+") do
        assert.equal(tonumber(code), call("sim/answer", "code=" .. code).code)
      end
    end)

    it("answers the data and message it is given, as they are spelt", function()
      local reply = text("sim/answer", "apiKey=" .. sim.api_key,
        [[-d 'code=7&message=why%20not' --data-urlencode 'data={"a":1.0,"b":"2"}']])
      assert.equal('{"code":7,"data":{"a":1.0,"b":"2"},"message":"why not"}', reply)
    end)

    it("wants a code, and data that are JSON", function()
      assert.equal(1, call("sim/answer", "").code)
      assert.equal(1, call("sim/answer", "code=x").code)
      assert.truthy(call("sim/answer", "code=0&data={").data.data)
    end)
  end)
end)
