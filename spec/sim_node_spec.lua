-- SPDX-License-Identifier: MIT
local basic = require "taskqueue.sim.basic"
local node = require "sim_node"
local simulator = require "taskqueue.sim"

local FIRST_ID, get_status, message, parse, post =
  node.FIRST_ID, node.get_status, node.message, node.parse, node.post

-- The vendor's own page.
local SAMPLE_REQUEST = [[
<?xml version="1.0" encoding="UTF-8"?>
<SOAP-ENV:Envelope
 xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/"
 xmlns:SOAP-ENC="http://schemas.xmlsoap.org/soap/encoding/"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xmlns:xsd="http://www.w3.org/2001/XMLSchema"
 xmlns:ns="ns1">
 <SOAP-ENV:Body SOAP-ENV:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/">
 <ns:getTaskStatus>
  <taskId>7W3A0N1N9I2E7N1TKLS54A9PTR</taskId>
  <uniqueTransferId>11-42225-49853-A</uniqueTransferId>
  <callback>false</callback>
 </ns:getTaskStatus>
 </SOAP-ENV:Body>
</SOAP-ENV:Envelope>
]]

local SAMPLE_REPLY = [[
<?xml version="1.0" encoding="UTF-8"?>
<SOAP-ENV:Envelope
 xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/"
 xmlns:SOAP-ENC="http://schemas.xmlsoap.org/soap/encoding/"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xmlns:xsd="http://www.w3.org/2001/XMLSchema"
 xmlns:ns="ns1">
 <SOAP-ENV:Body SOAP-ENV:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/">
 <ns:getTaskStatusResponse>
  <return>
  <type>GIVE_MONEY</type>
  <progressPercent>0</progressPercent>
  <status>PREPARATION</status>
  <additionalInfo>{}</additionalInfo>
  <taskId>7W3A0N1N9I2E7N1TKLS54A9PTR</taskId>
  <requestStatus>SUCCESS</requestStatus>
  <requestStatusDescription>Request succeeded.</requestStatusDescription>
  </return>
 </ns:getTaskStatusResponse>
 </SOAP-ENV:Body>
</SOAP-ENV:Envelope>
]]

