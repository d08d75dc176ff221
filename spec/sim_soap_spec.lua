-- SPDX-License-Identifier: MIT
local reader = require("taskqueue.sim.xml_reader")
local soap = require("taskqueue.sim.soap")

local ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"

describe("the simulator's SOAP", function()
  local function wrapped(body, uri)
    return ('<e:Envelope xmlns:e="%s" xmlns:n="ns1">%s</e:Envelope>'):format(uri or ENVELOPE, body)
  end

  it("reads an operation and its arguments", function()
    local message = assert(soap.read(wrapped("<e:Header><x/></e:Header><e:Body>"
      .. "<n:op>\n <a>1</a><b><c>2</c></b></n:op></e:Body>")))
    assert.equal("op", message.operation)
    assert.equal("1", soap.text(message.arguments, "a"))
    assert.equal("c", message.arguments[2].children[1].name)
    assert.is_nil(soap.text(message.arguments, "d"))
  end)

  it("reads a default namespace where it is taken back", function()
    local message = assert(soap.read(('<Envelope xmlns="%s"><Body><op xmlns="ns1"><a xmlns="">1</a>'
      .. "</op></Body></Envelope>"):format(ENVELOPE)))
    assert.equal("1", soap.text(message.arguments, "a"))
  end)

  it("refuses other requests with a fault", function()
    for _, case in ipairs {
      { "Client", "Not well%-formed", "<a>" },
      { "Client", "Not an Envelope", "<a/>" },
      { "VersionMismatch", "SOAP 1.1", wrapped("", "http://www.w3.org/2003/05/soap-envelope") },
      { "Client", "No Body", wrapped("") },
      { "Client", "No Body", wrapped("<Body/>") },
      { "Client", "No Body", wrapped("<e:Header/>") },
      { "Client", "not one", wrapped("<e:Body/>") },
      { "Client", "not one", wrapped("<e:Body><n:a/><n:b/></e:Body>") },
      { "Client", "'a' is not in the namespace 'ns1'", wrapped("<e:Body><a/></e:Body>") },
      { "Client", "b is in a namespace", wrapped("<e:Body><n:a><n:b/></n:a></e:Body>") },
      { "Client", "c is in", wrapped("<e:Body><n:a><b><n:c/></b></n:a></e:Body>") },
      { "Client", "text beside .* in b", wrapped("<e:Body><n:a><b>x<c/></b></n:a></e:Body>") },
      { "Client", "text beside .* in a", wrapped("<e:Body><n:a>x</n:a></e:Body>") },
    } do
      local message, fault = soap.read(case[3])
      assert.is_nil(message)
      assert.equal(case[1], fault.code)
      assert.matches(case[2], fault.string)
    end
  end)

  local function names(list)
    local all = {}
    for i, item in ipairs(list) do all[i] = item.name end
    return all
  end

  it("writes replies that differ between the generations in all but their meaning", function()
    local fields = {
      { name = "n", text = "7", type = "unsignedInt" },
      { name = "requestStatus", text = "<&>" },
      { name = "nested", children = { { name = "a", text = " 1\n" }, { name = "a", text = "" } } },
    }
    local function parts(generation)
      local text = soap.reply(soap.generations[generation], "op", fields)
      local root = assert(reader.read(text))
      local body = root.children[#root.children]
      local reply = body.children[1]
      assert.same({ ENVELOPE, "opResponse", "ns1", "return", "" },
        { body.uri, reply.name, reply.uri, reply.children[1].name, reply.children[1].uri })
      return reply.children[1].children, root
    end
    local new, new_root = parts("new")
    assert.same({ "Body" }, names(new_root.children))
    assert.same({ "n", "requestStatus", "nested" }, names(new))
    assert.same({}, new[1].attributes)
    assert.same({ "<&>", " 1\n" }, { new[2].text, new[3].children[1].text })
    local old, old_root = parts("old")
    assert.same({ "Header", "Body" }, names(old_root.children))
    assert.same({ "requestStatus", "n", "nested" }, names(old))
    assert.same({ ["{http://www.w3.org/2001/XMLSchema-instance}type"] = "xsd:unsignedInt" },
      old[2].attributes)
  end)

  it("writes faults with what they have", function()
    local text = soap.fault(soap.generations.new, { code = "SOAP-ENV:Client", string = "<" })
    assert.matches("<SOAP%-ENV:Fault><faultcode>SOAP%-ENV:Client</faultcode>"
      .. "<faultstring>&lt;</faultstring></SOAP%-ENV:Fault>", text)
    text = soap.fault(soap.generations.old, { code = "S:x", string = "", detail = "d" })
    assert.matches("<S:Fault><faultcode>S:x</faultcode><faultstring></faultstring>"
      .. "<detail>d</detail></S:Fault>", text)
    assert.truthy(reader.read(text))
  end)
end)
