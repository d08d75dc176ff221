-- SPDX-License-Identifier: MIT
local taskqueue = require "taskqueue"

describe("constants", function()
  it("have the values of the services", function()
    assert.equal(0, taskqueue.mobizon.status.WAITING)
    assert.equal(1, taskqueue.mobizon.status.IN_PROGRESS)
    assert.equal(2, taskqueue.mobizon.status.COMPLETED)
    assert.equal(3, taskqueue.mobizon.status.REJECTED)
    assert.equal(0, taskqueue.mobizon.code.OK)
    assert.equal(2, taskqueue.mobizon.code.NOT_FOUND)
    assert.equal(100, taskqueue.mobizon.code.BACKGROUND)
    assert.equal("pending", taskqueue.state.PENDING)
    assert.equal("timeout", taskqueue.kind.TIMEOUT)
  end)

  it("raise at the caller's line when the name is unknown", function()
    local ok, message = pcall(function() return taskqueue.kind.TIMOUT end)
    assert.is_false(ok)
    assert.matches("^spec/strict_spec.lua:%d+: taskqueue.kind has no constant 'TIMOUT'$", message)
  end)

  it("cannot be added to", function()
    local ok, message = pcall(function() taskqueue.mobizon.status.LOST = 4 end)
    assert.is_false(ok)
    assert.matches("'LOST' cannot be set", message)
  end)

  it("name each kind of failure once", function()
    local count, seen = 0, {}
    for name, kind in pairs(taskqueue.kind) do
      assert.equal(name:lower(), kind)
      assert.is_nil(seen[kind])
      seen[kind], count = true, count + 1
    end
    assert.equal(14, count)
  end)

  it("have names for the task statuses", function()
    assert.equal("COMPLETED", taskqueue.mobizon.status_name(2))
    assert.is_nil(taskqueue.mobizon.status_name(7))
  end)
end)
