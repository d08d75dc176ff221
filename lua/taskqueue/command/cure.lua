-- SPDX-License-Identifier: MIT
-- What to do about a failure, for whoever reads it on a terminal.
local taskqueue = require "taskqueue"

local kind = taskqueue.kind

local cures = {
  [kind.AUTH] = "check the key (MOBIZON_API_KEY, --key-file), and that the account is at this host "
    .. "(--host)",
  [kind.NETWORK] = "check the address (--host, --url, --node-url); `taskqueue doctor --connect` "
    .. "tries it",
  [kind.TLS] = "check the address, and which authorities are trusted: --ca-file names others, "
    .. "`taskqueue doctor` tells the system's",
  [kind.NOT_FOUND] = "check the id, and that the key is of the account that began the task; ids of "
    .. "the node are written cnode:ID",
  [kind.EXPIRED] = "the service has forgotten the task; look there at what it was to do",
  [kind.TIMEOUT] = "the work goes on at the service; wait again, or longer with --timeout",
  [kind.THROTTLED] = "something else polls with this key; lower --rate, or end the other",
  [kind.HTTP] = "check that the address (--host, --url, --node-url) is the service's own",
  [kind.PROTOCOL] = "check that the address (--host, --url, --node-url) is the service's own",
  [kind.SERVICE] = "docs/errors.md lists the service's codes; the words in quotes are its own",
}

-- Names the server that a Mobizon account belongs to, if the service said it.
local function right_server(detail)
  local is_wrong = detail and detail.code == taskqueue.mobizon.code.WRONG_SERVER
  local host = is_wrong and detail.data
  if type(host) ~= "string" or not host:find("^[%w.-]+$") then return nil end
  return "the service names another server; if you trust it: --host " .. host
end

--- What to do about a failure.
-- @tparam string of its kind
-- @tparam ?table detail
-- @treturn ?string nil when there is nothing to advise
return function(of, detail)
  return right_server(detail) or cures[of]
end
