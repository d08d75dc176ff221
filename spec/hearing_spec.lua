-- SPDX-License-Identifier: MIT
-- Waits of a process that does not poll itself, and is told what another one was told.
local core = require "taskqueue.core"
local failure = require "taskqueue.failure"
local support = require "support"
local taskqueue = require "taskqueue"
local waiters = require "taskqueue.waiters"
local watch = require "taskqueue.watch"

-- What a service tells of a task in one process, as it crosses to another.
local function reading_of(client, id)
  local native
  local owner = { wake = function() end }
  owner.read = function(self) self.is_read = true end
  native = core.watch(client.native, client.lane, id, owner)
  native:tell("once")
  native:ask_first()
  while not owner.is_read do taskqueue.step(0.01) end
  local reading, more = native:reading()
  native:stop()
  return reading, more
end

-- Runs a wait that hears what `tell` says of its watch; gives what the wait gives.
local function wait_and_hear(client, id, options, tell)
  local result
  taskqueue.run(function()
    taskqueue.spawn(function()
      while not client.watches[id] do taskqueue.sleep(0) end
      tell(client.watches[id])
    end)
    result = { client:wait_until_done(id, options) }
  end)
  return result
end

for _, service in ipairs(support.services) do
  describe("a wait that hears from elsewhere, on " .. service.name, function()
    local sim, client

    before_each(function()
      sim = support.sim()
      client = service.client(sim)
      client.lane:set_fence(0)
    end)
    after_each(function()
      client.lane:set_fence(math.huge)
      support.finish()
    end)

    -- A second client, whose budget is another one.
    local function reading(task)
      return reading_of(service.client(sim, service.identity("other")), task)
    end

    it("ends as if it had polled, without a poll of its own", function()
      local id = service.task(sim, { duration = 0 })
      local told, more
      if service.name:find("Mobizon") then
        told = { state = "succeeded", code = "2", more = "0", progress = 100, level = 100 }
      else
        told, more = reading(id)
      end
      local before = support.polls(sim, id)
      local result = wait_and_hear(client, id, nil, function(self) self:hear(told, more, 0) end)
      assert.is_true(result[1].ok)
      assert.equal(service.SUCCEEDED, result[1].code)
      assert.equal(id, result[1].id)
      assert.equal(before, support.polls(sim, id))
    end)

    it("tells progress, and how old it is", function()
      local seen = {}
      local told = { state = "running", code = "1", more = "0", progress = 40, level = 40 }
      local result = wait_and_hear(client, "7", {
        timeout = 5, on_progress = function(status) seen[#seen + 1] = status.progress end,
      }, function(self)
        self:hear(told, { code = service.RUNNING }, 0)
        taskqueue.sleep(0)
        self:hear(told, { code = service.RUNNING }, 0)
        taskqueue.sleep(0)
        assert.is_true(client:task("7"):age() < 5)
        self:hear_failure(failure.new("auth", "task 7: no"))
      end)
      assert.same({ 40 }, seen)
      assert.equal("auth", result[3])
      assert.equal(3, result[4].attempts)
    end)

    it("survives as many failed polls in a row as it may", function()
      local told = { state = "running", code = "1", more = "0", progress = 1, level = 1 }
      local function fail(self)
        self:hear_failure(failure.new("network", "task 7: down", nil, true))
        taskqueue.sleep(0)
      end
      local result = wait_and_hear(client, "7", { max_poll_errors = 2 }, function(self)
        fail(self)
        fail(self)
        self:hear(told, { code = service.RUNNING }, 0)
        fail(self)
        fail(self)
        assert.equal(1, waiters.count(self))
        fail(self)
      end)
      assert.equal("network", result[3])
      assert.equal(6, result[4].attempts)
    end)

    it("takes 'not found' for the end of a task that was seen", function()
      local told = { state = "running", code = "1", more = "0", progress = 1, level = 1 }
      local gone = failure.new("not_found", "task 7: not found")
      local result = wait_and_hear(client, "7", nil, function(self)
        self:hear(told, { code = service.RUNNING }, 0)
        self:hear_failure(gone)
      end)
      assert.equal("expired", result[3])
      result = wait_and_hear(client, "8", nil, function(self) self:hear_failure(gone) end)
      assert.equal("not_found", result[3])
    end)

    it("is not told of what cannot be a reading", function()
      local native = core.watch(client.native, client.lane, "7", {})
      assert.is_nil(native:reading())
      local good = { state = "running", code = "1", more = "0", progress = 1, level = -1 }
      for name, values in pairs {
        state = { "ended", 1, false }, code = { "x", 1, "" }, more = { {}, "1 " },
        progress = { 101, -2, "1", 0 / 0 }, level = { false },
      } do
        for _, value in ipairs(values) do
          local bad = {}
          for field, of in pairs(good) do bad[field] = of end
          bad[name] = value
          local ok, message = pcall(native.hear_reading, native, bad, nil, 0)
          assert.is_false(ok)
          assert.is_truthy(message:find("'" .. name .. "'", 1, true), message)
        end
      end
      native:hear_reading(good, nil, 0)
      assert.same(good, (native:reading()))
    end)
  end)
end

describe("a lane that is fenced", function()
  after_each(support.finish)

  it("says so, and lets nothing out before its fence is moved", function()
    local sim = support.sim()
    local client = support.client(sim)
    local id = sim:task {}
    assert.is_nil(client.lane:stats().is_fenced)
    client.lane:set_fence(core.now() + 100)
    assert.is_false(client.lane:stats().is_fenced)
    client.lane:set_fence(core.now())
    assert.is_true(client.lane:stats().is_fenced)
    local _, message = client:wait_until_done(id, { timeout = 0.05 })
    assert.equal("timeout", message)
    assert.equal(0, support.polls(sim))
    client.lane:set_fence(math.huge)
    assert(client:wait_until_done(id))
  end)

  it("waits as long as it is told to hold", function()
    local sim = support.sim()
    local client = support.client(sim)
    client.lane:hold_until(core.now() + 0.2)
    local began = core.now()
    assert(client:wait_until_done(sim:task {}))
    assert.is_true(core.now() - began >= 0.2)
    assert.is_nil(watch.of(client:task("9")):reading())
    client.watches["9"] = nil
  end)
end)
