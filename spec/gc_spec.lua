-- SPDX-License-Identifier: MIT
-- Finalizers run whenever they like, also while a reply is being read.
local support = require "support"
local taskqueue = require "taskqueue"

local function finalize(fn)
  if not newproxy then return setmetatable({}, { __gc = fn }) end
  local proxy = newproxy(true)
  getmetatable(proxy).__gc = fn
  return proxy
end

local function big_status()
  local fields = {}
  for i = 1, 50 do fields[i] = ('"k%d":{"a":"%s"}'):format(i, ("v"):rep(i)) end
  return '{"status":1,"progress":1,' .. table.concat(fields, ",") .. "}"
end

describe("a collection of garbage", function()
  local sim

  before_each(function() sim = support.sim() end)
  after_each(function()
    collectgarbage("restart")
    support.finish()
  end)

  it("may end waits while their replies are read", function()
    local client = support.client(sim, { rate = 1e6 })
    for _ = 1, 40 do
      local fast, slow = sim:task { duration = 0.001 }, sim:task { duration = 300 }
      sim:fault { id = slow, times = math.huge, data_json = big_status() }
      taskqueue.run(function()
        local ended = 0
        local next_ended = taskqueue.as_completed({ client:task(fast), client:task(slow) },
          { interval = 0.0001 })
        if next_ended() then ended = ended + 1 end
        assert.equal(1, ended)
        next_ended = nil -- luacheck: ignore
        taskqueue.sleep(0.01)
      end)
      sim:clear_faults()
    end
  end)

  it("may close a client just when a wait or a look begins", function()
    local core = require "taskqueue.core"
    local real = core.watch
    for _, method in ipairs { "wait_until_done", "get_status" } do
      local client = support.client(sim)
      core.watch = function(...)
        local native = real(...)
        client:close()
        return native
      end
      local _, message, kind, detail = client[method](client, "1")
      core.watch = real
      assert.same({ "closed", 0 }, { kind, detail.attempts })
      assert.equal("task 1: the client is closed", message)
    end
  end)

  -- Calls a function with a client that a finalizer closes somewhere, each time somewhere else.
  local function with_closing(fn)
    local pause = collectgarbage("setpause", 0)
    for i = 1, 300 do
      local client = support.client(sim, { rate = 1e6 })
      finalize(function() client:close() end)
      local last
      for _ = 1, i % 97 do last = { last } end
      fn(client)
      client:close()
    end
    collectgarbage("setpause", pause)
  end

  it("may close a client just when a call begins", function()
    with_closing(function(client)
      local task, message, kind = client:call("report", "create")
      assert.is_true(task ~= nil or kind == "closed", message)
    end)
  end)

  it("may close a client just when waits for many tasks begin or end", function()
    local id = sim:task { duration = 0 }
    with_closing(function(client)
      local tasks = { client:task(id), client:task "1", client:task "2" }
      local results = taskqueue.wait_all(tasks, { timeout = 1 })
      assert.equal(3, #results)
      for i, result in ipairs(results) do
        assert.equal(tasks[i], result.task)
        assert.is_true(result.kind == "closed" or (result.kind == nil) == (i == 1), result.message)
      end
    end)
  end)

  it("may close a client while its replies are read and its requests are written", function()
    local many = {}
    for i = 1, 2000 do many[i] = { name = "n" .. i, value = i } end
    for _ = 1, 40 do
      local client = support.client(sim, { rate = 1e6 })
      local id = sim:task { duration = 300 }
      sim:fault { id = id, times = math.huge, data_json = big_status() }
      finalize(function() client:close() end)
      local _, _, kind = client:wait_until_done(id, { timeout = 0.01, interval = 0.0001 })
      assert.is_true(kind == "closed" or kind == "timeout", kind)
      finalize(function() client:close() end)
      pcall(client.call, client, "report", "create", { list = many })
      sim:clear_faults()
    end
  end)
end)
