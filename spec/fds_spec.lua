-- SPDX-License-Identifier: MIT
-- File descriptors that somebody watches by the engine, beside what it does itself.
local core = require "taskqueue.core"
local socket = require "socket"
local support = require "support"
local taskqueue = require "taskqueue"

local function connected_pair()
  local listener = assert(socket.bind("127.0.0.1", 0))
  local near = socket.tcp()
  assert(near:connect(listener:getsockname()))
  local far = assert(listener:accept())
  listener:close()
  return near, far
end

describe("the engine", function()
  local near, far, engine

  before_each(function()
    near, far = connected_pair()
    engine = core.engine()
  end)
  after_each(function()
    engine:unwatch_fd(near:getfd())
    near:close()
    far:close()
    support.finish()
  end)

  local function owner_of(reports)
    return { ready = function(self) reports[#reports + 1] = self end }
  end

  it("tells the owner of an fd once that it is ready", function()
    local reports = {}
    local owner = owner_of(reports)
    engine:watch_fd(near:getfd(), "r", owner)
    taskqueue.step(0)
    assert.same({}, reports)
    far:send("x")
    taskqueue.step(1)
    assert.equal(owner, reports[1])
    taskqueue.step(0)
    assert.equal(1, #reports)
    engine:watch_fd(near:getfd(), "w", owner)
    taskqueue.step(1)
    assert.equal(2, #reports)
  end)

  it("keeps the owner alive while it is watched, and no longer", function()
    local weak = setmetatable({}, { __mode = "v" })
    weak[1] = owner_of({})
    engine:watch_fd(near:getfd(), "r", weak[1])
    collectgarbage()
    assert.is_not_nil(weak[1])
    engine:unwatch_fd(near:getfd())
    collectgarbage()
    collectgarbage()
    assert.is_nil(weak[1])
    far:send("x")
    taskqueue.step(0)
  end)

  it("goes on with its waits meanwhile", function()
    local sim, reports = support.sim(), {}
    local client = support.client(sim)
    engine:watch_fd(near:getfd(), "r", owner_of(reports))
    far:send("x")
    assert(client:wait_until_done(sim:task { duration = 0.02 }))
    assert.equal(1, #reports)
  end)

  if core.is_pollable then
    it("has its own fd readable when one of them is", function()
      local reports = {}
      local function is_readable()
        local pollable = { getfd = function() return engine:pollfd() end, dirty = function() end }
        return socket.select({ pollable }, nil, 0.05)[1] ~= nil
      end
      assert.is_false(is_readable())
      engine:watch_fd(near:getfd(), "r", owner_of(reports))
      far:send("x")
      assert.is_true(is_readable())
      taskqueue.step(0)
      assert.equal(1, #reports)
    end)
  end

  it("raises for what cannot be watched", function()
    assert.has_error(function() engine:watch_fd(-1, "r", {}) end)
    assert.has_error(function() engine:watch_fd(near:getfd(), "x", {}) end)
    assert.has_error(function() engine:watch_fd(near:getfd(), "r") end)
  end)
end)
