-- SPDX-License-Identifier: MIT
-- What the node refuses: requests that are none, or by whoever may not.
local basic = require "taskqueue.sim.basic"
local node = require "sim_node"
local simulator = require "taskqueue.sim"

local message, parse, post = node.message, node.parse, node.post

describe("the simulated Corporate Node", function()
  local sim

  before_each(function()
    sim = simulator.start { task = { delay = 0, duration = 0 }, keep_bodies = true }
  end)

  after_each(function()
    assert.same({}, sim:errors())
    sim:stop()
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
end)