describe("the simulated Corporate Node", function()
  local sim

  before_each(function()
    sim = simulator.start { task = { delay = 0, duration = 0 }, keep_bodies = true }
  end)

  after_each(function()
    assert.same({}, sim:errors())
    sim:stop()
  end)

  local function call(operation, arguments)
    return parse((post(sim.node_url, message(operation, arguments))))
  end

  it("answers the vendor's sample with the vendor's sample, byte for byte", function()
    assert.equal(FIRST_ID, sim:task { service = "node", delay = 100 })
    assert.same({ SAMPLE_REPLY, 0 }, { post(sim.node_url, SAMPLE_REQUEST) })
    assert.matches("\r\nContent%-Type: text/xml; charset=utf%-8\r\n",
      (post(sim.node_url, SAMPLE_REQUEST, "-i")))
    assert.equal(sim.url .. "/", sim.node_url)
  end)

  it("looks different and says the same in the old generation", function()
    local old = simulator.start { node = { generation = "old" } }
    old:task { service = "node", delay = 100 }
    local text = post(old.node_url, SAMPLE_REQUEST)
    local new_fields, old_fields = parse(SAMPLE_REPLY), parse(text)
    assert.matches("<S:Header/><S:Body>", text)
    assert.matches('<return><requestStatus xsi:type="xsd:string">SUCCESS<', text)
    assert.equal("{\n}", old_fields.additionalInfo)
    old_fields.additionalInfo = "{}"
    assert.same(new_fields, old_fields)
    assert.equal("S:Client", parse((post(old.node_url, "<"))).faultcode)
    old:stop()
  end)

  it("starts tasks, each with the type of its operation", function()
    local seen = {}
    for operation, kind in pairs {
      startLogin = "LOGIN", startRegister = "REGISTER", addSlaves = "ADD_SLAVES",
      giveMoneyRequest = "GIVE_MONEY", requestPaymentInitiation = "PAYMENT_INITIATION",
      requestPingPaymentInitiation = "PING_PAYMENT_INITIATION",
      requestPersonalLoginAuthentication = "PERSONAL_LOGIN_AUTHENTICATION",
      startSeriesPayment = "SERIES_PAYMENT", sendMoneyToTreasuryRequest = "SEND_MONEY_TO_TREASURY",
      changeMonexAtBnode = "CHANGE_MONEX_AT_BNODE",
    } do
      local fields, name = call(operation, "<requestData><username>u</username></requestData>")
      assert.equal(operation .. "Response", name)
      assert.same({ "SUCCESS", "Request succeeded." },
        { fields.requestStatus, fields.requestStatusDescription })
      local id = fields.taskId
      assert.matches("^[%u%d]+$", id)
      assert.equal(26, #id)
      assert.is_nil(seen[id])
      seen[id] = true
      assert.equal(kind, parse((post(sim.node_url, get_status(id)))).type)
    end
    assert.equal(10, #sim:tasks())
    assert.equal("node", sim:tasks()[1].service)
  end)

  it("gives planned options to the tasks of its own calls, or of any", function()
    sim:next_task { service = "mobizon", id = "7" }
    sim:next_task { service = "node", id = "A-1", info = { a = 1 }, type = "MINE" }
    sim:next_task { outcome = "stuck" }
    assert.equal("A-1", call("startLogin").taskId)
    local fields = parse((post(sim.node_url, get_status("A-1"))))
    assert.same({ '{"a":1}', "MINE" }, { fields.additionalInfo, fields.type })
    assert.equal(FIRST_ID, call("startLogin").taskId)
    assert.equal("stuck", sim:tasks()[2].outcome)
  end)

  describe("simEcho", function()
    it("gives its arguments back, nested and repeated ones too", function()
      local text = post(sim.node_url, message("simEcho",
        "<a>1 &lt; &#x17c;</a><list><item> </item><item><b/></item></list><a><![CDATA[&]]></a>"))
      assert.matches("\n  <a>1 &lt; \197\188</a>\n"
        .. "  <list><item> </item><item><b></b></item></list>\n"
        .. "  <a>&amp;</a>\n  <requestStatus>SUCCESS<", text)
    end)

    it("answers the requestStatus it is given", function()
      local fields = call("simEcho", "<requestStatus>ERR_X</requestStatus><taskId>Q</taskId>")
      assert.same({ requestStatus = "ERR_X", requestStatusDescription = "ERR_X", taskId = "Q" },
        fields)
      assert.equal("ERR_X", sim:log()[1].code)
    end)
  end)

  it("encodes credentials as base64", function()
    assert.equal("QWxhZGRpbjpvcGVuIHNlc2FtZQ==", basic.token("Aladdin", "open sesame"))
    assert.equal("YTpi", basic.token("a", "b"))
    assert.equal("YTpiYg==", basic.token("a", "bb"))
    assert.equal("YTpiYmI=", basic.token("a", "bbb"))
    assert.is_true(basic.is_good("basic YTpi", "YTpi"))
    assert.is_false(basic.is_good("Basic YTpj", "YTpi"))
    assert.is_false(basic.is_good(nil, "YTpi"))
  end)

  it("keeps what was asked in the log", function()
    local body = get_status("A-1")
    post(sim.node_url, body, "-H 'SOAPAction: \"\"' -A me")
    post(sim.node_url, "<")
    local log = sim:log()
    log[1].time = nil
    assert.same({
      connection = 1, method = "gettaskstatus", id = "A-1", code = "ERR_TASK_DOES_NOT_EXIST",
      http_status = 200, query = "", body_bytes = #body, body = body, content_type = "text/xml",
      soap_action = '""', authenticated = false, fault = false, user_agent = "me",
    }, log[1])
    assert.same({ "<", "SOAP-ENV:Client", 500 }, { log[2].body, log[2].code, log[2].http_status })
    assert.is_nil(log[2].method)
  end)

  it("keeps no bodies unless told to", function()
    local other = simulator.start()
    post(other.node_url, message("startLogin"))
    assert.is_nil(other:log()[1].body)
    other:stop()
  end)

  it("refuses options that make no sense, blaming the caller's line", function()
    local start = simulator.start
    for _, case in ipairs {
      { "node: unknown option 'genration'", function() start { node = { genration = 1 } } end },
      { "node: option 'generation'", function() start { node = { generation = "2" } } end },
      { "node: option 'not_found'", function() start { node = { not_found = "E" } } end },
      { "go together", function() start { node = { username = "a" } } end },
      { "'username'", function() start { node = { username = "a:b", password = "" } } end },
      { "'keep_bodies'", function() simulator.start { keep_bodies = 1 } end },
      { "tls: cert and key", function() simulator.start { tls = { cert = "a" } } end },
      { "'type': only with service = \"node\"", function() sim:task { type = "A" } end },
      { "'outcome'", function() sim:task { outcome = "FINISHED_OK" } end },
      { "'id'", function() sim:task { service = "node", id = "a_b" } end },
      { "'outcome'", function() sim:task { service = "node", outcome = "DONE" } end },
      { "'states'", function() sim:task { service = "node", states = { "A", { 0, "B" } } } end },
      { "'info'", function() sim:task { service = "node", info = { print } } end },
      { "'service'", function() sim:next_task { service = "cnode" } end },
      { "'code'", function() sim:fault { code = "" } end },
      { "'soap_fault'", function() sim:fault { soap_fault = { text = "a" } } end },
      { "another service", function() sim:fault { service = "mobizon", code = "ERR_A" } end },
      { "another service", function() sim:fault { code = "ERR_A", data = {} } end },
    } do
      local is_good, problem = pcall(case[2])
      assert.is_false(is_good)
      assert.matches("^[^\n]*sim_node_spec%.lua:%d+: [^\n]*" .. case[1], problem)
    end
  end)
end)
