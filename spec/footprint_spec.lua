-- SPDX-License-Identifier: MIT
-- What waits take while they wait: there may be very many.
local support = require "support"
local taskqueue = require "taskqueue"
local testing = require "taskqueue.testing"

-- Little less than a power of two, as the tables grow that have a place for each.
local COUNT = 4000
local MOST = 1024

local function bytes()
  collectgarbage()
  collectgarbage()
  return collectgarbage "count" * 1024
end

-- Bytes of a coroutine that is suspended in a function.
local function bytes_of_bare(fn)
  local coroutines = {}
  for i = 1, COUNT do coroutines[i] = false end
  local before = bytes()
  for i = 1, COUNT do
    coroutines[i] = coroutine.create(function() fn(i) end)
    coroutine.resume(coroutines[i])
  end
  return (bytes() - before) / COUNT
end

describe("a coroutine that waits", function()
  local world, client

  before_each(function()
    world = testing.start { seed = 5 }
    client = world:mobizon { rate = 1 }
  end)

  after_each(function()
    world:stop()
    support.finish()
  end)

  local function bytes_beyond_bare(fn)
    local each
    taskqueue.run(function()
      local before = bytes()
      for i = 1, COUNT do
        taskqueue.spawn(function() fn(i) end)
      end
      taskqueue.sleep(1)
      each = (bytes() - before) / COUNT
      client:close()
    end)
    return each - bytes_of_bare(coroutine.yield)
  end

  it("takes at most a kilobyte more than any other, with a handle", function()
    local tasks = {}
    for i = 1, COUNT do tasks[i] = client:task(i) end
    local each = bytes_beyond_bare(function(i) tasks[i]:wait_until_done { timeout = 1e6 } end)
    assert.is_true(each > 0 and each <= MOST, ("%.0f bytes"):format(each))
  end)

  it("takes at most a kilobyte more than any other, with an id", function()
    local each = bytes_beyond_bare(function(i) client:wait_until_done(i, { timeout = 1e6 }) end)
    assert.is_true(each > 0 and each <= MOST, ("%.0f bytes"):format(each))
  end)

  it("takes no more when it has slept before and made its handle", function()
    local each = bytes_beyond_bare(function(i)
      taskqueue.sleep(0.5)
      client:task(i):wait_until_done { timeout = 1e6 }
    end)
    assert.is_true(each > 0 and each <= MOST, ("%.0f bytes"):format(each))
  end)
end)
