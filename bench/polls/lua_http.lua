-- SPDX-License-Identifier: MIT
-- lua-http on cqueues, a connection kept by each coroutine: its requests open one each time.
if _VERSION == "Lua 5.4" then
  -- Debian has parts of it for older versions alone. Those are written in Lua, and run on 5.4 too.
  package.path = package.path .. ";/usr/share/lua/5.3/?.lua;/usr/share/lua/5.1/?.lua"
end

local common = dofile "bench/polls/common.lua"
local client = require "http.client"
local cqueues = require "cqueues"
local new_headers = require("http.headers").new

local service, url, in_flight, seconds = common.arguments()
local body, content_type = common.request(service)
local read = common.reader(service)
local host, port, path = url:match "^http://([^:/]+):(%d+)(/.*)$"

local headers = new_headers()
headers:append(":method", "POST")
headers:append(":scheme", "http")
headers:append(":authority", host .. ":" .. port)
headers:append(":path", path)
headers:append("content-length", tostring(#body))
headers:append("content-type", content_type)
headers:append("soapaction", '""')

local connections = {}

local function connection_of(number)
  connections[number] = connections[number]
    or assert(client.connect { host = host, port = tonumber(port), tls = false })
  return connections[number]
end

local loop = cqueues.new()
common.run_many(in_flight, seconds, function(fn) loop:wrap(fn) end, function(number)
  local stream = connection_of(number):new_stream()
  assert(stream:write_headers(headers, false))
  assert(stream:write_body_from_string(body))
  assert(stream:get_headers():get ":status" == "200")
  read(assert(stream:get_body_as_string()))
  stream:shutdown()
end)
assert(loop:loop())
