-- SPDX-License-Identifier: MIT
-- luasocket's own HTTP: one request at a time, and a new connection for each.
local common = dofile "bench/polls/common.lua"
local http = require "socket.http"
local ltn12 = require "ltn12"

local service, url, _, seconds = common.arguments()
local body, content_type = common.request(service)
local read = common.reader(service)

common.run_one(seconds, function()
  local pieces = {}
  assert(http.request {
    url = url, method = "POST", sink = ltn12.sink.table(pieces), source = ltn12.source.string(body),
    headers = { ["Content-Length"] = #body, ["Content-Type"] = content_type, SOAPAction = '""' },
  })
  read(table.concat(pieces))
end)
