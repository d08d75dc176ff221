-- SPDX-License-Identifier: MIT
local basic = require("taskqueue.sim.basic")
local reader = require("taskqueue.sim.xml_reader")
local simulator = require("taskqueue.sim")
local world = require("taskqueue.sim.world")

local FIRST_ID = "7W3A0N1N9I2E7N1TKLS54A9PTR"

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

-- What curl prints when it sends `body`, and its exit status.
local function post(url, body, more)
  local name = os.tmpname()
  local file = assert(io.open(name, "wb"))
  file:write(body)
  file:close()
  local pipe = assert(io.popen(("curl -s --max-time 10 -H 'Content-Type: text/xml' %s"
    .. " --data-binary @%s '%s'; echo \"|$?\""):format(more or "", name, url)))
  local output, status = pipe:read("*a"):match("^(.*)|(%d+)\n$")
  pipe:close()
  os.remove(name)
  return output, tonumber(status)
end

local function message(operation, arguments)
  return ('<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>'
    .. '<n:%s xmlns:n="ns1">%s</n:%s></e:Body></e:Envelope>'):format(
      operation, arguments or "", operation)
end

local function get_status(id)
  return message("getTaskStatus", "<taskId>" .. id .. "</taskId>")
end

-- The name of the reply's element and its fields, or those of a fault.
local function parse(text)
  local root = assert(reader.read(text))
  local reply = root.children[#root.children].children[1]
  local parent = reply.name == "Fault" and reply or reply.children[1]
  local fields = {}
  for _, item in ipairs(parent.children) do fields[item.name] = item.text end
  return fields, reply.name
end

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

  local function status_of(task)
    task.service = "node"
    return parse((post(sim.node_url, get_status(sim:task(task)))))
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

  describe("getTaskStatus", function()
    it("shows a task that is prepared, transfers and is finished", function()
      local function seen(task)
        local fields = status_of(task)
        return { fields.status, fields.progressPercent }
      end
      assert.same({ "PREPARATION", "0" }, seen { delay = 100 })
      local halfway = { { 0, 40 }, { 1, 40 } }
      assert.same({ "TRANSFERRING", "40" }, seen { duration = 100, progress = halfway })
      assert.same({ "FINISHED_OK", "100" }, seen {})
      assert.same({ "FINISHED_ERR", "100" }, seen { outcome = "rejected" })
      assert.same({ "TRANSFERRING", "99" }, seen { outcome = "stuck" })
    end)

    it("shows any status there is, or is not", function()
      local all = [[PREPARATION SEARCHING WAITING_FOR_USER_DECISION WAITING_FOR_VERIFICATION
        WAITING_FOR_WRITE_PERMISSION SERIES_ACCEPTED TRANSFERRING WAITING_FOR_RESTART
        SERIES_FINISHED SOMETHING_NEW]]
      for name in all:gmatch("%S+") do
        assert.equal(name, status_of({ states = { name }, duration = 100 }).status)
      end
      for name in ("FINISHED_REVOKED FINISHED_ERR_USER_TIMEOUT FINISHED_NEW"):gmatch("%S+") do
        assert.equal(name, status_of({ outcome = name }).status)
      end
    end)

    it("shows the type and the details, as JSON or as they are", function()
      local fields = status_of { type = "SERIES", info = { a = "<1>" } }
      assert.same({ "SERIES", '{"a":"<1>"}' }, { fields.type, fields.additionalInfo })
      assert.equal("{broken & ", status_of({ info = "{broken & " }).additionalInfo)
      assert.equal("", status_of({ info = "" }).additionalInfo)
      assert.equal("{}", status_of({ info = {} }).additionalInfo)
      assert.equal("GIVE_MONEY", status_of({}).type)
    end)

    it("does not find what is unknown, forgotten or Mobizon's", function()
      local mobizon, id = sim:task(), sim:task { service = "node" }
      for _, unknown in ipairs { "A-1", mobizon } do
        assert.same({
          requestStatus = "ERR_TASK_DOES_NOT_EXIST",
          requestStatusDescription = "Task does not exist.",
        }, (parse((post(sim.node_url, get_status(unknown))))))
      end
      assert.equal("SUCCESS", parse((post(sim.node_url, get_status(id)))).requestStatus)
      assert.is_true(sim:forget(id))
      assert.equal("ERR_TASK_DOES_NOT_EXIST",
        parse((post(sim.node_url, get_status(id)))).requestStatus)
    end)

    it("is not found at Mobizon's", function()
      local address = sim.url .. "/service/taskqueue/getStatus?apiKey=" .. sim.api_key
      sim:task { service = "node", id = "123" }
      local pipe = assert(io.popen(("curl -s -d id=123 '%s'"):format(address)))
      assert.matches('"code":2', pipe:read("*a"))
      pipe:close()
    end)

    it("may spell that the other way", function()
      local other = simulator.start { node = { not_found = "ERR_TASK_DOES_NOT_EXISTS" } }
      assert.equal("ERR_TASK_DOES_NOT_EXISTS",
        parse((post(other.node_url, get_status("A")))).requestStatus)
      other:stop()
    end)

    it("wants an id of letters, digits and -", function()
      for _, bad in ipairs { "", " A", "A_1", "&#243;", "<b/>" } do
        local fields, name = parse((post(sim.node_url, get_status(bad))))
        assert.equal("getTaskStatusResponse", name)
        assert.equal("ERR_INVALID_TASK_ID", fields.requestStatus)
      end
      assert.equal("ERR_INVALID_TASK_ID", call("getTaskStatus").requestStatus)
    end)

    it("wants a boolean for a callback", function()
      local id = "<taskId>A</taskId>"
      for _, good in ipairs { "true", "false", "1", "0" } do
        local fields = call("getTaskStatus", id .. "<callback>" .. good .. "</callback>")
        assert.equal("ERR_TASK_DOES_NOT_EXIST", fields.requestStatus)
      end
      assert.equal("SOAP-ENV:Client",
        call("getTaskStatus", id .. "<callback>no</callback>").faultcode)
    end)

    it("counts as a poll", function()
      local id = sim:task { service = "node" }
      post(sim.node_url, get_status(id))
      post(sim.node_url, get_status(id))
      assert.equal(2, sim:tasks()[1].polls)
    end)
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

  describe("refuses", function()
    local function refused(body)
      local text = post(sim.node_url, body, "-i")
      return text:match("^HTTP/1.1 (%d+)"), text
    end

    it("an unknown operation and a malformed request with a fault", function()
      for _, body in ipairs { message("getVersion"), message("gettaskstatus"), "", "<", "{}" } do
        local status, text = refused(body)
        assert.equal("500", status)
        assert.equal("SOAP-ENV:Client", parse(text:match("\r\n\r\n(.*)$")).faultcode)
      end
    end)

    it("another version of SOAP", function()
      local body = message("startLogin"):gsub("http://schemas[^\"]+",
        "http://www.w3.org/2003/05/soap-envelope")
      assert.equal("SOAP-ENV:VersionMismatch", parse((post(sim.node_url, body))).faultcode)
    end)

    it("other types and encodings of the body", function()
      local function only(kind)
        local body = message("startLogin")
        local pipe = assert(io.popen(("curl -si -H 'Content-Type: %s' -d '%s' %s"):format(
          kind, body, sim.node_url)))
        local status = pipe:read("*a"):match("^HTTP/1.1 (%d+)")
        pipe:close()
        return status
      end
      assert.equal("200", only("text/xml"))
      assert.equal("200", only("text/xml; charset=utf-8"))
      assert.equal("200", only('TEXT/XML;charset="UTF-8"'))
      assert.equal("415", only("text/xml; charset=iso-8859-2"))
      assert.equal("415", only("application/soap+xml"))
      assert.equal("415", only("application/x-www-form-urlencoded"))
    end)

    it("GET with 405, and other paths with 404", function()
      local pipe = assert(io.popen("curl -si " .. sim.node_url))
      local text = pipe:read("*a")
      pipe:close()
      assert.matches("^HTTP/1.1 405 .*\r\nAllow: POST\r\n", text)
      assert.matches("^HTTP/1.1 404 ",
        (post(sim.url .. "/any/path", message("startLogin"), "-i")))
    end)

    it("whoever lacks the password", function()
      local closed = simulator.start { node = { username = "me", password = "a:\195\182" } }
      local function status(more)
        local text = post(closed.node_url, message("startLogin"), "-i " .. more)
        return tonumber(text:match("^HTTP/1.1 (%d+)")), text
      end
      local code, text = status("")
      assert.equal(401, code)
      assert.matches('\r\nWWW%-Authenticate: Basic realm="', text)
      assert.equal(401, (status("-u me:no")))
      assert.equal(401, (status("-H 'Authorization: Bearer x'")))
      assert.equal(200, (status("-u 'me:a:\195\182'")))
      local log = closed:log()
      assert.same({ false, true, true, true }, { log[1].authenticated, log[2].authenticated,
        log[3].authenticated, log[4].authenticated })
      assert.same({ 401, 200 }, { log[1].http_status, log[4].http_status })
      assert.equal(1, #closed:tasks())
      for _, entry in ipairs(log) do
        for _, value in pairs(entry) do assert.not_equal(basic.token("me", "no"), value) end
      end
      closed:stop()
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

  describe("told to misbehave", function()
    it("answers another requestStatus, without doing what was asked", function()
      sim:fault { code = "ERR_TECHNICAL_PROBLEM", message = "a < b" }
      local fields, name = call("startLogin")
      assert.equal("startLoginResponse", name)
      assert.same({ requestStatus = "ERR_TECHNICAL_PROBLEM", requestStatusDescription = "a < b" },
        fields)
      assert.same({}, sim:tasks())
      assert.same({ "ERR_TECHNICAL_PROBLEM", true }, { sim:log()[1].code, sim:log()[1].fault })
    end)

    it("answers a fault", function()
      sim:fault { soap_fault = { code = "SOAP-ENV:Server", string = "no", detail = "<d>" } }
      local text = post(sim.node_url, message("startLogin"), "-i")
      assert.matches("^HTTP/1.1 500 ", text)
      assert.same({ faultcode = "SOAP-ENV:Server", faultstring = "no", detail = "<d>" },
        (parse(text:match("\r\n\r\n(.*)$"))))
      sim:fault { soap_fault = { status = 200 } }
      text = post(sim.node_url, message("startLogin"), "-i")
      assert.matches("^HTTP/1.1 200 .*<faultcode>SOAP%-ENV:Server</faultcode>", text)
      assert.equal("SOAP-ENV:Server", sim:log()[2].code)
    end)

    it("does so for one operation in any case, or one task", function()
      local id = sim:task { service = "node" }
      sim:fault { method = "GETTASKSTATUS", id = id, code = "ERR_TIMEOUT" }
      assert.equal("SUCCESS", call("startLogin").requestStatus)
      assert.equal("ERR_TASK_DOES_NOT_EXIST",
        parse((post(sim.node_url, get_status("A")))).requestStatus)
      assert.equal("ERR_TIMEOUT", parse((post(sim.node_url, get_status(id)))).requestStatus)
      assert.equal("SUCCESS", parse((post(sim.node_url, get_status(id)))).requestStatus)
    end)

    it("leaves to each service its own envelopes", function()
      sim:fault { code = 15 }
      sim:fault { code = "ERR_TIMEOUT" }
      sim:fault { service = "mobizon", http_status = 503 }
      assert.equal("ERR_TIMEOUT", call("startLogin").requestStatus)
      assert.equal("SUCCESS", call("startLogin").requestStatus)
    end)

    it("truncates, resets and answers late as Mobizon does", function()
      sim:fault { truncate = 10 }
      assert.same({ '<?xml vers', 18 }, { post(sim.node_url, message("startLogin")) })
      sim:fault { reset = "before" }
      assert.equal(56, (select(2, post(sim.node_url, message("startLogin")))))
      assert.equal(2, #sim:tasks())
      sim:fault { http_status = 503, headers = { ["Retry-After"] = 1 } }
      assert.matches("^HTTP/1.1 503 .*Retry%-After: 1.*<taskId>",
        (post(sim.node_url, message("startLogin"), "-i")))
    end)

    it("stands by its refusal of what it cannot read", function()
      sim:fault { code = "ERR_TIMEOUT" }
      assert.equal("SOAP-ENV:Client", parse((post(sim.node_url, "<"))).faultcode)
    end)
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

  describe("under a simulated clock", function()
    local now

    local function service(config)
      now = 100
      config.keys, config.rate = { k = "ok" }, 1
      config.forget_after = config.forget_after or 3600
      return world.new(config, function() return now end)
    end

    local function ask(node, body)
      return node:answer {
        method = "POST", path = "/", query = "", body = body, content_type = "text/xml",
      }
    end

    it("has no budget unless told to", function()
      local node = service {}
      for _ = 1, 10 do assert.equal(200, ask(node, get_status("A")).status) end
    end)

    it("refuses with HTTP 429 what comes too early", function()
      local node = service { node = { rate = 2 } }
      assert.equal(200, ask(node, get_status("A")).status)
      now = 100.4
      assert.equal(429, ask(node, get_status("B")).status)
      assert.equal(200, ask(node, message("startLogin")).status)
      now = 100.5
      assert.equal(200, ask(node, get_status("B")).status)
    end)

    it("forgets a task in time", function()
      local node = service { forget_after = 60 }
      local id = node:task { service = "node" }
      now = 159
      assert.equal("SUCCESS", parse(ask(node, get_status(id)).body).requestStatus)
      now = 160
      assert.equal("ERR_TASK_DOES_NOT_EXIST", parse(ask(node, get_status(id)).body).requestStatus)
    end)
  end)
end)
