-- SPDX-License-Identifier: MIT
-- The client and the simulator against SOAP that nobody here wrote: gSOAP's, made by its soapcpp2
-- from spec/gsoap/node.h. `make gsoap` builds both of its ends.
local support = require "support"
local taskqueue = require "taskqueue"

local cnode = taskqueue.cnode

-- Markup, text that is not ASCII or takes four bytes, and spaces that XML could lose.
local AWKWARD = " <b> & \"q\" 'a' ]]> \194\181 ż\240\159\152\128\t\r\n end "

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

-- What gSOAP's client prints, by key; a key that comes again makes a list. And its exit status.
local function gsoap(...)
  local words = { "build/gsoap/client" }
  for _, word in ipairs { ... } do words[#words + 1] = quote(word) end
  local pipe = assert(io.popen(table.concat(words, " ") .. '; echo "|$?"'))
  local output, status = pipe:read("*a"):match("^(.*)|(%d+)\n$")
  pipe:close()
  local fields = {}
  for key, value in output:gmatch("(%w+)=([^\n]*)\n") do
    value = value:gsub("\\n", "\n"):gsub("\\r", "\r")
    fields[key] = fields[key] and fields[key] .. " " .. value or value
  end
  return fields, tonumber(status)
end

-- gSOAP's server: its URL, and a function that ends it. It lives as long as its stdin is open.
local function serve(mode)
  local fifo = os.tmpname()
  os.remove(fifo)
  assert(os.execute("mkfifo " .. fifo))
  local input = assert(io.popen(("exec build/gsoap/server %s > %s"):format(mode or "", fifo), "w"))
  local output = assert(io.open(fifo))
  local port = output:read("*l")
  output:close()
  os.remove(fifo)
  assert(port, "build/gsoap/server does not run: make gsoap")
  return ("http://127.0.0.1:%s/"):format(port), function() input:close() end
end

describe("gSOAP's server", function()
  local url, stop, client

  local function start(mode)
    url, stop = serve(mode)
    client = cnode.new { url = url, rate = 200, request_timeout = 10 }
  end

  before_each(function()
    start()
  end)

  after_each(function()
    client:close()
    support.finish()
    stop()
  end)

  local function give_money(arguments)
    return assert(client:call("giveMoneyRequest", arguments))
  end

  local function echo(data)
    return assert(client:call("simEcho", { requestData = data }))
  end

  describe("runs tasks for our client, which", function()
    it("creates one, and sees it through to its end", function()
      local task = give_money { requestData = { username = "jan" } }
      assert.equal("GSOAP1", task.id)
      local seen = {}
      local status = assert(task:wait_until_done {
        timeout = 10,
        on_progress = function(status)
          seen[#seen + 1] = ("%s %s %d"):format(status.state, status.code, status.progress)
        end,
      })
      assert.same({
        "running PREPARATION 0", "running TRANSFERRING 30", "running TRANSFERRING 70",
        "succeeded FINISHED_OK 100",
      }, seen)
      assert.same({
        id = "GSOAP1", state = "succeeded", code = "FINISHED_OK", progress = 100, done = true,
        ok = true, type = "GIVE_MONEY", info = {}, info_text = "{\n}",
      }, status)
    end)

    it("tells a bad end from a good one", function()
      local task = give_money { outcome = cnode.status.FINISHED_ERR_USER_REJECTED }
      local status, message, kind, detail = task:wait_until_done { timeout = 10 }
      assert.is_nil(status)
      assert.equal("task GSOAP1: ended with FINISHED_ERR_USER_REJECTED", message)
      assert.equal("failed", kind)
      assert.equal("FINISHED_ERR_USER_REJECTED", detail.code)
    end)

    it("looks at one once", function()
      give_money()
      local status = assert(client:get_status("GSOAP1"))
      assert.same({ "running", "PREPARATION", 0 }, { status.state, status.code, status.progress })
      assert.equal("TRANSFERRING", assert(client:get_status("GSOAP1")).code)
    end)

    it("waits for several at once", function()
      local tasks, finished = {}, {}
      for i = 1, 8 do tasks[i] = give_money() end
      taskqueue.run(function()
        for i, task in ipairs(tasks) do
          taskqueue.spawn(function()
            finished[i] = assert(task:wait_until_done { timeout = 10 }).id
          end)
        end
      end)
      for i, task in ipairs(tasks) do assert.equal(task.id, finished[i]) end
    end)

    it("sends uniqueTransferId and callback when they are given, and only then", function()
      give_money()
      local status = assert(client:get_status("GSOAP1", {
        uniqueTransferId = "11-ż<&>", callback = true,
      }))
      assert.same({ "11-ż<&>", "true" }, { status.type, status.info_text })
      assert.is_true(status.info)
      status = assert(client:get_status("GSOAP1", { callback = false }))
      assert.same({ "GIVE_MONEY", "false" }, { status.type, status.info_text })
      status = assert(client:get_status("GSOAP1"))
      assert.same({ "GIVE_MONEY", "{\n}" }, { status.type, status.info_text })
    end)

    it("hears of an id that the server does not know", function()
      local status, message, kind, detail = client:get_status("GSOAP99")
      assert.is_nil(status)
      assert.equal("not_found", kind)
      assert.equal("ERR_TASK_DOES_NOT_EXIST", detail.code)
      assert.equal(200, detail.http_status)
      assert.equal("Zadanie <nie> istnieje & już.", detail.data.requestStatusDescription)
      assert.matches("^task GSOAP99: .*Zadanie <nie> istnieje & już%.", message)
    end)

    it("survives Faults of the server's own making while it waits", function()
      local task = give_money { stumbles = 2 }
      assert.equal("FINISHED_OK", assert(task:wait_until_done { timeout = 20 }).code)
    end)
  end)

  describe("answers with Faults, of which our client", function()
    it("tells the code, the string and the detail", function()
      local fields, message, kind, detail = client:call("simFault", { text = "ogień <&> żar" })
      assert.is_nil(fields)
      assert.equal("service", kind)
      assert.equal("SOAP-ENV:Server", detail.faultcode)
      assert.equal("ogień <&> żar", detail.faultstring)
      assert.equal("SOAP-ENV:Server", detail.code)
      assert.same({ reason = "fuse & wire" }, detail.data)
      assert.equal(500, detail.http_status)
      assert.matches("^simFault: SOAP%-ENV:Server.*ogień <&> żar", message)
    end)

    it("hears when gSOAP does not know the operation", function()
      local _, _, kind, detail = client:call("startLogin")
      assert.equal("service", kind)
      assert.equal("SOAP-ENV:Client", detail.faultcode)
      assert.matches("'ns:startLogin' not implemented", detail.faultstring)
    end)

    it("hears when gSOAP refuses an argument", function()
      for name, value in pairs { count = "many", urgent = "perhaps", amount = "1,5" } do
        local _, _, kind, detail = client:call("simEcho", { requestData = { [name] = value } })
        assert.equal("service", kind)
        assert.equal("SOAP-ENV:Client", detail.faultcode)
        assert.matches("invalid value in element '" .. name .. "'", detail.faultstring)
      end
    end)

    it("hears them while it looks at a task, too", function()
      give_money { stumbles = 1 }
      local status, _, kind, detail = client:get_status("GSOAP1")
      assert.is_nil(status)
      assert.same({ "service", "SOAP-ENV:Server", "stumbled" },
        { kind, detail.faultcode, detail.faultstring })
    end)
  end)

  describe("understands arguments of our client", function()
    it("that nest and repeat", function()
      local reply = echo {
        username = "jan", address = { city = "Łódź", street = "Piotrkowska 1" },
        tag = { "one", "two", "three" },
      }
      assert.same({
        username = "jan", address = { city = "Łódź", street = "Piotrkowska 1" },
        tag = { "one", "two", "three" },
      }, reply.requestData)
      assert.equal("SUCCESS", reply.requestStatus)
    end)

    it("that are numbers and booleans", function()
      local given = { amount = 1234.0625, count = -42, urgent = true }
      assert.same({ amount = "1234.0625", count = "-42", urgent = "true" }, echo(given).requestData)
      give_money { requestData = given }
      assert.same(given, assert(client:get_status("GSOAP1")).info)
      give_money { requestData = { amount = 0.1, count = 2 ^ 53, urgent = false } }
      local info = assert(client:get_status("GSOAP2")).info
      assert.same({ 0.1, false }, { info.amount, info.urgent })
      assert.equal("9007199254740992", ("%s"):format(info.count))
    end)

    it("whose numbers are as large or as small as they come", function()
      for _, amount in ipairs { 0, -0.5, 1e300, 5e-324, 1 / 3, 123456789.01 } do
        assert.equal(amount, tonumber(echo({ amount = amount }).requestData.amount))
      end
      assert.equal("9223372036854775807", echo({ count = "9223372036854775807" }).requestData.count)
    end)

    it("that are missing, empty or null", function()
      local reply = echo { username = "", title = taskqueue.null }
      assert.equal("", reply.requestData.username)
      assert.is_nil(reply.requestData.title)
      assert.is_nil(assert(client:call("simEcho")).requestData)
    end)

    it("to the letter, and its own answers come back to the letter", function()
      assert.equal(AWKWARD, echo({ title = AWKWARD }).requestData.title)
      local long = ("ąę<&>"):rep(50000)
      assert.equal(long, echo({ title = long }).requestData.title)
    end)

    it("in the order of a list of pairs, which may repeat a name", function()
      local reply = assert(client:call("simOrder", { data = {
        { "zeta", 1 }, { "alpha", { { "y", true }, { "x", "<" } } }, { "zeta", "two" },
      } }))
      assert.equal("<zeta>1</zeta><alpha><y>true</y><x>&lt;</x></alpha><zeta>two</zeta>",
        reply.text)
      reply = assert(client:call("simEcho", { { "requestData", {
        { "tag", "b" }, { "username", "jan" }, { "tag", "a" },
      } } }))
      assert.same({ username = "jan", tag = { "b", "a" } }, reply.requestData)
    end)

    it("in the order of their names when they are a table", function()
      local reply = assert(client:call("simOrder", { data = { b = 2, c = { 3, 4 }, a = 1 } }))
      assert.equal("<a>1</a><b>2</b><c>3</c><c>4</c>", reply.text)
    end)
  end)

  it("keeps a connection alive, and our client uses it until the server closes it", function()
    local connections = {}
    for i = 1, 14 do connections[i] = echo({}).connection end
    assert.equal("1 1 1 1 1 1 2 2 2 2 2 2 3 3", table.concat(connections, " "))
  end)

  it("may answer in chunks", function()
    client:close()
    stop()
    start("chunked")
    assert.equal("GSOAP1", give_money().id)
    assert.equal("FINISHED_OK", assert(client:wait_until_done("GSOAP1", { timeout = 10 })).code)
    local long = ("0123456789"):rep(20000)
    assert.equal(long, echo({ title = long }).requestData.title)
  end)

  -- SOAP 1.1, sections 5.1 and 5.2.1: a value that is referred to more than once may stand beside
  -- the operation, <id id="_1">, with <requestStatus href="#_1"/> where it belongs.
  it("may refer to a value that it has written once", function()
    local reply = client:call("simTwins", { text = "SUCCESS" })
    assert.same({ requestStatus = "SUCCESS", requestStatusDescription = "SUCCESS" }, reply)
  end)

  it("may refer to an error, which our client does not take for success", function()
    local fields, _, kind, detail = client:call("simTwins", { text = "ERR_TIMEOUT" })
    assert.is_nil(fields)
    assert.same({ "service", "ERR_TIMEOUT" }, { kind, detail.code })
  end)
end)

for _, generation in ipairs { "new", "old" } do
  describe("gSOAP's client, with the simulator's " .. generation .. " generation,", function()
    local sim, url

    before_each(function()
      sim = support.sim { node = { generation = generation }, keep_bodies = true }
      url = sim.node_url
    end)

    after_each(function()
      assert.same({}, sim:errors())
      support.finish()
    end)

    it("reads a task that runs", function()
      local id = sim:task {
        service = "node", duration = 1000, progress = { { 0, 40 }, { 1, 40 } },
        info = '{"note":"<ż> & \\"q\\""}',
      }
      assert.same({
        type = "GIVE_MONEY", progressPercent = "40", status = "TRANSFERRING",
        additionalInfo = '{"note":"<ż> & \\"q\\""}', taskId = id, requestStatus = "SUCCESS",
        requestStatusDescription = "Request succeeded.",
      }, (gsoap(url, "getTaskStatus", id)))
    end)

    it("reads how tasks end, well or not", function()
      local fields, exit = gsoap(url, "getTaskStatus", sim:task { service = "node" })
      assert.same({ "FINISHED_OK", "100", 0 }, { fields.status, fields.progressPercent, exit })
      assert.equal(generation == "new" and "{}" or "{\n}", fields.additionalInfo)
      local id = sim:task { service = "node", outcome = "FINISHED_REVOKED" }
      assert.equal("FINISHED_REVOKED", gsoap(url, "getTaskStatus", id).status)
    end)

    it("reads that a task is not known, or has no good id", function()
      assert.same({
        requestStatus = "ERR_TASK_DOES_NOT_EXIST",
        requestStatusDescription = "Task does not exist.",
      }, (gsoap(url, "getTaskStatus", "UNKNOWN")))
      assert.equal("ERR_INVALID_TASK_ID", gsoap(url, "getTaskStatus", "<&>").requestStatus)
    end)

    it("has its optional arguments understood", function()
      local id = sim:task { service = "node" }
      for _, callback in ipairs { "true", "false" } do
        local fields = gsoap(url, "getTaskStatus", id, "11-42225-49853-A", callback)
        assert.equal("FINISHED_OK", fields.status)
        local body = sim:clear_log()[1].body
        assert.matches(">11-42225-49853-A</uniqueTransferId>", body, 1, true)
        assert.matches(">" .. callback .. "</callback>", body, 1, true)
      end
    end)

    it("creates a task with nested arguments and polls it, on one connection", function()
      sim:next_task { service = "node", duration = 1000 }
      local fields, exit = gsoap(url, "giveMoneyRequest", "jan", "za <chleb> & żur", "10.5", "3",
        "true")
      assert.equal(0, exit)
      local id = sim:tasks()[1].id
      assert.same({ id, "SUCCESS", "Request succeeded." },
        { fields.created, fields.createdStatus, fields.createdDescription })
      assert.same({ id, "GIVE_MONEY", "TRANSFERRING" },
        { fields.taskId, fields.type, fields.status })
      assert.equal(1, sim:connections())
      assert.equal(1, sim:tasks()[1].polls)
    end)

    it("gets text back to the letter, nested and repeated", function()
      assert.same({
        requestStatus = "SUCCESS", username = "jan", title = AWKWARD, city = "Łódź",
        tag = "one two",
      }, (gsoap(url, "simEcho", "jan", AWKWARD)))
    end)

    -- An echo must not say xsi:type="xsd:string" of what came as xsd:double.
    it("gets numbers and booleans back", function()
      local fields = gsoap(url, "simEcho", "jan", "-", "0.1", "9223372036854775807", "true")
      assert.same({ "0.10000000000000001", "9223372036854775807", "true" },
        { fields.amount, fields.count, fields.urgent })
    end)

    it("reads Faults, the service's and the simulator's own", function()
      local prefix = generation == "old" and "S" or "SOAP-ENV"
      sim:fault { soap_fault = { code = prefix .. ":Server", string = "ogień <&> żar" } }
      local fields, exit = gsoap(url, "getTaskStatus", "ANY")
      assert.same({ 1, "SOAP-ENV:Server", "ogień <&> żar" },
        { exit, fields.faultcode, fields.faultstring })
      fields, exit = gsoap(url, "simFault", "x")
      assert.same({ 1, "SOAP-ENV:Client", "Unknown operation simFault" },
        { exit, fields.faultcode, fields.faultstring })
    end)

    it("may refer to a value that it has written once", function()
      local fields = gsoap(url, "twins", "jan")
      assert.same({ requestStatus = "SUCCESS", username = "jan", title = "jan" }, fields)
    end)
  end)
end
