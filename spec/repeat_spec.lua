-- SPDX-License-Identifier: MIT
-- Replies that repeat the last one of their task byte for byte: they are not read again, and told
-- as if they were.
local support = require "support"

local DECODER = "taskqueue.core.json"

-- Calls a function, and counts how many replies are decoded as JSON meanwhile.
local function count_decoded(fn)
  local registry, count = debug.getregistry(), 0
  local decode = registry[DECODER]
  registry[DECODER] = function(...)
    count = count + 1
    return decode(...)
  end
  local ok, message = pcall(fn)
  registry[DECODER] = decode
  assert(ok, message)
  return count
end

for _, service in ipairs(support.services) do
  describe(service.name .. ", when it repeats itself", function()
    local sim, client, id

    before_each(function()
      sim = support.sim()
      client = service.client(sim)
      id = service.task(sim, { duration = 60 })
    end)

    after_each(support.finish)

    -- The next polls get such a reply.
    local function answer(times, status, progress, more)
      local fault = service.reply(status, progress)
      fault.times = times
      for name, value in pairs(more or {}) do fault[name] = value end
      sim:fault(fault)
    end

    it("is asked on, and heard again once it says something else", function()
      local seen = {}
      answer(3, service.RUNNING, 10)
      answer(2, service.RUNNING, 20)
      answer(3, service.RUNNING, 10)
      answer(1, service.SUCCEEDED, 100)
      local status = assert(client:wait_until_done(id, {
        on_progress = function(status) seen[#seen + 1] = status.progress end,
      }))
      assert.same({ 10, 20, 10, 100 }, seen)
      assert.equal("succeeded", status.state)
      assert.equal(9, support.polls(sim, id))
    end)

    it("is not believed when the status of HTTP is another one", function()
      answer(2, service.RUNNING, 10)
      answer(1, service.RUNNING, 10, { http_status = 500 })
      local _, _, kind, detail = client:wait_until_done(id, { max_poll_errors = 0 })
      assert.same({ "protocol", 500, 3 }, { kind, detail.http_status, detail.attempts })
    end)

    it("is not believed when the reply breaks off", function()
      answer(2, service.RUNNING, 10)
      answer(1, service.RUNNING, 10, { truncate = #service.text(service.RUNNING, 10) - 1 })
      local _, _, kind = client:wait_until_done(id, { max_poll_errors = 0 })
      assert.equal("network", kind)
    end)

    it("goes on after failed polls with what it said before", function()
      answer(2, service.RUNNING, 10)
      sim:fault { times = 2, http_status = 500, body = "" }
      answer(2, service.RUNNING, 10)
      answer(1, service.FAILED, 10)
      local changes = 0
      local _, _, kind, detail = client:wait_until_done(id, {
        max_poll_errors = 2, on_progress = function() changes = changes + 1 end,
      })
      assert.same({ "failed", 7, 2 }, { kind, detail.attempts, changes })
    end)

    it("tells a single look all the same", function()
      answer(3, service.RUNNING, 10)
      for _ = 1, 3 do assert.equal(10, assert(client:get_status(id)).progress) end
    end)

    it("is known to have said it just now, which a task that stalls needs", function()
      answer(math.huge, service.RUNNING, 10)
      local _, _, kind, detail = client:wait_until_done(id, { stall_timeout = 0.1 })
      assert.equal("stalled", kind)
      assert.equal(10, detail.status.progress)
      assert.is_true(detail.attempts > 1)
    end)
  end)
end

describe("a reply that repeats the last one", function()
  after_each(support.finish)

  it("is not decoded", function()
    local sim = support.sim()
    local client = support.client(sim)
    local id = sim:task { duration = 60 }
    sim:fault { times = 5, data_json = '{"progress":10,"status":1}' }
    sim:fault { times = 1, data_json = '{"progress":100,"status":2}' }
    assert.equal(2, count_decoded(function() assert(client:wait_until_done(id)) end))
    assert.equal(6, support.polls(sim, id))
  end)

  it("leaves alone what else its task has told", function()
    local sim = support.sim()
    local node = support.node(sim)
    local id = sim:task { service = "node", duration = 60 }
    local reply = '<E:Envelope xmlns:E="e"><E:Body><r><return><status>TRANSFERRING</status>'
      .. '<progressPercent>1</progressPercent><type>T</type><additionalInfo>{"a":%d}'
      .. "</additionalInfo></return></r></E:Body></E:Envelope>"
    sim:fault { service = "node", times = 2, body = reply:format(1) }
    sim:fault { service = "node", times = math.huge, body = reply:format(2) }
    local _, _, kind, detail = node:wait_until_done(id, { timeout = 0.2 })
    assert.equal("timeout", kind)
    assert.same({ "T", 2 }, { detail.status.type, detail.status.info.a })
    assert.is_true(detail.attempts > 3)
  end)
end)
