-- SPDX-License-Identifier: MIT
local support = require "support"
local taskqueue = require "taskqueue"

local status = taskqueue.cnode.status

describe("a Corporate Node client", function()
  after_each(support.finish)

  it("goes to the node's own port unless told otherwise", function()
    local node = taskqueue.cnode.new()
    assert.equal("taskqueue.cnode (http://127.0.0.1:9091/)", tostring(node))
    assert.equal("taskqueue.task A1 of taskqueue.cnode (http://127.0.0.1:9091/)",
      tostring(node:task("A1")))
    node:close()
  end)

  it("names unknown and wrong options at the caller's line", function()
    for expected, options in pairs {
      ["unknown option 'api_key'"] = { api_key = "k" },
      ["option 'password' must be a string"] = { password = 1 },
      ["url: not a plain http or https URL"] = { url = "soap://h" },
    } do
      local ok, message = pcall(function() taskqueue.cnode.new(options) end)
      assert.is_false(ok)
      assert.matches("^spec/cnode_spec.lua:%d+: cnode.new: " .. expected, message)
    end
  end)

  it("has 36 statuses, each named as it is", function()
    local count = 0
    for name, value in pairs(status) do
      assert.equal(name, value)
      count = count + 1
    end
    assert.equal(36, count)
    assert.equal("ERR_TASK_DOES_NOT_EXIST", taskqueue.cnode.error.TASK_DOES_NOT_EXIST)
    assert.equal("ERR_TASK_DOES_NOT_EXISTS", taskqueue.cnode.error.TASK_DOES_NOT_EXISTS)
    assert.has_error(function() return status.FINISHED end)
  end)

  it("knows every status of the vendor's page", function()
    local page = io.open("../shared/reference/cnode-getTaskStatus.pl.txt")
    if not page then return pending("the vendor's page is not beside this checkout") end
    local text, listed = page:read("*a"), 0
    page:close()
    for name in text:gmatch("• ([A-Z_]+)") do
      assert.equal(name, status[name])
      listed = listed + 1
    end
    assert.equal(36, listed)
  end)
end)

