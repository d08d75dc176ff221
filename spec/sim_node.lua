-- SPDX-License-Identifier: MIT
-- What the specs of the simulated Corporate Node share: what curl sends to it, and what is read of
-- its answers.
local reader = require "taskqueue.sim.xml_reader"

local node = {}

--- The id of the first task of a simulator.
node.FIRST_ID = "7W3A0N1N9I2E7N1TKLS54A9PTR"

--- What curl prints when it sends `body`, and its exit status.
function node.post(url, body, more)
  local name = os.tmpname()
  local file = assert(io.open(name, "wb"))
  file:write(body)
  file:close()
  local pipe = assert(io.popen(("curl -s --max-time 10 -H 'Content-Type: text/xml' %s"
    .. " --data-binary @%s '%s'; echo \"|$?\""):format(more or "", name, url)))
  local output, status = pipe:read("*a"):match("^(.*)|(%d+)\n$")
  pipe:close()
  os.remove(name)
  return output, tonumber(status)
end

function node.message(operation, arguments)
  return ('<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>'
    .. '<n:%s xmlns:n="ns1">%s</n:%s></e:Body></e:Envelope>'):format(
      operation, arguments or "", operation)
end

function node.get_status(id)
  return node.message("getTaskStatus", "<taskId>" .. id .. "</taskId>")
end

--- The name of the reply's element and its fields, or those of a fault.
function node.parse(text)
  local root = assert(reader.read(text))
  local reply = root.children[#root.children].children[1]
  local parent = reply.name == "Fault" and reply or reply.children[1]
  local fields = {}
  for _, item in ipairs(parent.children) do fields[item.name] = item.text end
  return fields, reply.name
end

return node
