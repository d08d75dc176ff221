-- SPDX-License-Identifier: MIT
-- `taskqueue call`: starts something, and with --wait sees it to its end.
local exit = require "taskqueue.command.exit"
local parameters = require "taskqueue.command.parameters"
local view = require "taskqueue.command.view"
local wait = require "taskqueue.command.wait"

local call = {}

-- module/method is Mobizon's, an operation without a slash the node's.
local function send(clients, method, values)
  local module, rest = method:match("^([^/]+)/([^/]+)$")
  if module then return "mobizon", clients:client("mobizon"):call(module, rest, values) end
  return "cnode", clients:client("cnode"):call(method, values)
end

-- The lines before the wait would be in the way of its bars.
local function report_begin(shown, entry, given)
  if not given.wait or given.json then shown:began(entry) end
end

--- Calls a method once.
-- @treturn number exit status
function call.run(clients, given)
  local shown = view.new(given)
  local values = parameters.read(given.parameters, given.data)
  local service, answer, message, kind, detail = send(clients, given.method, values)
  if kind then
    shown:failed(message, kind, detail)
    return exit.of(kind)
  elseif type(answer) ~= "table" or not answer.wait_until_done then
    shown:answered(answer)
    return exit.OK
  end
  local entry = { label = clients.label(service, answer.id), task = answer, service = service }
  report_begin(shown, entry, given)
  return given.wait and wait.run({ entry }, given) or exit.OK
end

return call
