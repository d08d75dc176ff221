-- SPDX-License-Identifier: MIT
-- Choosing a loop, and what each loop does in a process of its own.
local core = require "taskqueue.core"
local loops = require "loops"
local support = require "support"
local taskqueue = require "taskqueue"

local KNOWN = "the known ones are builtin, copas, cqueues, luv, openresty, "
  .. "and a table of functions is one"

-- Runs a script in a process of its own.
local function run(script)
  return support.shell(support.interpreter() .. " " .. support.file(script))
end

describe("taskqueue.use", function()
  after_each(function()
    taskqueue.use "builtin"
    support.finish()
  end)

  local function complaint(...)
    local ok, message = pcall(function(...) taskqueue.use(...) end, ...)
    assert.is_false(ok)
    return (message:gsub("^spec/use_spec.lua:%d+: ", "at the caller: "))
  end

  it("names the known loops when there is no such one", function()
    assert.equal('at the caller: taskqueue.use: unknown loop "glib"; ' .. KNOWN, complaint "glib")
    assert.equal('at the caller: taskqueue.use: unknown loop "init"; ' .. KNOWN, complaint "init")
  end)

  it("takes nothing but a name or a table", function()
    local text = "at the caller: taskqueue.use: " ..
      "the argument must be the name of a loop or a table of functions"
    assert.equal(text, complaint())
    assert.equal(text, complaint(7))
  end)

  it("names the function that a table lacks", function()
    assert.equal("at the caller: taskqueue.use: a loop needs a function 'park'",
      complaint { current = print, unpark = print, attach = print, detach = print })
  end)

  it("tells when the loop's own library is not there", function()
    local ours, theirs = package.loaded["taskqueue.loop.luv"], package.loaded.luv
    package.loaded["taskqueue.loop.luv"], package.loaded.luv = nil, nil
    package.preload.luv = function() error("no luv here\nand a second line", 0) end
    local message = complaint "luv"
    package.preload.luv = nil
    package.loaded["taskqueue.loop.luv"], package.loaded.luv = ours, theirs
    assert.equal('at the caller: taskqueue.use: cannot load the loop "luv": no luv here', message)
  end)

  it("stays with what it was after a complaint", function()
    complaint "glib"
    assert.equal(7, taskqueue.run(function()
      taskqueue.sleep(0.001)
      return 7
    end))
  end)

  it("tells when the build has nothing that a loop could watch", function()
    local is_pollable = core.is_pollable
    core.is_pollable = false
    local message = complaint { current = print, park = print, unpark = print, attach = print,
      detach = print }
    core.is_pollable = is_pollable
    assert.equal("at the caller: taskqueue.use: this build has no pollfd (it was made with " ..
      "POLLER=multi), so that only the built-in loop can drive it", message)
  end)

  it("loads no loop's library before it is asked for", function()
    local output, status = run [[
      require "taskqueue"
      for _, name in ipairs { "luv", "cqueues", "copas", "socket" } do
        if package.loaded[name] then print(name) end
      end]]
    assert.equal("", output)
    assert.equal(0, status)
  end)
end)

describe("luv", function()
  local luv = loops.list[2]

  after_each(function()
    taskqueue.use "builtin"
    support.finish()
  end)

  if luv.is_here and core.is_pollable then
    if coroutine.close then
      it("is not kept alive by a coroutine that was closed while it slept", function()
        taskqueue.use "luv"
        local loop, woke = luv.new(), nil
        local co = coroutine.create(function()
          taskqueue.sleep(0.001)
          woke = true
        end)
        assert(coroutine.resume(co))
        assert(coroutine.close(co))
        loop.run()
        assert.is_nil(woke)
        assert.is_nil(loop.left())
      end)
    end

    it("handles an error in a coroutine that waited, which ends the program", function()
      local output, status = run([[
        local taskqueue = require "taskqueue"
        local uv = require "luv"
        taskqueue.use "luv"
        coroutine.wrap(function()
          taskqueue.sleep(0.001)
          local function deep() error("boom") end
          deep()
        end)()
        uv.run()
        print "went on"]])
      assert.matches("Uncaught Error.*: boom\nstack traceback:.*deep", output)
      assert.not_matches("went on", output)
      assert.equal(255, status)
    end)
  end
end)

describe("a program that ends with waits in progress", function()
  local sim

  before_each(function() sim = support.sim() end)
  after_each(support.finish)

  for _, kind in ipairs(loops.list) do
    if kind.is_here and kind.use and (core.is_pollable or kind.use == "builtin") then
      it("ends well in " .. kind.name, function()
        local output, status = run(([[
          package.path = "./spec/?.lua;" .. package.path
          local taskqueue = require "taskqueue"
          for _, kind in ipairs(require("loops").list) do
            if kind.use == %q then loop = kind.new() end
          end
          taskqueue.use %q
          local client = taskqueue.mobizon.new { url = %q, api_key = %q, rate = 200 }
          loop.spawn(function() client:wait_until_done(%q) end)
          loop.spawn(function()
            taskqueue.sleep(0.01)
            loop.stop()
          end)
          loop.run()
          print "over"]]):format(kind.use, kind.use, sim.url, sim.api_key,
            sim:task { outcome = "stuck" }))
        assert.equal("over\n", output)
        assert.equal(0, status)
      end)
    end
  end
end)