describe("the node's tasks", function()
  local sim, node

  before_each(function()
    sim = support.sim { keep_bodies = true }
    node = support.node(sim)
  end)

  after_each(support.finish)

  local function fault_with(fields)
    return { body = ("<E><Body><r><return>%s</return></r></Body></E>"):format(fields)
      :gsub("E>", "Envelope>") }
  end

  it("end with FINISHED_OK or a failure, and with nothing else", function()
    for name in pairs(status) do
      local id = sim:task { service = "node", duration = 60 }
      sim:fault(fault_with("<status>" .. name .. "</status>"))
      local seen = assert(node:get_status(id))
      local expected = name == "FINISHED_OK" and "succeeded"
        or name:find("^FINISHED_") and "failed" or "running"
      assert.equal(expected, seen.state)
      assert.equal(name, seen.code)
      assert.equal(expected ~= "running", seen.done)
      assert.equal(expected == "succeeded", seen.ok)
    end
  end)

  it("go on with a status that nobody knows, which is kept", function()
    sim:fault(fault_with("<status> ALMOST_FINISHED_OK </status>"))
    local seen = assert(node:get_status(sim:task { service = "node" }))
    assert.same({ "running", "ALMOST_FINISHED_OK" }, { seen.state, seen.code })
  end)

  it("never end by their progress", function()
    sim:fault(fault_with("<status>TRANSFERRING</status><progressPercent>100</progressPercent>"))
    assert.is_false(node:get_status(sim:task { service = "node" }).done)
  end)

  it("tell their type and their information, decoded and as text", function()
    local id = sim:task { service = "node", type = "GIVE_MONEY", info = { amount = 5, to = "Ann" } }
    local seen = assert(node:wait_until_done(id))
    assert.equal("GIVE_MONEY", seen.type)
    assert.same({ amount = 5, to = "Ann" }, seen.info)
    assert.equal("string", type(seen.info_text))
  end)

  it("are told although their information is no JSON", function()
    for text, info in pairs { ["{"] = false, ["no JSON"] = false, [""] = false, ["{\n}"] = {} } do
      local id = sim:task { service = "node", info = text }
      local seen = assert(node:wait_until_done(id))
      assert.equal(text, seen.info_text)
      assert.same(info or nil, seen.info)
    end
  end)

  it("do without every field but the status", function()
    sim:fault(fault_with("<status>FINISHED_OK</status>"))
    local seen = assert(node:get_status(sim:task { service = "node" }))
    assert.same({ seen.id, "succeeded", "FINISHED_OK" }, { seen.id, seen.state, seen.code })
    assert.is_nil(seen.progress)
    assert.is_nil(seen.type)
    assert.is_nil(seen.info_text)
  end)

  it("take a progress for what it is, or for none", function()
    for text, expected in pairs {
      ["7"] = 7, [" 8\n"] = 8, ["150"] = 100, ["-1"] = false, ["1.5"] = false, [""] = false,
      ["<a>5</a>"] = false, ["4294967296"] = false,
    } do
      sim:fault(fault_with("<status>TRANSFERRING</status><progressPercent>" .. text ..
        "</progressPercent>"))
      local seen = assert(node:get_status(sim:task { service = "node" }))
      assert.equal(expected or nil, seen.progress, text)
    end
  end)

  it("are read in both generations of replies", function()
    for _, generation in ipairs { "new", "old" } do
      sim = support.sim { node = { generation = generation } }
      node = support.node(sim)
      local id = sim:task { service = "node", type = "GIVE_MONEY", info = {} }
      local seen = assert(node:wait_until_done(id))
      assert.same({ "FINISHED_OK", "GIVE_MONEY", 100 }, { seen.code, seen.type, seen.progress })
      assert.same({}, seen.info)
      assert.is_truthy(assert(node:call("giveMoneyRequest", {})).id)
    end
  end)

  it("are not found in either spelling, and expired once they were seen", function()
    for _, spelling in ipairs { "ERR_TASK_DOES_NOT_EXIST", "ERR_TASK_DOES_NOT_EXISTS" } do
      sim = support.sim { node = { not_found = spelling } }
      node = support.node(sim)
      local _, message, kind, detail = node:wait_until_done("A1")
      assert.same({ "not_found", spelling }, { kind, detail.code })
      assert.matches("^task A1: " .. spelling, message)
      local id = sim:task { service = "node", duration = 60 }
      _, _, kind, detail = node:wait_until_done(id, {
        on_progress = function() sim:forget(id) end,
      })
      assert.same({ "expired", spelling }, { kind, detail.code })
    end
  end)

  it("survive errors of the node's own making, and no others", function()
    local id = sim:task { service = "node" }
    sim:fault { code = "ERR_TIMEOUT" }
    sim:fault { soap_fault = { code = "SOAP-ENV:Server", string = "busy" } }
    sim:fault { soap_fault = { code = "SOAP-ENV:Server.Memory", string = "busy", status = 200 } }
    assert(node:wait_until_done(id))
    sim:fault { code = "ERR_INVALID_TASK_ID", message = "bad" }
    local _, message, kind, detail = node:wait_until_done(sim:task { service = "node" })
    assert.same({ "service", "ERR_INVALID_TASK_ID", 1 }, { kind, detail.code, detail.attempts })
    assert.matches('ERR_INVALID_TASK_ID: "bad"$', message)
  end)

  it("end with the whole Fault in the detail", function()
    for _, http_status in ipairs { 500, 200 } do
      sim:fault { soap_fault = {
        code = "SOAP-ENV:Client", string = "no <such> thing", detail = "deep", status = http_status,
      } }
      local _, message, kind, detail = node:get_status(sim:task { service = "node" })
      assert.equal("service", kind)
      assert.matches('SOAP%-ENV:Client: "no <such> thing"$', message)
      assert.same({ "SOAP-ENV:Client", "SOAP-ENV:Client", "no <such> thing", http_status }, {
        detail.code, detail.faultcode, detail.faultstring, detail.http_status,
      })
    end
  end)

  it("are read whatever refers to what", function()
    local body = "<Envelope><Body><r><return><requestStatus href='#1'/><status href='#2'/></return>"
      .. "</r><m id='1'>%s</m><m id='2'>FINISHED_OK</m></Body></Envelope>"
    sim:fault { body = body:format("SUCCESS") }
    assert.is_true(node:get_status("A1").ok)
    for referred, expected in pairs {
      ERR_TASK_DOES_NOT_EXIST = "not_found", [""] = "protocol", ERR_NEW = "service",
    } do
      sim:fault { times = 2, body = body:format(referred) }
      assert.equal(expected, select(3, node:get_status("A1")))
      assert.equal(expected, select(3, node:call("giveMoneyRequest")))
    end
  end)

  it("never become endless by references", function()
    local parts = { "<Envelope><Body><r><return><status href='#0'/></return></r>" }
    for i = 0, 60 do
      parts[#parts + 1] = ("<m id='%d'>%s</m>"):format(i, ("<a href='#%d'/>"):format(i + 1):rep(10))
    end
    parts[#parts + 1] = "</Body></Envelope>"
    sim:fault { times = 2, body = table.concat(parts) }
    assert.equal("protocol", select(3, node:get_status("A1")))
    assert.equal("protocol", select(3, node:call("giveMoneyRequest")))
  end)

  it("send what the documentation shows, and callback only when asked", function()
    local id = sim:task { service = "node" }
    assert(node:get_status(id))
    assert(node:get_status(id, { callback = false, uniqueTransferId = "11-<42>" }))
    local plain, full = sim:log()[1], sim:log()[2]
    assert.matches("^text/xml; charset=utf%-8$", plain.content_type:lower())
    assert.equal('""', plain.soap_action)
    assert.matches("<ns:getTaskStatus><taskId>" .. id .. "</taskId></ns:getTaskStatus>", plain.body)
    assert.matches("<taskId>%w+</taskId><uniqueTransferId>11%-&lt;42&gt;</uniqueTransferId>" ..
      "<callback>false</callback></ns:getTaskStatus>", full.body)
    assert.has_error(function() node:get_status(id, { calback = true }) end)
  end)
end)

describe("calling the node", function()
  local sim, node

  before_each(function()
    sim = support.sim { keep_bodies = true }
    node = support.node(sim)
  end)

  after_each(support.finish)

  it("gives a task for every operation that creates one", function()
    for _, operation in ipairs {
      "startLogin", "startRegister", "addSlaves", "giveMoneyRequest", "requestPaymentInitiation",
      "requestPingPaymentInitiation", "requestPersonalLoginAuthentication", "startSeriesPayment",
      "sendMoneyToTreasuryRequest", "changeMonexAtBnode",
    } do
      local task = assert(node:call(operation, { requestData = { username = "u" } }))
      assert.is_true(task:wait_until_done().ok)
    end
  end)

  it("gives the fields of an answer without a task", function()
    assert.same({ a = "1", b = "true", c = { d = "x<&>\"'", e = { "1", "2" } }, f = "1.5" },
      (function()
        local fields = assert(node:call("simEcho", {
          a = 1, b = true, c = { d = "x<&>\"'", e = { 1, 2 } }, f = 1.5, g = taskqueue.null,
        }))
        fields.requestStatus, fields.requestStatusDescription = nil, nil
        return fields
      end)())
  end)

  it("sends arguments in the order of their names, or of their list", function()
    assert(node:call("simEcho", { z = 1, a = 2, m = { { "y", 1 }, { "b", { { "q", 2 } } } } }))
    assert.matches("<ns:simEcho><a>2</a><m><y>1</y><b><q>2</q></b></m><z>1</z></ns:simEcho>",
      sim:log()[1].body)
    assert(node:call("simEcho", { { "z", 1 }, { "a", true }, { "z", "again" } }))
    assert.matches("<z>1</z><a>true</a><z>again</z>", sim:log()[2].body)
  end)

  it("fails with the symbol of the node", function()
    sim:fault { code = "ERR_NOT_ENOUGH", message = "zażółć" }
    local result, message, kind, detail = node:call("giveMoneyRequest", {})
    assert.is_nil(result)
    assert.equal('giveMoneyRequest: ERR_NOT_ENOUGH: "zażółć"', message)
    assert.same({ "service", "ERR_NOT_ENOUGH", 1 }, { kind, detail.code, detail.attempts })
    local _, _, fault_kind, fault = node:call("noSuchOperation")
    assert.same({ "service", "SOAP-ENV:Client" }, { fault_kind, fault.faultcode })
  end)

  it("raises at the caller's line for what cannot be sent", function()
    for expected, fn in pairs {
      ["call: a: a function cannot be sent"] = function() node:call("op", { a = print }) end,
      ["call: a b: cannot be the name of an element"] = function()
        node:call("op", { ["a b"] = 1 })
      end,
      ["call: a: holds what XML cannot carry"] = function() node:call("op", { a = "\0" }) end,
      ["call: a: not a finite number"] = function() node:call("op", { a = 1 / 0 }) end,
      ["call: the name of an argument must be a string"] = function() node:call("op", { 1, 2 }) end,
      ["call: the operation must be a name"] = function() node:call("a b") end,
      ["call: the parameters must be a table"] = function() node:call("op", "x") end,
    } do
      local ok, message = pcall(fn)
      assert.is_false(ok)
      assert.matches("^spec/cnode_spec.lua:%d+: " .. expected, message)
    end
    local cycle = {}
    cycle.a = cycle
    assert.has_error(function() node:call("op", cycle) end)
    assert.equal(0, #sim:log())
  end)

  it("is never repeated", function()
    assert(node:call("simEcho", {}))
    sim:fault { reset = "before" }
    local _, message, kind = node:call("giveMoneyRequest", {})
    assert.equal("network", kind)
    assert.matches("^giveMoneyRequest: ", message)
    assert.equal(2, #sim:log())
  end)

  it("reads replies in the encodings that XML has", function()
    local function utf16(text)
      return "\255\254" .. text:gsub(".", "%0\0")
    end
    local reply = "<Envelope><Body><r><return><a>%s</a></return></r></Body></Envelope>"
    for body, expected in pairs {
      [utf16('<?xml version="1.0" encoding="UTF-16"?>' .. reply:format("ok"))] = "ok",
      ['<?xml version="1.0" encoding="windows-1250"?>' .. reply:format("\179")] = "ł",
      ['<?xml version="1.0" encoding="ISO-8859-2"?>' .. reply:format("\179")] = "ł",
      [reply:format("<![CDATA[<x>&]]>&#322;&amp;<!-- no -->!")] = "<x>&ł&!",
    } do
      sim:fault { body = body }
      assert.equal(expected, assert(node:call("op")).a)
    end
  end)

  it("reads nothing wrongly that is hostile", function()
    local reply = "<Envelope><Body><r><return><a>%s</a></return></r></Body></Envelope>"
    for _, body in ipairs {
      '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>' .. reply:format("&b;"),
      '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' .. reply:format("&a;"),
      reply:format("\0"), reply:format("&#0;"), reply:format("&#xD800;"), reply:format("\192\128"),
      reply:format("\255"), reply:format("&nothing;"),
      '<?xml version="1.0" encoding="no-such"?>' .. reply:format("x"),
    } do
      sim:fault { body = body }
      local result, message, kind = node:call("op")
      assert.is_nil(result)
      assert.equal("protocol", kind)
      assert.matches("^op: the reply cannot be read: line %d+, column %d+: ", message)
    end
  end)
end)

describe("a node behind a proxy", function()
  after_each(support.finish)

  it("is asked with HTTP basic authentication, and the password shows nowhere", function()
    local password = "a very secret password"
    local sim = support.sim { node = { username = "u", password = password } }
    local node = support.node(sim, { username = "u", password = password })
    assert.is_true(node:call("startLogin"):wait_until_done().ok)
    assert.is_true(sim:log()[1].authenticated)
    sim:fault { code = "ERR_NEW", message = "you said " .. password }
    support.holds_no(password, { node, tostring(node), node:call("startLogin") })
    local wrong = support.node(sim, { username = "u", password = "wrong" })
    local _, message, kind, detail = wrong:call("startLogin")
    assert.same({ "auth", 401 }, { kind, detail.http_status })
    support.holds_no("wrong", { message, detail })
  end)
end)
