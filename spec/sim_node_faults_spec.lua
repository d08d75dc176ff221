-- SPDX-License-Identifier: MIT
-- The node when it is told to misbehave.
local node = require "sim_node"
local simulator = require "taskqueue.sim"

local get_status, message, parse, post = node.get_status, node.message, node.parse, node.post

describe("the simulated Corporate Node", function()
  local sim

  before_each(function()
    sim = simulator.start { task = { delay = 0, duration = 0 }, keep_bodies = true }
  end)

  after_each(function()
    assert.same({}, sim:errors())
    sim:stop()
  end)

  local function call(operation, arguments)
    return parse((post(sim.node_url, message(operation, arguments))))
  end

  describe("told to misbehave", function()
    it("answers another requestStatus, without doing what was asked", function()
      sim:fault { code = "ERR_TECHNICAL_PROBLEM", message = "a < b" }
      local fields, name = call("startLogin")
      assert.equal("startLoginResponse", name)
      assert.same({ requestStatus = "ERR_TECHNICAL_PROBLEM", requestStatusDescription = "a < b" },
        fields)
      assert.same({}, sim:tasks())
      assert.same({ "ERR_TECHNICAL_PROBLEM", true }, { sim:log()[1].code, sim:log()[1].fault })
    end)

    it("answers a fault", function()
      sim:fault { soap_fault = { code = "SOAP-ENV:Server", string = "no", detail = "<d>" } }
      local text = post(sim.node_url, message("startLogin"), "-i")
      assert.matches("^HTTP/1.1 500 ", text)
      assert.same({ faultcode = "SOAP-ENV:Server", faultstring = "no", detail = "<d>" },
        (parse(text:match("\r\n\r\n(.*)$"))))
      sim:fault { soap_fault = { status = 200 } }
      text = post(sim.node_url, message("startLogin"), "-i")
      assert.matches("^HTTP/1.1 200 .*<faultcode>SOAP%-ENV:Server</faultcode>", text)
      assert.equal("SOAP-ENV:Server", sim:log()[2].code)
    end)

    it("does so for one operation in any case, or one task", function()
      local id = sim:task { service = "node" }
      sim:fault { method = "GETTASKSTATUS", id = id, code = "ERR_TIMEOUT" }
      assert.equal("SUCCESS", call("startLogin").requestStatus)
      assert.equal("ERR_TASK_DOES_NOT_EXIST",
        parse((post(sim.node_url, get_status("A")))).requestStatus)
      assert.equal("ERR_TIMEOUT", parse((post(sim.node_url, get_status(id)))).requestStatus)
      assert.equal("SUCCESS", parse((post(sim.node_url, get_status(id)))).requestStatus)
    end)

    it("leaves to each service its own envelopes", function()
      sim:fault { code = 15 }
      sim:fault { code = "ERR_TIMEOUT" }
      sim:fault { service = "mobizon", http_status = 503 }
      assert.equal("ERR_TIMEOUT", call("startLogin").requestStatus)
      assert.equal("SUCCESS", call("startLogin").requestStatus)
    end)

    it("truncates, resets and answers late as Mobizon does", function()
      sim:fault { truncate = 10 }
      assert.same({ '<?xml vers', 18 }, { post(sim.node_url, message("startLogin")) })
      sim:fault { reset = "before" }
      assert.equal(56, (select(2, post(sim.node_url, message("startLogin")))))
      assert.equal(2, #sim:tasks())
      sim:fault { http_status = 503, headers = { ["Retry-After"] = 1 } }
      assert.matches("^HTTP/1.1 503 .*Retry%-After: 1.*<taskId>",
        (post(sim.node_url, message("startLogin"), "-i")))
    end)

    it("stands by its refusal of what it cannot read", function()
      sim:fault { code = "ERR_TIMEOUT" }
      assert.equal("SOAP-ENV:Client", parse((post(sim.node_url, "<"))).faultcode)
    end)
  end)
end)
