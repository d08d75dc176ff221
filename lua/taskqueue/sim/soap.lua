-- SPDX-License-Identifier: MIT
-- SOAP 1.1 as the node speaks it: reads a request's envelope, and writes replies in one of the two
-- generations of the vendor's samples. "new" is the documented one, line for line.

local reader = require("taskqueue.sim.xml_reader")
local xml = require("taskqueue.sim.xml")

local soap = {}

local ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
local OPERATIONS = "ns1"

-- ---- requests ----

local function client(problem)
  return nil, { code = "Client", string = problem }
end

local function is_soap(element, name)
  return element ~= nil and element.name == name and element.uri == ENVELOPE
end

local function body_of(envelope)
  local list = envelope.children
  return list[is_soap(list[1], "Header") and 2 or 1]
end

local function is_blank(text)
  return not text:find("[^ \t\n]")
end

-- Arguments are unqualified, and each holds either text or further ones.
local function problem_of_arguments(parent)
  if not is_blank(parent.text) then return "text beside the elements in " .. parent.name end
  for _, item in ipairs(parent.children) do
    if item.uri ~= "" then return item.name .. " is in a namespace" end
    local problem = #item.children > 0 and problem_of_arguments(item)
    if problem then return problem end
  end
end

-- SOAP 1.1, 5.2.1: behind the operation the Body may hold values that arguments refer to.
local function values_of(body)
  local values = {}
  for i = 2, #body.children do
    local id = body.children[i].attributes.id
    if not id then return nil end
    values["#" .. id] = body.children[i]
  end
  return values
end

local MAX_DEPTH = 100

local function resolve(item, values, depth)
  local value = item.attributes.href and values[item.attributes.href]
  if depth > MAX_DEPTH or (item.attributes.href and not value) then
    return nil, ("%s refers to nothing"):format(item.name)
  end
  value = value or item
  local resolved = { name = item.name, uri = item.uri, attributes = {}, text = value.text }
  resolved.children = {}
  for i, child in ipairs(value.children) do
    local problem
    resolved.children[i], problem = resolve(child, values, depth + 1)
    if problem then return nil, problem end
  end
  return resolved
end

local function read_operation(body)
  local values = values_of(body)
  if #body.children == 0 or not values then return client("The Body holds not one operation") end
  local operation, unresolved = resolve(body.children[1], values, 1)
  if unresolved then return client(unresolved) end
  if operation.uri ~= OPERATIONS then
    return client(("'%s' is not in the namespace '%s'"):format(operation.name, OPERATIONS))
  end
  local problem = problem_of_arguments(operation)
  if problem then return client(problem) end
  return { operation = operation.name, arguments = operation.children }
end

--- Reads a request.
-- @tparam string text
-- @treturn[1] table `operation`, `arguments` (elements, see `xml_reader.lua`)
-- @treturn[2] nil
-- @treturn[2] table a fault: `code` (without prefix), `string`
function soap.read(text)
  local envelope, problem = reader.read(text)
  if not envelope then return client("Not well-formed: " .. problem) end
  if envelope.name ~= "Envelope" then return client("Not an Envelope") end
  if envelope.uri ~= ENVELOPE then
    return nil, { code = "VersionMismatch", string = "Not an Envelope of SOAP 1.1" }
  end
  local body = body_of(envelope)
  if not is_soap(body, "Body") then return client("No Body") end
  return read_operation(body)
end

--- The text of the argument of that name, the first of several.
-- @treturn ?string nil without one
function soap.text(arguments, name)
  for _, item in ipairs(arguments) do
    if item.name == name then return item.text end
  end
end

-- ---- replies ----

local NEW = { prefix = "SOAP-ENV", space = "\n ", close = "\n", empty_info = "{}" }
NEW.head = [[
<?xml version="1.0" encoding="UTF-8"?>
<SOAP-ENV:Envelope
 xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/"
 xmlns:SOAP-ENC="http://schemas.xmlsoap.org/soap/encoding/"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xmlns:xsd="http://www.w3.org/2001/XMLSchema"
 xmlns:ns="ns1">
 <SOAP-ENV:Body SOAP-ENV:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/">]]

local OLD = { prefix = "S", space = "", close = "", empty_info = "{\n}", is_typed = true }
OLD.head = "<?xml version='1.0' encoding='UTF-8'?>"
  .. '<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"'
  .. ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
  .. ' xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:ns="ns1"><S:Header/><S:Body>'
OLD.first = { "requestStatus", "requestStatusDescription", "taskId" }

--- The generations of replies by name.
soap.generations = { new = NEW, old = OLD }

local function write(generation, field)
  local parts = {}
  for i, child in ipairs(field.children or {}) do parts[i] = write(generation, child) end
  local content = #parts > 0 and table.concat(parts) or xml.escape(field.text)
  local open = field.name
  -- What is echoed from a request has a type that nobody told.
  if generation.is_typed and #parts == 0 and not field.attributes then
    open = ('%s xsi:type="xsd:%s"'):format(open, field.type or "string")
  end
  return ("<%s>%s</%s>"):format(open, content, field.name)
end

local function in_order(generation, fields)
  if not generation.first then return fields end
  local list, is_first = {}, {}
  for _, name in ipairs(generation.first) do
    is_first[name] = true
    for _, field in ipairs(fields) do
      if field.name == name then list[#list + 1] = field end
    end
  end
  for _, field in ipairs(fields) do
    if not is_first[field.name] then list[#list + 1] = field end
  end
  return list
end

local function envelope(generation, content)
  local prefix, space = generation.prefix, generation.space
  return ("%s%s%s%s</%s:Body>%s</%s:Envelope>\n"):format(
    generation.head, space, content, space, prefix, generation.close, prefix)
end

--- A reply.
-- @tparam table generation
-- @tparam string operation
-- @tparam table fields a list of `{ name, text, type, children }`; elements of a request will do
-- @treturn string
function soap.reply(generation, operation, fields)
  local space, lines = generation.space, {}
  local indent = space == "" and "" or space .. " "
  for i, field in ipairs(in_order(generation, fields)) do
    lines[i] = indent .. write(generation, field)
  end
  return envelope(generation, ("<ns:%sResponse>%s<return>%s%s</return>%s</ns:%sResponse>"):format(
    operation, indent, table.concat(lines), indent, space, operation))
end

local function optional(name, text)
  return text and ("<%s>%s</%s>"):format(name, xml.escape(text), name) or ""
end

--- A fault.
-- @tparam table generation
-- @tparam table fault `code`, `string`, `detail`: texts
-- @treturn string
function soap.fault(generation, fault)
  local name = generation.prefix .. ":Fault"
  return envelope(generation, ("<%s>%s%s%s</%s>"):format(name,
    optional("faultcode", fault.code), optional("faultstring", fault.string),
    optional("detail", fault.detail), name))
end

return soap
