-- SPDX-License-Identifier: MIT
local support = require "support"
local taskqueue = require "taskqueue"

describe("a Mobizon client", function()
  after_each(support.finish)

  it("shows where it goes, and that nobody checks whom it talks to", function()
    local client = taskqueue.mobizon.new { api_key = "secret", host = "api.mobizon.ua" }
    assert.equal("taskqueue.mobizon (https://api.mobizon.ua)", tostring(client))
    assert.equal("taskqueue.task 7 of taskqueue.mobizon (https://api.mobizon.ua)",
      tostring(client:task(7)))
    client = taskqueue.mobizon.new { api_key = "secret", insecure = true }
    assert.equal("taskqueue.mobizon (https://api.mobizon.kz) INSECURE: TLS is not verified",
      tostring(client))
  end)

  it("does no I/O when it is made", function()
    local sim = support.sim()
    local client = support.client(sim)
    client:task("1")
    assert.equal(0, sim:connections())
  end)

  it("sends the request that the documentation shows", function()
    local sim = support.sim()
    assert(support.client(sim):get_status(sim:task { id = "123" }))
    local entry = sim:log()[1]
    assert.equal("taskqueue/getstatus", entry.method)
    assert.equal("output=json&api=v1", entry.query)
    assert.equal("application/x-www-form-urlencoded", entry.content_type)
    assert.equal(#("id=123&apiKey=") + #sim.api_key, entry.body_bytes)
  end)
end)

describe("calling", function()
  local sim, client

  before_each(function()
    sim = support.sim()
    client = support.client(sim)
  end)

  after_each(support.finish)

  it("gives a task when the service answers with code 100", function()
    local task = assert(client:call("campaign", "addRecipients", {
      id = 7, recipientGroups = { 1, 2 },
    }))
    assert.equal(sim:tasks()[1].id, task.id)
    assert.equal(client, task.client)
    assert.is_true(task:wait_until_done().ok)
  end)

  it("takes the id of a task from a number or from text, digit for digit", function()
    for data, id in pairs {
      ["123"] = "123", ['"123"'] = "123", ["123.0"] = "123",
      ["9007199254740993"] = "9007199254740993", ['"9007199254740993"'] = "9007199254740993",
      ["4294967296"] = "4294967296",
    } do
      sim:fault { code = 100, data_json = data }
      assert.equal(id, assert(client:call("report", "create")).id)
    end
  end)

  it("does not invent a task when code 100 names none", function()
    for _, data in ipairs {
      "null", "[]", "{}", '""', "1.5", "true", "1e300", "-1e19", '"a\\u0001b"',
    } do
      sim:fault { code = 100, data_json = data }
      local task, message, kind = client:call("report", "create")
      assert.is_nil(task)
      assert.equal("protocol", kind)
      assert.matches("without a task id", message)
    end
  end)

  it("gives the decoded data otherwise, of whatever type", function()
    for data, expected in pairs {
      ["2"] = 2, ['"70000000006"'] = "70000000006", ["true"] = true, ["[]"] = {},
      ['{"a":[1,{"b":null}]}'] = { a = { 1, { b = taskqueue.null } } }, ["false"] = false,
      ["null"] = taskqueue.null, ['""'] = "",
    } do
      sim:fault { data_json = data }
      local got, message = client:call("campaign", "get", { id = 1 })
      assert.is_nil(message)
      assert.same(expected, got)
    end
  end)

  it("does not take a bare number with code 0 for a task", function()
    assert.equal(2, client:call("campaign", "send", { id = 1 }))
  end)

  it("has a kind for every code of the table", function()
    local kinds = {
      [1] = "service", [2] = "not_found", [3] = "service", [4] = "service", [5] = "service",
      [6] = "service", [8] = "auth", [9] = "auth", [10] = "service", [11] = "service",
      [12] = "service", [13] = "service", [14] = "auth", [15] = "service", [30] = "throttled",
      [98] = "service", [99] = "service", [999] = "service",
    }
    for code, expected in pairs(kinds) do
      local result, message, kind, detail = client:call("sim", "answer", {
        code = code, data = '{"field":["wrong"]}', message = "in words",
      })
      assert.is_nil(result)
      assert.equal(expected, kind)
      assert.matches(("^sim/answer: .+ %%(code %d%%): \"in words\"$"):format(code), message)
      assert.same({ code, 200, 1 }, { detail.code, detail.http_status, detail.attempts })
      assert.same({ field = { "wrong" } }, detail.data)
    end
    for name, code in pairs(taskqueue.mobizon.code) do
      assert.is_true(kinds[code] ~= nil or name == "OK" or name == "BACKGROUND")
    end
  end)

  it("keeps what a bulk call could not do", function()
    local _, _, _, detail = client:call("campaign", "addRecipients", {
      id = 1, recipients = { { recipient = "77010000001" }, { recipient = "nobody" } },
    })
    assert.equal(98, detail.code)
    assert.equal(2, #detail.data)
  end)

  it("reports the right server and does not go there", function()
    sim:fault { code = 13, data = "api.elsewhere.example" }
    local _, _, kind, detail = client:call("campaign", "get")
    assert.same({ "service", "api.elsewhere.example" }, { kind, detail.data })
    assert.equal(1, #sim:log())
  end)

  it("sends once and does not repeat, whatever happens", function()
    for _, fault in ipairs {
      { reset = "before" }, { reset = "headers" }, { truncate = 3 },
      { http_status = 500, body = "" }, { code = 15 }, { code = 30 }, { envelope = "" },
    } do
      sim:clear_log()
      assert(client:call("user", "getOwnBalance"))
      sim:fault(fault)
      local result, message, _, detail = client:call("report", "create")
      assert.is_nil(result)
      assert.matches("^report/create: ", message)
      assert.equal(1, detail.attempts)
      assert.equal(2, #sim:log())
    end
  end)

  it("follows no redirect", function()
    local other = support.sim()
    sim:fault { http_status = 307, body = "", headers = { Location = other.url .. "/service/a/b" } }
    local _, message, kind = client:call("campaign", "get")
    assert.equal("http", kind)
    assert.matches("HTTP 307 %(redirects are not followed%)", message)
    assert.equal(0, other:connections())
  end)

  it("nests parameters", function()
    local data = assert(client:call("sim", "answer", {
      code = 0, data = '{"a b":"c&d=e"}', message = "",
    }))
    assert.same({ ["a b"] = "c&d=e" }, data)
  end)

  it("works beside waits in one loop", function()
    taskqueue.run(function()
      for _ = 1, 10 do
        taskqueue.spawn(function()
          local task = assert(client:call("report", "create"))
          assert(task:wait_until_done())
        end)
      end
    end)
    assert.equal(10, #sim:tasks())
  end)

  it("raises at the caller's line for what it cannot send", function()
    for expected, fn in pairs {
      ["call: a%[0%]: a function cannot be sent"] = function()
        client:call("m", "n", { a = { print } })
      end,
      ["call: the module must be a name"] = function() client:call("a/b", "n") end,
      ["call: the method must be a name"] = function() client:call("m", "n?x=1\r\n") end,
      ["call: the parameters must be a table"] = function() client:call("m", "n", 1) end,
    } do
      local ok, message = pcall(fn)
      assert.is_false(ok)
      assert.matches("^spec/mobizon_spec.lua:%d+: " .. expected, message)
    end
    assert.equal(0, #sim:log())
  end)
end)

describe("a file", function()
  local sim, client

  before_each(function()
    sim = support.sim()
    client = support.client(sim, { request_timeout = 60 })
  end)

  after_each(support.finish)

  it("is sent as multipart, beside nested parameters and the key", function()
    local path = support.file("77010000001\n77010000002\n")
    local task = assert(client:call("campaign", "addRecipients", {
      id = 7,
      recipientsFile = taskqueue.file { path = path, name = "list.csv", type = "text/csv" },
      params = { skip = { true, false } },
    }))
    local entry = sim:log()[1]
    assert.matches("^multipart/form%-data; boundary=", entry.content_type)
    assert.equal("7", entry.id)
    assert.equal("body", entry.key_in)
    assert.is_nil(entry.query:find(sim.api_key, 1, true))
    assert.is_true(task:wait_until_done().ok)
  end)

  it("is streamed from disk, not held in memory", function()
    local path = support.file(("0123456789abcdef"):rep(4 * 65536))
    collectgarbage()
    local before = collectgarbage("count")
    sim:fault { code = 0, data = true }
    assert(client:call("contactcard", "import", { file = taskqueue.file { path = path } }))
    assert.is_true(collectgarbage("count") - before < 1024)
    assert.is_true(sim:log()[1].body_bytes > 4 * 1024 * 1024)
  end)

  it("that cannot be read raises at the caller's line, and nothing is sent", function()
    local ok, message = pcall(function()
      client:call("campaign", "addRecipients", { f = taskqueue.file { path = "/no/such" } })
    end)
    assert.is_false(ok)
    assert.matches("^spec/mobizon_spec.lua:%d+: call: f: cannot read the file '/no/such'$", message)
    assert.equal(0, #sim:log())
  end)

  it("is described by its fields, which are checked", function()
    assert.equal("taskqueue.file (/a)", tostring(taskqueue.file { path = "/a" }))
    for expected, fn in pairs {
      ["must be a table with the field 'path'"] = function() taskqueue.file("/a") end,
      ["the option 'path' is missing"] = function() taskqueue.file {} end,
      ["unknown option 'mime'"] = function() taskqueue.file { path = "/a", mime = "b" } end,
    } do
      local ok, message = pcall(fn)
      assert.is_false(ok)
      assert.matches("^spec/mobizon_spec.lua:%d+: taskqueue.file: .*" .. expected, message)
    end
  end)
end)
