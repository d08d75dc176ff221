-- SPDX-License-Identifier: MIT
-- Whom a client believes, and what it shows of itself.
local support = require "support"
local taskqueue = require "taskqueue"

local function run(command)
  local pipe = assert(io.popen(command .. ' 2> /dev/null; echo "|$?"'))
  local output, status = pipe:read("*a"):match("^(.*)|(%d+)\n$")
  pipe:close()
  return output, tonumber(status)
end

-- Self-signed certificates, each its own authority.
local MAKE = [[openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
  -subj /CN=%s -addext subjectAltName=%s -keyout %s/%s.key -out %s/%s.pem]]

describe("TLS", function()
  local directory

  local function file(name) return directory .. "/" .. name end

  setup(function()
    directory = run("mktemp -d"):match("%S+")
    for name, host in pairs {
      server = "IP:127.0.0.1", elsewhere = "DNS:elsewhere.example", client = "IP:127.0.0.1",
    } do
      local _, status = run(MAKE:format(name, host, directory, name, directory, name))
      assert.equal(0, status, "openssl makes the certificates of these specs")
    end
  end)

  teardown(function() run("rm -r " .. directory) end)
  after_each(support.finish)

  local function start(name, client_ca)
    return support.sim {
      tls = { cert = file(name .. ".pem"), key = file(name .. ".key"), client_ca = client_ca },
    }
  end

  it("trusts a server that an authority vouches for, with either service", function()
    local sim = start "server"
    local ca = { ca_file = file "server.pem" }
    assert.matches("^https:", sim.url)
    assert(support.client(sim, ca):wait_until_done(sim:task()))
    assert(support.node(sim, ca):wait_until_done(sim:task { service = "node" }))
  end)

  it("keeps one connection for many polls", function()
    local sim = start "server"
    local client = support.client(sim, { ca_file = file "server.pem" })
    for _ = 1, 5 do assert(client:get_status(sim:task())) end
    assert.equal(1, sim:connections())
  end)

  it("ends a wait at once when nobody vouches for the server", function()
    local sim = start "server"
    local _, message, kind, detail = support.client(sim):wait_until_done("1")
    assert.same({ "tls", 1 }, { kind, detail.attempts })
    assert.matches("^task 1: .*certificate", message)
    assert.equal(0, #sim:log())
  end)

  it("does not take a certificate of another host", function()
    local sim = start "elsewhere"
    local client = support.client(sim, { ca_file = file "elsewhere.pem" })
    assert.equal("tls", select(3, client:call("report", "create")))
    assert.equal(0, #sim:log())
  end)

  it("verifies nothing when it was told so, and says so", function()
    local sim = start "elsewhere"
    local client = support.client(sim, { insecure = true })
    assert(client:wait_until_done(sim:task()))
    assert.matches("INSECURE", tostring(client))
  end)

  it("shows a client certificate to a server that wants one", function()
    local sim = start("server", file "client.pem")
    local node = support.node(sim, {
      ca_file = file "server.pem", client_cert = file "client.pem", client_key = file "client.key",
    })
    assert(node:wait_until_done(sim:task { service = "node" }))
    local nobody = support.node(sim, { ca_file = file "server.pem" })
    local _, _, kind = nobody:wait_until_done("A1", { max_poll_errors = 0 })
    assert.is_true(kind == "tls" or kind == "network", kind)
    local other = support.node(sim, {
      ca_file = file "server.pem", client_cert = file "server.pem", client_key = file "server.key",
    })
    assert.is_nil((other:get_status("A1")))
  end)

  it("ends at once with a certificate or an authority that cannot be read", function()
    local sim = start "server"
    for _, options in ipairs {
      { ca_file = "/no/such.pem" },
      { ca_file = file "server.pem", client_cert = "/no/such.pem" },
    } do
      local _, _, kind, detail = support.client(sim, options):wait_until_done("1")
      assert.same({ "tls", 1 }, { kind, detail.attempts })
    end
  end)

  it("does not speak plain HTTP to a port that does, nor the other way round", function()
    local sim = start "server"
    local plain = taskqueue.mobizon.new {
      url = sim.url:gsub("^https", "http"), api_key = "key", rate = 100,
    }
    assert.is_nil((plain:get_status("1")))
    local open = support.sim()
    local secure = taskqueue.mobizon.new {
      url = open.url:gsub("^http", "https"), api_key = "key", rate = 100,
    }
    assert.equal("tls", select(3, secure:get_status("1")))
    plain:close()
    secure:close()
  end)
end)
