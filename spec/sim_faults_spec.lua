-- SPDX-License-Identifier: MIT
local faults = require("taskqueue.sim.faults")
local options = require("taskqueue.sim.options")

describe("the simulator's faults", function()
  local rules
  local get_status = { method = "taskqueue/getstatus", id = "7" }

  before_each(function() rules = faults.new() end)

  it("are used up by one, in order", function()
    rules:add({ code = 1 })
    rules:add({ code = 2, times = 2 })
    assert.equal(1, rules:take(get_status).code)
    assert.equal(2, rules:take(get_status).code)
    assert.equal(2, rules:take(get_status).code)
    assert.is_nil(rules:take(get_status))
  end)

  it("are for one method, whatever its case", function()
    rules:add({ method = "TaskQueue/getStatus" })
    assert.is_nil(rules:take({ method = "campaign/create" }))
    assert.truthy(rules:take(get_status))
  end)

  it("are for one task", function()
    rules:add({ id = "8" })
    assert.is_nil(rules:take(get_status))
    assert.truthy(rules:take({ method = "any", id = "8" }))
  end)

  it("are for one service, by name or by the envelope they hold", function()
    local node = { method = "gettaskstatus", service = "node" }
    local mobizon = { method = "taskqueue/getstatus", service = "mobizon" }
    for _, rule in ipairs { { service = "node" }, { code = "ERR_X" }, { soap_fault = {} } } do
      rules:clear()
      rules:add(rule)
      assert.is_nil(rules:take(mobizon))
      assert.truthy(rules:take(node))
    end
    for _, rule in ipairs { { service = "mobizon" }, { code = 15 }, { data_json = "1" } } do
      rules:clear()
      rules:add(rule)
      assert.is_nil(rules:take(node))
      assert.truthy(rules:take(mobizon))
    end
    rules:add({ reset = "before", times = 2 })
    assert.truthy(rules:take(node))
    assert.truthy(rules:take(mobizon))
  end)

  it("are refused when they ask for what cannot be", function()
    assert.matches("another service", faults.problem({ service = "mobizon", code = "ERR_X" }))
    assert.matches("another service", faults.problem({ service = "node", code = 15 }))
    assert.matches("another service", faults.problem({ soap_fault = {}, data_json = "1" }))
    assert.matches("TLS", faults.problem({ drip = 1 }, true))
    assert.matches("only with raw", faults.problem({ after = "reset", body = "" }))
    assert.is_nil(faults.problem({ drip = 1, code = "ERR_X", service = "node" }))
    assert.is_nil(faults.problem({ silent = true, delay = 1, service = "mobizon" }, true))
  end)

  it("may skip calls, which later rules then get", function()
    rules:add({ code = 1, skip = 1 })
    rules:add({ code = 2 })
    assert.equal(2, rules:take(get_status).code)
    assert.equal(1, rules:take(get_status).code)
  end)

  it("hit a part of the calls, the same part whenever the seed is the same", function()
    local function hits(seed, ids)
      rules:clear()
      rules:add({ chance = 0.25, seed = seed, times = math.huge })
      local found, count = {}, 0
      for _ = 1, 100 do
        for _, id in ipairs(ids) do
          local is_hit = rules:take({ method = "m", id = id }) ~= nil
          found[id] = (found[id] or "") .. (is_hit and "x" or ".")
          if is_hit then count = count + 1 end
        end
      end
      return found, count
    end
    local ids = { "1", "2", "100001", "100002", "7W3A0N1N9I2E7N1TKLS54A9PTR" }
    local first, count = hits(7, ids)
    assert.is_true(count > 80 and count < 170, count)
    assert.same(first, (hits(7, { ids[5], ids[3], ids[1], ids[2], ids[4] })))
    assert.not_equal(first["1"], hits(8, ids)["1"])
    assert.not_equal(first["1"], first["2"])
    assert.not_equal(first["100001"], first["100002"])
  end)

  it("may stay for ever, until they are cleared", function()
    rules:add({ times = math.huge })
    for _ = 1, 1000 do assert.truthy(rules:take(get_status)) end
    rules:clear()
    assert.is_nil(rules:take(get_status))
  end)

  it("execute the call unless they answer in the service's name or say otherwise", function()
    assert.is_true(faults.is_executed({ reset = "before" }))
    assert.is_true(faults.is_executed({ http_status = 503 }))
    assert.is_false(faults.is_executed({ reset = "before", execute = false }))
    assert.is_false(faults.is_executed({ code = 15 }))
    assert.is_true(faults.is_executed({ code = 15, execute = true }))
    assert.is_false(faults.is_executed({ soap_fault = {} }))
  end)

  it("refuse what makes no sense, naming the option", function()
    for name, value in pairs {
      method = 1, id = 7, skip = -1, times = 0, execute = "no", delay = math.huge, code = 1.5,
      data_json = {}, message = 1, http_status = 100, body = 1, truncate = -1, reset = "never",
      silent = 1, drip = -1, soap_fault = { status = 20 },
      service = "cnode", raw = 1, close = 1, headers = { "a" }, after = "noon", chance = 0,
      seed = 0.5,
    } do
      local problem = options.problem({ [name] = value }, faults.schema)
      assert.matches("option '" .. name .. "'", problem)
    end
    assert.matches("headers", (options.problem({ headers = { a = "b\r\nc" } }, faults.schema)))
    assert.matches("headers",
      (options.problem({ headers = { ["Content-Length"] = 1 } }, faults.schema)))
  end)

  describe("do to a reply what they say:", function()
    local function applied(rule)
      local reply = {
        status = 200, code = 0, body = "0123456789",
        headers = { { "Content-Type", "application/json" } },
      }
      faults.apply(rule, reply)
      return reply
    end

    it("a status alone keeps the body", function()
      local reply = applied({ http_status = 429, headers = { ["Retry-After"] = 2 } })
      assert.equal(429, reply.status)
      assert.equal("0123456789", reply.body)
      assert.same({ "Retry-After", "2" }, reply.headers[2])
    end)

    it("a header stands in place of one of that name", function()
      local reply = applied({ headers = { ["content-type"] = "text/html" } })
      assert.same({ { "content-type", "text/html" } }, reply.headers)
    end)

    it("a body has no code", function()
      local reply = applied({ body = "<html>" })
      assert.same({ 200, "<html>" }, { reply.status, reply.body })
      assert.is_nil(reply.code)
    end)

    it("a truncated body stands under its whole length", function()
      local reply = applied({ truncate = 4 })
      assert.matches("Content%-Length: 10\r\n\r\n0123$", reply.wire)
      assert.is_false(reply.reset)
    end)

    it("resets come before, after the headers, in the body", function()
      assert.equal("", applied({ reset = "before" }).wire)
      assert.matches("\r\n\r\n$", applied({ reset = "headers" }).wire)
      assert.matches("\r\n\r\n01234$", applied({ reset = "body" }).wire)
      assert.is_true(applied({ reset = "body" }).reset)
    end)

    it("drips come after the headers", function()
      local reply = applied({ drip = 0.5 })
      assert.equal(#reply.wire - 10, reply.burst)
      assert.equal(0.5, reply.pace)
    end)

    it("raw bytes are all that is sent", function()
      assert.equal("nonsense", applied({ raw = "nonsense" }).wire)
    end)

    it("after the bytes comes a close, a reset or silence", function()
      for after, expected in pairs {
        close = { false, false }, reset = { true, false }, silence = { false, true },
      } do
        local reply = applied({ truncate = 3, after = after })
        assert.matches("\r\n\r\n012$", reply.wire)
        assert.same(expected, { reply.reset, reply.hold })
      end
    end)
  end)
end)
