-- SPDX-License-Identifier: MIT
-- How the node tells the status of a task.
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

  local function status_of(task)
    task.service = "node"
    return parse((post(sim.node_url, get_status(sim:task(task)))))
  end

  describe("getTaskStatus", function()
    it("shows a task that is prepared, transfers and is finished", function()
      local function seen(task)
        local fields = status_of(task)
        return { fields.status, fields.progressPercent }
      end
      assert.same({ "PREPARATION", "0" }, seen { delay = 100 })
      local halfway = { { 0, 40 }, { 1, 40 } }
      assert.same({ "TRANSFERRING", "40" }, seen { duration = 100, progress = halfway })
      assert.same({ "FINISHED_OK", "100" }, seen {})
      assert.same({ "FINISHED_ERR", "100" }, seen { outcome = "rejected" })
      assert.same({ "TRANSFERRING", "99" }, seen { outcome = "stuck" })
    end)

    it("shows any status there is, or is not", function()
      local all = [[PREPARATION SEARCHING WAITING_FOR_USER_DECISION WAITING_FOR_VERIFICATION
        WAITING_FOR_WRITE_PERMISSION SERIES_ACCEPTED TRANSFERRING WAITING_FOR_RESTART
        SERIES_FINISHED SOMETHING_NEW]]
      for name in all:gmatch("%S+") do
        assert.equal(name, status_of({ states = { name }, duration = 100 }).status)
      end
      for name in ("FINISHED_REVOKED FINISHED_ERR_USER_TIMEOUT FINISHED_NEW"):gmatch("%S+") do
        assert.equal(name, status_of({ outcome = name }).status)
      end
    end)

    it("shows the type and the details, as JSON or as they are", function()
      local fields = status_of { type = "SERIES", info = { a = "<1>" } }
      assert.same({ "SERIES", '{"a":"<1>"}' }, { fields.type, fields.additionalInfo })
      assert.equal("{broken & ", status_of({ info = "{broken & " }).additionalInfo)
      assert.equal("", status_of({ info = "" }).additionalInfo)
      assert.equal("{}", status_of({ info = {} }).additionalInfo)
      assert.equal("GIVE_MONEY", status_of({}).type)
    end)

    it("does not find what is unknown, forgotten or Mobizon's", function()
      local mobizon, id = sim:task(), sim:task { service = "node" }
      for _, unknown in ipairs { "A-1", mobizon } do
        assert.same({
          requestStatus = "ERR_TASK_DOES_NOT_EXIST",
          requestStatusDescription = "Task does not exist.",
        }, (parse((post(sim.node_url, get_status(unknown))))))
      end
      assert.equal("SUCCESS", parse((post(sim.node_url, get_status(id)))).requestStatus)
      assert.is_true(sim:forget(id))
      assert.equal("ERR_TASK_DOES_NOT_EXIST",
        parse((post(sim.node_url, get_status(id)))).requestStatus)
    end)

    it("is not found at Mobizon's", function()
      local address = sim.url .. "/service/taskqueue/getStatus?apiKey=" .. sim.api_key
      sim:task { service = "node", id = "123" }
      local pipe = assert(io.popen(("curl -s -d id=123 '%s'"):format(address)))
      assert.matches('"code":2', pipe:read("*a"))
      pipe:close()
    end)

    it("may spell that the other way", function()
      local other = simulator.start { node = { not_found = "ERR_TASK_DOES_NOT_EXISTS" } }
      assert.equal("ERR_TASK_DOES_NOT_EXISTS",
        parse((post(other.node_url, get_status("A")))).requestStatus)
      other:stop()
    end)

    it("wants an id of letters, digits and -", function()
      for _, bad in ipairs { "", " A", "A_1", "&#243;", "<b/>" } do
        local fields, name = parse((post(sim.node_url, get_status(bad))))
        assert.equal("getTaskStatusResponse", name)
        assert.equal("ERR_INVALID_TASK_ID", fields.requestStatus)
      end
      assert.equal("ERR_INVALID_TASK_ID", call("getTaskStatus").requestStatus)
    end)

    it("wants a boolean for a callback", function()
      local id = "<taskId>A</taskId>"
      for _, good in ipairs { "true", "false", "1", "0" } do
        local fields = call("getTaskStatus", id .. "<callback>" .. good .. "</callback>")
        assert.equal("ERR_TASK_DOES_NOT_EXIST", fields.requestStatus)
      end
      assert.equal("SOAP-ENV:Client",
        call("getTaskStatus", id .. "<callback>no</callback>").faultcode)
    end)

    it("counts as a poll", function()
      local id = sim:task { service = "node" }
      post(sim.node_url, get_status(id))
      post(sim.node_url, get_status(id))
      assert.equal(2, sim:tasks()[1].polls)
    end)
  end)
end)
