-- SPDX-License-Identifier: MIT
-- Waits in the middle of a TLS handshake.
local outside = require "outside"
local support = require "support"
local world = require "openresty.world"

local MAKE = [[openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
  -subj /CN=server -keyout %s/server.key -out %s/server.pem && chmod 755 %s]]

local SERVER = [[
server {
  listen 127.0.0.1:%d ssl;
  ssl_certificate %s/server.pem;
  ssl_certificate_key %s/server.key;
  ssl_certificate_by_lua_block { results:set("handshake", wait_for("%s")) }
  location / { return 200 "hello"; }
}]]

describe("a TLS handshake inside nginx", function()
  local sim, nginx

  before_each(function() sim = support.sim() end)
  after_each(function()
    if nginx then nginx:stop() end
    nginx = nil
    support.finish()
  end)

  it("waits in the phase ssl_certificate", function()
    local directory, port = support.directory(), outside.free_port()
    local output, status = support.shell((MAKE:gsub("%%s", directory)))
    assert.equal(0, status, output)
    local id = sim:task { duration = 0.3 }
    nginx = world.start(sim, { http = SERVER:format(port, directory, directory, id) })
    output, status = support.shell(("curl -sk https://127.0.0.1:%d/"):format(port))
    assert.equal(0, status, output)
    assert.equal("hello", output)
    assert.equal("succeeded", (nginx:get "/result?id=handshake"))
    assert.same({}, nginx:logged "error")
  end)
end)
