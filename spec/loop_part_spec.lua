-- SPDX-License-Identifier: MIT
-- A loop that is not to be held up takes in what has finished in parts.
local core = require "taskqueue.core"
local socket = require "socket"
local support = require "support"
local taskqueue = require "taskqueue"

-- Without an fd there is no loop but the built-in one.
local describe_if = core.is_pollable and describe or function() end

describe_if("a step of a loop", function()
  local loop, engine, now_running, parked, woken, over

  -- Coroutines that run when the loop's engine wakes them, and not within a step.
  local function new_loop()
    return {
      name = "parts",
      current = function() return now_running end,
      park = function(token)
        parked[token] = true
        coroutine.yield()
      end,
      unpark = function(token)
        parked[token] = nil
        woken[#woken + 1] = token
      end,
      attach = function(given) engine = given end,
      detach = function() end,
    }
  end

  local function resume(co)
    now_running = co
    assert(coroutine.resume(co))
    now_running = nil
  end

  local function resume_woken()
    while #woken > 0 do resume(table.remove(woken, 1)) end
  end

  local function begin_six()
    for _ = 1, 6 do
      resume(coroutine.create(function()
        taskqueue.sleep(0.01)
        over = over + 1
      end))
    end
  end

  before_each(function()
    parked, woken, now_running, engine, over = {}, {}, nil, nil, 0
    loop = new_loop()
    taskqueue.use(loop)
  end)

  after_each(function()
    taskqueue.use "builtin"
    support.finish()
  end)

  it("takes in as much as it is told to, and says whether it is to be called again", function()
    begin_six()
    socket.sleep(0.05)
    local counts = {}
    repeat
      local is_more = engine.step(4)
      counts[#counts + 1] = #woken
      resume_woken()
    until not is_more
    assert.same({ 4, 2, 0 }, counts)
    assert.equal(6, over)
    assert.is_nil(next(parked))
  end)

  it("takes in all that there is when it is told nothing", function()
    begin_six()
    socket.sleep(0.05)
    assert.is_false(engine.step())
    resume_woken()
    assert.equal(6, over)
  end)
end)
