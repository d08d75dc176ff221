-- SPDX-License-Identifier: MIT
-- The options of a simulator as a whole: what `sim.start` takes, checked, and what the server's Lua
-- state and its C part get of it.

local options = require("taskqueue.sim.options")
local script = require("taskqueue.sim.script")

local settings = {}

local function keys(value)
  local expected = 'a table of keys and "ok", "denied", "blocked" or "elsewhere"'
  local is_state = options.one_of("ok", "denied", "blocked", "elsewhere")
  if type(value) ~= "table" then return expected end
  for key, state in pairs(value) do
    if options.text(key) or is_state(state) then return expected end
  end
end

local function user(value)
  if options.text(value) or value:find("[:%c]") then return "a string without colons" end
end

local SCHEMA = {
  host = options.text,
  port = options.whole(0, 65535),
  api_key = options.text,
  keys = keys,
  rate = options.positive_or_huge,
  forget_after = options.seconds_or_huge,
  task = options.table,
  node = options.table,
  keep_bodies = options.flag,
  tls = options.table,
}

local NODE_SCHEMA = {
  generation = options.one_of("new", "old"),
  not_found = options.one_of("ERR_TASK_DOES_NOT_EXIST", "ERR_TASK_DOES_NOT_EXISTS"),
  rate = options.positive_or_huge,
  username = user,
  password = options.any_text,
}

local TLS_SCHEMA = {
  cert = options.text,
  key = options.text,
  client_ca = options.text,
  priority = options.text,
}

local function node_problem(given)
  local problem = options.problem(given, NODE_SCHEMA)
  if problem or not given then return problem end
  if (given.username == nil) ~= (given.password == nil) then
    return "username and password go together"
  end
end

local function tls_problem(given)
  local problem = options.problem(given, TLS_SCHEMA)
  if problem or not given then return problem end
  if not given.cert or not given.key then return "cert and key are needed" end
end

local function inside(name, problem)
  return problem and name .. ": " .. problem
end

--- Finds the first thing wrong, see `options.problem`.
function settings.problem(given)
  local problem = options.problem(given, SCHEMA)
  if problem or not given then return problem end
  return inside("task", options.problem(given.task, script.defaults_schema))
    or inside("node", node_problem(given.node))
    or inside("tls", tls_problem(given.tls))
end

local function known_keys(given, api_key)
  local all = { [api_key] = "ok" }
  for key, state in pairs(given or {}) do all[key] = state end
  return all
end

--- What the server's Lua state gets.
-- @tparam table given checked options
-- @tparam string api_key
function settings.config(given, api_key)
  return {
    keys = known_keys(given.keys, api_key),
    rate = given.rate or 1,
    forget_after = given.forget_after or 3600,
    task = given.task,
    node = given.node,
    keep_bodies = given.keep_bodies,
  }
end

local PEM_MARKS = { cert = "CERTIFICATE-----", key = "KEY-----", client_ca = "CERTIFICATE-----" }

local function read(path)
  local file, message = io.open(path, "rb")
  if not file then return nil, message end
  local text, problem = file:read("*a")
  file:close()
  return text, problem
end

local function pem(name, value)
  local text, message = value, nil
  if not value:find("-----BEGIN", 1, true) then text, message = read(value) end
  if not text then return nil, message end
  local mark = PEM_MARKS[name]
  if text:find(mark, 1, true) then return text end
  return nil, ("tls: no '%s' in %s"):format(mark, name)
end

--- Certificates and keys as PEM text, read from files where they are paths.
-- @tparam ?table given checked `tls` options
-- @treturn[1] ?table `cert`, `key`, `client_ca` and, as it is, `priority`; nil without TLS
-- @treturn[2] nil
-- @treturn[2] string what cannot be read
function settings.tls(given)
  if not given then return nil end
  local complete = { priority = given.priority }
  for name in pairs(PEM_MARKS) do
    if given[name] then
      local text, message = pem(name, given[name])
      if not text then return nil, message end
      complete[name] = text
    end
  end
  return complete
end

return settings
