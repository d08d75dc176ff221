-- SPDX-License-Identifier: MIT
-- What has to hold for whatever a server sends; reply_fuzz.c calls it with each input.
package.path = "lua/?.lua;lua/?/init.lua;" .. package.path
local core = require "taskqueue.core"
local taskqueue = require "taskqueue"

local KEY = "k3yk3yk3yk3yk3yk3yk3yk3yk3yk3yk3yk3yk3yk"
local URL = "http://127.0.0.1:1/"

local kinds = {}
for _, kind in pairs { "network", "http", "protocol", "auth", "not_found", "expired", "throttled",
  "service" } do kinds[kind] = true end

local function new_clients()
  return {
    taskqueue.mobizon.new { url = URL, api_key = KEY },
    taskqueue.mobizon.new { url = URL, api_key = KEY, format = "xml" },
    taskqueue.cnode.new { url = URL, username = "user", password = KEY },
  }
end

local states = { pending = false, running = false, succeeded = true, failed = true }

local function check_status(status)
  assert(status.id == "7" and states[status.state] == status.done)
  assert(status.ok == (status.state == "succeeded"))
  local progress = status.progress
  assert(progress == nil or (progress >= 0 and progress <= 100 and progress % 1 == 0))
  if type(status.code) == "number" then
    assert(status.done == (status.code == 2 or status.code == 3))
  else
    assert(status.done == (status.code:find("^FINISHED_") ~= nil))
    assert(status.ok == (status.code == "FINISHED_OK"))
    assert(status.info == nil or status.info_text)
  end
end

local function holds_no_key(value)
  assert(type(value) ~= "string" or not value:find(KEY, 1, true), "the key is in a failure")
  if type(value) ~= "table" then return end
  for name, item in pairs(value) do
    holds_no_key(name)
    holds_no_key(item)
  end
end

local function check_failure(message, kind, detail)
  assert(kinds[kind], kind)
  assert(type(message) == "string" and not message:find("[%c]"), message)
  assert(type(detail) == "table" and detail.attempts == 1)
  holds_no_key(message)
  holds_no_key(detail)
end

local function look(client)
  -- A refusal would hold back the budget of all inputs after it.
  client.lane = core.lane(math.huge)
  local status, message, kind, detail = client:get_status(7)
  if status then check_status(status) else check_failure(message, kind, detail) end
end

local function call(client)
  local answer, message, kind, detail
  if client.format then
    answer, message, kind, detail = client:call("report", "create")
  else
    answer, message, kind, detail = client:call("startLogin")
  end
  if kind then check_failure(message, kind, detail) end
  assert(kind == nil or answer == nil)
end

-- A decoder gives a value, or says why there is none; it raises only for a tree that is too large.
local function decode(name, text)
  local ok, value, fault, why = pcall(core[name], text)
  if ok then
    assert(value ~= nil or fault ~= nil or why ~= nil)
  else
    assert(name ~= "decode_json" and value:find("by references", 1, true), value)
  end
end

local clients, uses = {}, 0

return function(choice, body)
  if uses % 1000 == 0 then clients = new_clients() end
  uses = uses + 1
  local client = clients[choice % 3 + 1]
  if choice < 128 then look(client) else call(client) end
  for _, name in ipairs { "decode_json", "decode_xml", "decode_soap" } do decode(name, body) end
end
