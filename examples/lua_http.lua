-- SPDX-License-Identifier: MIT
-- A web server and its clients by lua-http, on cqueues, in one program with waits: each request
-- starts a task and is answered when that has ended. Runs on the simulator; needs lua-http.
local cqueues = require "cqueues"
local headers = require "http.headers"
local request = require "http.request"
local server = require "http.server"
local taskqueue = require "taskqueue"

local sim = require("taskqueue.sim").start { rate = 50, task = { delay = 0.05, duration = 0.2 } }
local sms = taskqueue.mobizon.new { url = sim.url, api_key = sim.api_key, rate = 50 }
taskqueue.use "cqueues"

local function answer(_, stream)
  assert(stream:get_headers())
  local task = assert(sms:call("report", "create"))
  local status, message = task:wait_until_done { timeout = 60 }
  local reply = headers.new()
  reply:append(":status", status and "200" or "502")
  assert(stream:write_headers(reply, false))
  assert(stream:write_chunk(status and status.state or message, true))
end

local loop = cqueues.new()
local web = assert(server.listen {
  host = "127.0.0.1", port = 0, tls = false, cq = loop, onstream = answer,
})
assert(web:listen())
local _, host, port = web:localname()

local left = 3
for i = 1, left do
  loop:wrap(function()
    local _, stream = assert(request.new_from_uri(("http://%s:%d/"):format(host, port)):go())
    print(i, (stream:get_body_as_string()))
    left = left - 1
    if left == 0 then web:close() end
  end)
end
assert(loop:loop())
