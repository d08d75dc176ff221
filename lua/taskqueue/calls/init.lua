-- SPDX-License-Identifier: MIT
--[[
What the calls of all services have in common. This folder has what a look does not need that tells
a status: calls, and what any other reply means.
]]
local core = require "taskqueue.core"
local engine = require "taskqueue.engine"
local failure = require "taskqueue.failure"

local kind = failure.kind
local calls = {}

local function closed()
  return nil, failure.new(kind.CLOSED, "the client is closed")
end

-- Sends one request, once, and waits for what comes back.
-- @tparam table self
-- @tparam string name what is called, as the service's binding takes it
-- @tparam table parameters
-- @treturn[1] table the reply as the core gives it
-- @treturn[2] nil
-- @treturn[2] table a failure
-- @raise text that names a parameter which cannot be sent
function calls.send(self, name, parameters)
  if self:is_closed() then return closed() end
  local pending = engine.sleeper()
  pending.call = core.call(self.native, name, parameters, pending)
  self:await(pending)
  if pending.outcome then return nil, pending.outcome end
  return pending.call:reply()
end

-- The same for a method: what cannot be sent is raised two levels up, at the caller of it.
function calls.call(self, name, parameters)
  if parameters ~= nil and type(parameters) ~= "table" then
    error("call: the parameters must be a table", 3)
  end
  local ok, reply, failed = pcall(calls.send, self, name, parameters or {})
  if ok then return reply, failed end
  -- A finalizer may have done that meanwhile.
  if self:is_closed() then return closed() end
  error("call: " .. tostring(reply), 3)
end

-- Checks what becomes a name on the wire.
function calls.check_name(what, name)
  if type(name) == "string" and name:find("^[%a_][%w_%-]*$") then return end
  error(("call: the %s must be a name of letters, digits, _ and -"):format(what), 3)
end

return calls
