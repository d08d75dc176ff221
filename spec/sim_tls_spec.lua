-- SPDX-License-Identifier: MIT
local simulator = require("taskqueue.sim")

local function run(command)
  local pipe = assert(io.popen(command .. ' 2> /dev/null; echo "|$?"'))
  local output, status = pipe:read("*a"):match("^(.*)|(%d+)\n$")
  pipe:close()
  return output, tonumber(status)
end

-- Two self-signed certificates that are good for 127.0.0.1, each its own authority.
local MAKE = [[openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
  -subj /CN=%s -addext subjectAltName=IP:127.0.0.1 -keyout %s/%s.key -out %s/%s.pem]]

describe("a simulator with TLS", function()
  local has_openssl = select(2, run("openssl version")) == 0
  if not has_openssl then
    pending("needs the openssl program to make certificates")
    return
  end

  local directory, sim

  setup(function()
    directory = run("mktemp -d"):match("%S+")
    for _, name in ipairs { "one", "two" } do
      local _, status = run(MAKE:format(name, directory, name, directory, name))
      assert.equal(0, status)
    end
  end)

  teardown(function() run("rm -r " .. directory) end)

  local function file(name) return directory .. "/" .. name end

  local function start(client_ca)
    sim = assert(simulator.start {
      tls = { cert = file("one.pem"), key = file("one.key"), client_ca = client_ca },
      rate = math.huge, task = { delay = 0, duration = 0 },
    })
  end

  after_each(function()
    if sim then sim:stop() end
    sim = nil
  end)

  local function curl(arguments, trusted)
    return run(("curl -s --max-time 10 --cacert %s %s"):format(
      file(trusted or "one.pem"), arguments))
  end

  local function poll(more)
    return curl(("%s -d id=%s '%s/service/taskqueue/getStatus?apiKey=%s'"):format(
      more or "", sim:task(), sim.url, sim.api_key))
  end

  local GOOD = '{"code":0,"data":{"progress":100,"status":2},"message":""}'
  local LOGIN = [[-H 'Content-Type: text/xml' -d '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/]]
    .. [[soap/envelope/"><e:Body><n:startLogin xmlns:n="ns1"/></e:Body></e:Envelope>' ]]

  it("serves both services", function()
    start()
    assert.equal("https://127.0.0.1:" .. sim.port, sim.url)
    assert.same({ GOOD, 0 }, { poll() })
    assert.matches("<taskId>%w+</taskId>", (curl(LOGIN .. sim.node_url)))
    assert.equal(2, sim:connections())
  end)

  it("is not trusted by whoever does not know its certificate", function()
    start()
    assert.equal(60, (select(2, curl(sim.url, "two.pem"))))
    assert.same({}, sim:log())
  end)

  it("takes PEM text in place of paths", function()
    local function text(name)
      local handle = assert(io.open(file(name)))
      local content = handle:read("*a")
      handle:close()
      return content
    end
    sim = assert(simulator.start { tls = { cert = text("one.pem"), key = text("one.key") } })
    assert.equal(0, (select(2, curl(sim.url))))
  end)

  it("answers late, never, with another status, with a large body, and to many", function()
    start()
    sim:fault { delay = 0.2 }
    local before = sim:now()
    assert.same({ GOOD, 0 }, { poll() })
    assert.is_true(sim:now() - before >= 0.2)
    sim:fault { silent = true }
    assert.equal(28, (select(2, poll("--max-time 0.3"))))
    sim:fault { http_status = 503, body = ("x"):rep(300000), close = true }
    assert.equal(("x"):rep(300000), (poll()))
    local query = "n=[1-100]&apiKey=" .. sim.api_key
    curl(("-Z --parallel-max 20 -d id=%s '%s/service/taskqueue/getStatus?%s'"):format(
      sim:task(), sim.url, query))
    assert.equal(103, #sim:log())
    sim:fault { silent = true }
    os.execute(("curl -sk --max-time 5 %s > /dev/null 2>&1 & sleep 0.2"):format(sim.node_url))
  end)

  it("refuses faults that go past it", function()
    start()
    for name, value in pairs { raw = "a", reset = "before", truncate = 1, drip = 1 } do
      local is_good, message = pcall(sim.fault, sim, { [name] = value })
      assert.is_false(is_good)
      assert.matches("option '" .. name .. "': not possible with TLS", message)
    end
  end)

  it("wants a client's certificate that its authority signed", function()
    start(file("two.pem"))
    local function with(name)
      return ("--cert %s --key %s "):format(file(name .. ".pem"), file(name .. ".key"))
    end
    for _, version in ipairs { "--tls-max 1.2 ", "--tlsv1.3 " } do
      assert.not_equal(0, (select(2, poll(version))))
      assert.not_equal(0, (select(2, poll(version .. with("one")))))
      assert.same({}, sim:clear_log())
      assert.same({ GOOD, 0 }, { poll(version .. with("two")) })
      assert.equal(1, #sim:clear_log())
    end
  end)

  it("offers the versions that it is told to", function()
    sim = assert(simulator.start {
      rate = math.huge, task = { delay = 0, duration = 0 },
      tls = {
        cert = file "one.pem", key = file "one.key", priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2",
      },
    })
    assert.same({ GOOD, 0 }, { poll("--tls-max 1.2") })
    assert.equal(35, (select(2, poll("--tlsv1.3"))))
  end)

  it("says why it cannot start", function()
    local function problem(tls)
      local other, message = simulator.start { tls = tls }
      assert.is_nil(other)
      return message
    end
    assert.matches("none.pem: No such file",
      problem { cert = file("none.pem"), key = file("one.key") })
    assert.matches("HTTPS server with this certificate and key",
      problem { cert = file("one.pem"), key = file("two.key") })
    assert.matches("in cert", problem { cert = file("one.key"), key = file("one.key") })
    assert.matches("in key", problem { cert = file("one.pem"), key = file("one.pem") })
    assert.matches("in client_ca", problem {
      cert = file("one.pem"), key = file("one.key"), client_ca = file("one.key"),
    })
  end)
end)
