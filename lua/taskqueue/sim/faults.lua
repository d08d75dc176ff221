-- SPDX-License-Identifier: MIT
-- Rules that make the simulator misbehave: which calls they are for, and what becomes of the reply.

local chance = require("taskqueue.sim.chance")
local options = require("taskqueue.sim.options")
local wire = require("taskqueue.sim.wire")

local methods = {}
local mt = { __name = "taskqueue.sim.faults", __index = methods }

local faults = {}

-- These two are the server's; a reply that lies about its length is a `raw` one.
local FRAMING = { ["content-length"] = true, ["transfer-encoding"] = true }

local function is_header(name, value)
  return type(name) == "string" and name:find("^[%w!#$%%&'*+.^_`|~-]+$") ~= nil
    and not FRAMING[name:lower()]
    and (type(value) == "number" or (type(value) == "string" and not value:find("[%z\r\n]")))
end

local function headers(value)
  local expected = "a table of header names and values, without Content-Length"
  if type(value) ~= "table" then return expected end
  for name, text in pairs(value) do
    if not is_header(name, text) then return expected end
  end
end

local SOAP_FAULT = {
  code = options.text,
  string = options.any_text,
  detail = options.any_text,
  status = options.whole(200, 999),
}

local function soap_fault(value)
  if type(value) ~= "table" or options.problem(value, SOAP_FAULT) then
    return "a table of code, string, detail (strings) and status (200 to 999)"
  end
end

local is_number_code = options.whole(0, 2 ^ 31)

local function code(value)
  if type(value) == "string" and value ~= "" then return nil end
  local expected = is_number_code(value)
  return expected and expected .. ", or an error symbol of the node,"
end

--- The kinds of a rule's options, for `options.problem`.
faults.schema = {
  service = options.one_of("mobizon", "node"),
  method = options.text,
  id = options.text,
  skip = options.whole(0, math.huge),
  times = options.whole(1, math.huge),
  chance = options.fraction,
  seed = options.whole(0, 2 ^ 31),
  execute = options.flag,
  delay = options.seconds,
  code = code,
  soap_fault = soap_fault,
  data = options.anything,
  data_json = options.any_text,
  message = options.any_text,
  http_status = options.whole(200, 999),
  headers = headers,
  body = options.any_text,
  envelope = options.any_text,
  truncate = options.whole(0, 2 ^ 31),
  reset = options.one_of("before", "headers", "body"),
  silent = options.flag,
  drip = options.seconds,
  raw = options.any_text,
  after = options.one_of("close", "reset", "silence"),
  close = options.flag,
}

-- Whose envelope a rule holds, if it is one service's.
local function envelope_of(rule)
  if rule.soap_fault or type(rule.code) == "string" then return "node" end
  if rule.code or rule.data ~= nil or rule.data_json then return "mobizon" end
end

local BY_HAND = { "raw", "reset", "truncate", "drip" }

--- Finds the first thing wrong with a rule, see `options.problem`.
-- @param given
-- @tparam boolean is_tls replies cannot be sent past the server's TLS
function faults.problem(given, is_tls)
  if given == nil then return "a table of options expected" end
  local problem = options.problem(given, faults.schema)
  if problem then return problem end
  local service = envelope_of(given)
  local is_both = service == "node" and (given.data ~= nil or given.data_json)
  if is_both or (service and given.service and given.service ~= service) then
    return "an envelope of another service"
  end
  if given.after and not (given.raw or given.truncate or given.drip) then
    return "option 'after': only with raw, truncate or drip"
  end
  for _, name in ipairs(BY_HAND) do
    if is_tls and given[name] ~= nil then
      return ("option '%s': not possible with TLS"):format(name)
    end
  end
end

function faults.new()
  return setmetatable({ rules = {} }, mt)
end

--- Adds a rule, after those that are there.
-- @tparam table given checked options
function methods:add(given)
  local rule = {}
  for name, value in pairs(given) do rule[name] = value end
  rule.method = rule.method and rule.method:lower()
  rule.service = rule.service or envelope_of(rule)
  rule.skip = rule.skip or 0
  rule.times = rule.times or 1
  rule.is_hit = given.chance and chance.new(given.chance, given.seed or 0)
  rule.body = rule.body or rule.envelope
  self.rules[#self.rules + 1] = rule
end

function methods:clear()
  self.rules = {}
end

local function is_for(rule, call)
  return (rule.method == nil or rule.method == call.method)
    and (rule.id == nil or rule.id == call.id)
    and (rule.service == nil or call.service == nil or rule.service == call.service)
end

local function use_up(self, i)
  local rule = self.rules[i]
  rule.times = rule.times - 1
  if rule.times == 0 then table.remove(self.rules, i) end
  return rule
end

--- The rule for a call, used up by one. A rule that is still skipping lets later rules have it.
-- @tparam table call `method` in lower case, `id`, `service`
-- @treturn ?table
function methods:take(call)
  for i, rule in ipairs(self.rules) do
    if is_for(rule, call) and (not rule.is_hit or rule.is_hit(call.id)) then
      if rule.skip == 0 then return use_up(self, i) end
      rule.skip = rule.skip - 1
    end
  end
end

--- Does the rule answer with an envelope of its own, in place of the service's?
function faults.has_envelope(rule)
  return rule.code ~= nil or rule.data ~= nil or rule.data_json ~= nil or rule.message ~= nil
    or rule.soap_fault ~= nil
end

--- Is the service to do what the call asks? Unless it is refused in its name, yes.
function faults.is_executed(rule)
  if rule.execute ~= nil then return rule.execute end
  return not faults.has_envelope(rule)
end

local function replace_parts(rule, reply)
  if rule.http_status or rule.body then reply.status = rule.http_status or 200 end
  if rule.body then reply.body, reply.code = rule.body, nil end
  for name, value in pairs(rule.headers or {}) do wire.set_header(reply, name, value) end
  if rule.close or rule.drip then wire.set_header(reply, "Connection", "close") end
end

-- How much of the body gets out before the connection ends.
local function body_sent(rule, body)
  if rule.reset == "headers" then return "" end
  if rule.reset == "body" then return body:sub(1, math.floor(#body / 2)) end
  return rule.truncate and body:sub(1, rule.truncate) or body
end

local function send_by_hand(rule, reply)
  local head = rule.raw and "" or wire.head(reply)
  reply.wire = rule.raw or head .. body_sent(rule, reply.body)
  if rule.reset == "before" then reply.wire = "" end
  reply.reset = rule.reset ~= nil or rule.after == "reset"
  reply.hold = rule.after == "silence"
  if rule.drip then reply.burst, reply.pace = #head, rule.drip end
end

--- Does to a reply what the rule says.
-- @tparam table rule
-- @tparam table reply changed in place: see `src/sim/exchange.h` for the fields
function faults.apply(rule, reply)
  replace_parts(rule, reply)
  reply.delay = rule.delay
  reply.silent = rule.silent
  if rule.raw or rule.reset or rule.truncate or rule.drip then send_by_hand(rule, reply) end
  if rule.raw or rule.silent or rule.reset == "before" then reply.shown_status = false end
end

function mt:__tostring()
  return mt.__name .. ": " .. #self.rules .. " rules"
end

return faults
