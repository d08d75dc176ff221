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

  it("is in nothing that is exported or counted", function()
    local task = client:task(sim:task { outcome = "stuck" })
    taskqueue.run(function()
      taskqueue.spawn(function() task:wait_until_done() end)
      taskqueue.sleep(0.02)
      local exported = taskqueue.export()
      assert.equal(1, #exported.tasks)
      support.holds_no(sim.api_key, { exported, task:export(), taskqueue.stats() })
      client:close()
    end)
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

  it("never follows a service's word to another place", function()
    for _, service in ipairs(support.services) do
      local other = support.sim()
      client = service.client(sim)
      for _, status in ipairs { 201, 300, 301, 302, 303, 305, 307, 308, 401, 407, 503 } do
        for _, target in ipairs { other.url, "//127.0.0.1:" .. other.port, "/x" } do
          sim:fault {
            times = 2, http_status = status, body = "", headers = {
              Location = target, ["Content-Location"] = target, Refresh = "0; url=" .. target,
              ["Alt-Svc"] = ('h2=":%d", http/1.1=":%d"'):format(other.port, other.port),
              ["WWW-Authenticate"] = 'Basic realm="x"', ["Proxy-Authenticate"] = "Basic",
              ["Retry-After"] = 0,
            },
          }
          assert.is_nil((client:get_status("1")))
          assert.is_nil((service.call(client)))
        end
      end
      assert(client:wait_until_done(service.task(sim)))
      assert.equal(0, other:connections())
    end
    for _, entry in ipairs(sim:log()) do assert.is_truthy(entry.method) end
  end)

  it("does not go to the host that code 13 names", function()
    local other = support.sim()
    sim:fault { times = 2, code = 13, data = "127.0.0.1:" .. other.port }
    for _, failed in ipairs {
      { client:wait_until_done("1") }, { client:call("report", "create") },
    } do
      assert.same({ "service", 13 }, { failed[3], failed[4].code })
    end
    assert.equal(0, other:connections())
  end)

  it("is in nothing that a proxy sees of a request by https", function()
    local proxy = support.sim { keep_bodies = true }
    client = support.client(sim, {
      url = "https://127.0.0.1:1", proxy = proxy.url, key_in = "query",
    })
    assert.is_nil((client:get_status("1")))
    assert.is_nil((client:call("user", "getOwnBalance", { secret = sim.api_key })))
    assert.equal(2, #proxy:log())
    support.holds_no(sim.api_key, proxy:log())
  end)

  it("does not go where the environment says, nor is a password taken from there", function()
    local proxy, home = support.sim(), support.directory()
    local netrc = assert(io.open(home .. "/.netrc", "w"))
    netrc:write("machine 127.0.0.1 login somebody password hunter22\n")
    netrc:close()
    local variables = { "HOME=" .. home }
    for _, name in ipairs { "http_proxy", "https_proxy", "all_proxy", "ALL_PROXY" } do
      table.insert(variables, name .. "=" .. proxy.url)
    end
    local script = support.file(([[
      local node = require("taskqueue").cnode.new { url = "%s" }
      print(node:get_status("%s").state)
    ]]):format(sim.node_url, sim:task { service = "node" }))
    local pipe = assert(io.popen(("%s %s %s 2>&1"):format(table.concat(variables, " "), arg[-1],
      script)))
    assert.equal("succeeded\n", pipe:read("*a"))
    pipe:close()
    assert.equal(0, proxy:connections())
    assert.is_false(sim:log()[1].authenticated)
  end)
end)
