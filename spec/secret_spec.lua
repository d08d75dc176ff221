-- SPDX-License-Identifier: MIT
-- An API key is full-power: it shows up nowhere but on the wire, where it belongs.
local support = require "support"
local taskqueue = require "taskqueue"

describe("the API key", function()
  local sim, client

  before_each(function()
    sim = support.sim()
    client = support.client(sim)
  end)

  after_each(support.finish)

  it("goes into the body, so that no access log has it", function()
    assert(client:get_status(sim:task()))
    assert(client:call("report", "create", { a = { 1 } }))
    for _, entry in ipairs(sim:log()) do
      assert.equal("body", entry.key_in)
      support.holds_no(sim.api_key, entry)
    end
  end)

  it("goes into the query when the client says so, as in the official samples", function()
    client = support.client(sim, { key_in = "query" })
    assert(client:get_status(sim:task()))
    assert(client:call("report", "create", { a = 1 }))
    local path = support.file("x")
    assert(client:call("report", "create", { f = taskqueue.file { path = path } }))
    for _, entry in ipairs(sim:log()) do
      assert.equal("query", entry.key_in)
      assert.equal("output=json&api=v1&apiKey=" .. sim.api_key, entry.query)
    end
  end)

  it("is percent-encoded wherever it goes", function()
    local odd = "a&b=c d%"
    sim = support.sim { keys = { [odd] = "ok" } }
    for _, key_in in ipairs { "body", "query" } do
      client = support.client(sim, { api_key = odd, key_in = key_in })
      assert(client:get_status(sim:task()))
      assert(client:call("user", "getOwnBalance"))
    end
  end)

  it("is in no field and no name of an object", function()
    local task = client:task("1")
    support.holds_no(sim.api_key, client)
    support.holds_no(sim.api_key, task)
    support.holds_no(sim.api_key, { tostring(client), tostring(task), tostring(client.native) })
  end)

  it("is taken out of what a service echoes", function()
    local echo = "your key " .. sim.api_key .. " is wrong"
    for _, fault in ipairs {
      { code = 8, message = echo, data = { [sim.api_key] = { echo } } },
      { code = 2, message = echo, data = echo },
      { http_status = 500, body = echo },
      { envelope = echo },
      { raw = "HTTP/1.1 200 " .. echo .. "\r\n" .. echo .. "\r\n\r\n" },
      { raw = echo },
    } do
      fault.times = 2
      sim:fault(fault)
      for _, failed in ipairs {
        { client:wait_until_done(sim:task(), { max_poll_errors = 0 }) },
        { client:call("report", "create") },
      } do
        support.holds_no(sim.api_key, failed)
      end
    end
  end)

  it("is in no failure of the network, even when it is in the query", function()
    client = taskqueue.mobizon.new {
      url = "http://127.0.0.1:1", api_key = sim.api_key, key_in = "query", rate = 100,
    }
    support.holds_no(sim.api_key, { client:get_status("1") })
    support.holds_no(sim.api_key, { client:call("a", "b") })
    client:close()
  end)

  it("is not shown by an error that refuses a URL or a proxy with a password in it", function()
    for _, options in ipairs {
      { url = "http://user:hunter22@h/" }, { url = "http://h/?apiKey=hunter22" },
      { proxy = "foo://user:hunter22@h:1" }, { proxy = "http://user:hunter22@h:1:2" },
    } do
      options.api_key = sim.api_key
      local ok, message = pcall(taskqueue.mobizon.new, options)
      assert.is_false(ok)
      support.holds_no("hunter22", message)
    end
  end)

  it("is in no error that blames a wrong option", function()
    for _, options in ipairs {
      { api_key = sim.api_key, colour = 1 }, { api_key = { sim.api_key } },
      { api_key = sim.api_key .. "\0" }, { api_key = sim.api_key, url = "ftp://h" },
      { api_key = sim.api_key, host = "a b" }, { sim.api_key },
    } do
      local ok, message = pcall(taskqueue.mobizon.new, options)
      assert.is_false(ok)
      support.holds_no(sim.api_key, message)
    end
  end)
end)
