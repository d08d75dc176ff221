-- SPDX-License-Identifier: MIT
-- Servers of their own kinds, for the rows of spec/faults/rows.lua that name a place.
local support = require "support"

local places = {}

-- Self-signed certificates, each its own authority; how far off the clock was that made them.
local CERTIFICATES = {
  good = { "IP:127.0.0.1", 0 },
  elsewhere = { "DNS:elsewhere.example", 0 },
  expired = { "IP:127.0.0.1", -10 * 86400 },
  not_yet = { "IP:127.0.0.1", 10 * 86400 },
  other = { "IP:127.0.0.1", 0 },
}
local MAKE = "WORLD_START=%d LD_PRELOAD=build/world.so openssl req -x509 -newkey ec -pkeyopt "
  .. "ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=%s -addext subjectAltName=%s "
  .. "-keyout %s.key -out %s.pem 2> /dev/null"

local directory

local function make_certificates()
  local pipe = assert(io.popen("mktemp -d"))
  directory = pipe:read("*l")
  pipe:close()
  for name, how in pairs(CERTIFICATES) do
    local file = directory .. "/" .. name
    local done = os.execute(MAKE:format(how[2], name, how[1], file, file))
    assert(done == true or done == 0, "openssl makes the certificates")
  end
end

local function path(name)
  if not directory then make_certificates() end
  return directory .. "/" .. name
end

--- Removes what the places left on the disk.
function places.close()
  if directory then os.execute("rm -r " .. directory) end
  directory = nil
end

local function tls(cert, more)
  local options = { cert = path(cert .. ".pem"), key = path(cert .. ".key") }
  for name, value in pairs(more or {}) do options[name] = value end
  return support.sim { tls = options }
end

-- A hundred handshakes at once take their time on a slow machine.
local function trusting(server, ca, more)
  local options = { ca_file = path(ca .. ".pem"), connect_timeout = 60, request_timeout = 90 }
  for name, value in pairs(more or {}) do options[name] = value end
  return { server = server, options = options }
end

local function with_scheme(scheme, sim)
  local url = sim.url:gsub("^%a+", scheme)
  return { url = url, node_url = url .. "/" }
end

-- A server that wants a certificate of "good", in one version of TLS.
local function demanding(version)
  return tls("good", {
    client_ca = path "good.pem", priority = "NORMAL:-VERS-ALL:+VERS-TLS" .. version,
  })
end

local function refusing(version)
  return trusting(demanding(version), "good", {
    client_cert = path "other.pem", client_key = path "other.key",
  })
end

local NOBODY = { url = "http://127.0.0.1:1", node_url = "http://127.0.0.1:1/" }

local makers = {
  refused = function() return { server = NOBODY } end,
  expired = function() return trusting(tls "expired", "expired") end,
  not_yet = function() return trusting(tls "not_yet", "not_yet") end,
  elsewhere = function() return trusting(tls "elsewhere", "elsewhere") end,
  unknown = function() return trusting(tls "good", "other") end,
  no_authorities = function() return trusting(tls "good", "nothing") end,
  old = function()
    return trusting(tls("good", { priority = "NORMAL:-VERS-ALL:+VERS-TLS1.1" }), "good")
  end,
  refuses_1_2 = function() return refusing "1.2" end,
  refuses_1_3 = function() return refusing "1.3" end,
  wants_1_2 = function() return trusting(demanding "1.2", "good") end,
  wants_1_3 = function() return trusting(demanding "1.3", "good") end,
  plain = function() return trusting(with_scheme("https", support.sim()), "good") end,
  secure = function() return { server = with_scheme("http", tls "good") } end,
}

--- A place by its name: the `server`, and `options` of clients that go there.
function places.new(name)
  return makers[name]()
end

return places
