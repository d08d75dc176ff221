-- SPDX-License-Identifier: MIT
-- The clients that the command line asks for. A client, and with it a key, is made when the first
-- task or call needs it.
local key = require "taskqueue.command.key"
local taskqueue = require "taskqueue"

local services = {}

local methods = {}
local mt = { __index = methods }

-- What every client is given; nil where the command line says nothing.
local function common(given)
  return {
    rate = given.rate, ca_file = given.ca_file, proxy = given.proxy,
    allow_plain_http = given.plain_http,
  }
end

local function variable(name)
  local value = os.getenv(name)
  return value ~= "" and value or nil
end

local make = {}

function make.mobizon(given)
  local options = common(given)
  options.host, options.url = given.host, given.url
  if not options.host and not options.url then options.url = variable "MOBIZON_URL" end
  options.api_key = assert(key.find {
    file = given.key_file, option = "--key-file", variable = "MOBIZON_API_KEY",
    name = "Mobizon API key",
  })
  return taskqueue.mobizon.new(options)
end

function make.cnode(given)
  local options = common(given)
  options.url, options.username = given.node_url or variable "CNODE_URL", given.node_user
  if given.node_user then
    options.password = assert(key.find {
      file = given.node_password_file, option = "--node-password-file",
      variable = "TASKQUEUE_NODE_PASSWORD", name = "password of " .. given.node_user,
    })
  end
  return taskqueue.cnode.new(options)
end

-- What the library says, in the words of the command line.
local function explain(message)
  local words = tostring(message):gsub("^%S+:%d+: ", ""):gsub("^%l+%.new: ", "")
  return (words:gsub("set allow_plain_http = true", "allow it with --plain-http"))
end

--- The client of a service.
-- @tparam string service "mobizon" or "cnode"
-- @raise text that says what is missing or wrong, and what to do
function methods:client(service)
  if not self.clients[service] then
    local ok, client = pcall(make[service], self.given)
    if not ok then error(explain(client), 0) end
    self.clients[service] = client
  end
  return self.clients[service]
end

--- Reads a task as a user writes it: an id of Mobizon, or `mobizon:ID`, or `cnode:ID`.
-- @treturn task
-- @treturn string service
function methods:task(label)
  local service, id = label:match("^(%l+):(.+)$")
  if not make[service] then service, id = self.given.service or "mobizon", label end
  return self:client(service):task(id), service
end

--- The tasks that a list of labels names; "-" stands for those on the standard input.
-- @treturn table a list of `{ label =, task =, service = }`
function methods:entries(labels)
  local entries = {}
  local function add(label)
    local task, service = self:task(label)
    entries[#entries + 1] = { label = label, task = task, service = service }
  end
  for _, label in ipairs(labels) do
    if label ~= "-" then
      add(label)
    else
      for word in io.read("*a"):gmatch("%S+") do add(word) end
    end
  end
  if #entries == 0 then error("no ids: the standard input is empty", 0) end
  return entries
end

--- How a user would write a task.
function methods.label(service, id)
  return service == "mobizon" and id or service .. ":" .. id
end

function methods:close()
  for _, client in pairs(self.clients) do client:close() end
end

--- @tparam table given the command line, read
function services.new(given)
  return setmetatable({ given = given, clients = {} }, mt)
end

return services
