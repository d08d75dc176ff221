-- SPDX-License-Identifier: MIT
local support = require "support"

local PROGRAM = support.interpreter() .. " lua/bin/taskqueue-sim "
local run = support.shell

-- Starts the program on a free port, runs `script` with $url and $key, ends it with `signal`.
local function session(options, script, signal)
  return run(([[
    out=$(mktemp); %s --port 0 %s > $out & pid=$!
    for n in 1 2 3 4 5 6 7 8 9 10; do grep -q getStatus $out && break; sleep 0.1; done
    url=$(sed -n 's/^Mobizon simulator at //p' $out); key=$(sed -n 's/^API key: //p' $out)
    %s
    kill -%s $pid; wait $pid; status=$?
    cat $out; rm $out; exit $status]]):format(PROGRAM, options, script, signal or "INT"))
end

describe("the taskqueue-sim program", function()
  local CREATE = 'curl -s -d "" "$url/service/report/create?apiKey=$key"; echo'

  it("serves until it is interrupted, logs each request, and ends well", function()
    local output, status = session("", CREATE)
    assert.equal(0, status)
    assert.matches('^{"code":100,"data":%d+,"message":""}\n', output)
    assert.matches("\n +%d+%.%d+ +report/create +id=%- code=100 http=200\n", output)
    assert.matches("\n  curl %-d 'id=%d+' 'http://127.0.0.1:%d+/service/taskqueue/getStatus",
      output)
  end)

  it("ends well on SIGTERM too", function()
    local _, status = session("", CREATE, "TERM")
    assert.equal(0, status)
  end)

  it("may be quiet, and never logs the key", function()
    local output = session("--quiet --key secret0key", CREATE)
    assert.not_matches("code=100", output)
    output = session("--key secret0key", CREATE)
    assert.not_matches("secret0key", output:match("\n( +%d+%.%d+ +report.*)$"))
  end)

  it("answers what it is told to", function()
    local output = session("--answer report/create=15 --answer=user/getOwnBalance=3", CREATE
      .. '; curl -s "$url/service/user/getOwnBalance?apiKey=$key"')
    assert.matches('"code":15', output)
    assert.matches('"code":3', output)
  end)

  local LOGIN = [[curl -s -H 'Content-Type: text/xml' -d '<e:Envelope xmlns:e="http://]]
    .. [[schemas.xmlsoap.org/soap/envelope/"><e:Body><n:startLogin xmlns:n="ns1"/></e:Body>]]
    .. [[</e:Envelope>' "$url/"]]

  it("serves the node, and prints its address", function()
    local output = session("--node-generation old", LOGIN)
    assert.matches("^<%?xml .*<S:Body>", output)
    assert.matches("\nCorporate Node simulator at http://127.0.0.1:%d+/\n", output)
    assert.matches("\n +%d+%.%d+ +startlogin +id=%- code=SUCCESS http=200\n", output)
    local command = output:match("\n  (curl %-H 'Content%-Type: text/xml'[^\n]+)\n")
    assert.matches("<n:startLogin ", command)
    output = session("--answer startLogin=ERR_TIMEOUT", LOGIN)
    assert.matches("<requestStatus>ERR_TIMEOUT</requestStatus>", output)
  end)

  it("serves HTTPS", function()
    if select(2, run("openssl version")) ~= 0 then return end
    local directory = run("mktemp -d"):match("%S+")
    run(([[openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
      -subj /CN=a -keyout %s/key -out %s/cert]]):format(directory, directory))
    local output = session(("--tls-cert %s/cert --tls-key %s/key"):format(directory, directory),
      (LOGIN:gsub("curl %-s", "curl -sk")))
    run("rm -r " .. directory)
    assert.matches("<taskId>", output)
    assert.matches("Mobizon simulator at https://", output)
  end)

  it("takes a duration, a rate and a time to forget", function()
    local output = session("--duration 0 --rate none --forget-after 1000", CREATE)
    assert.matches('"code":100', output)
  end)

  it("explains itself", function()
    local output, status = run(PROGRAM .. "--help")
    assert.equal(0, status)
    assert.matches("%-%-forget%-after", output)
  end)

  it("refuses bad options with status 2", function()
    for _, options in ipairs { "--nothing", "--port", "--port x", "--port 99999", "--rate -1",
      "--duration soon", "--answer campaign=1", "--node-generation next",
      "--tls-cert x", "--tls-cert x --tls-key y",
      "stray", "--duration -1" } do
      local output, status = run(PROGRAM .. options .. " < /dev/null")
      assert.equal(2, status)
      assert.matches("^taskqueue%-sim: [^\n]+\n$", output)
    end
  end)
end)
