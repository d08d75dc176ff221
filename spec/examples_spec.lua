-- SPDX-License-Identifier: MIT
-- The examples run, wherever the loop that they are for is there. The demo has `make demo`.
local core = require "taskqueue.core"
local support = require "support"

local function is_here(module)
  return core.is_pollable and (pcall(require, module))
end

local function output_of(example)
  local output, status = support.shell(("timeout 60 %s examples/%s.lua"):format(
    support.interpreter(), example))
  assert.equal(0, status, output)
  return output
end

local function lines_of(text)
  local lines = {}
  for line in text:gmatch("[^\n]+") do lines[#lines + 1] = line end
  table.sort(lines)
  return lines
end

describe("the examples", function()
  if is_here "http.server" then
    it("wait in the handlers of a web server by lua-http", function()
      assert.same({ "1\tsucceeded", "2\tsucceeded", "3\tsucceeded" },
        lines_of(output_of "lua_http"))
    end)
  end

  if is_here "copas" then
    it("wait beside timers of copas", function()
      local output, ticks = output_of("copas_timers"):gsub("tick\n", "")
      assert.same({ "1\tsucceeded", "2\tsucceeded", "3\tsucceeded" }, lines_of(output))
      assert.is_true(ticks > 1)
    end)
  end

  it("of a loop have at most 40 lines", function()
    for _, name in ipairs { "lua_http", "copas_timers" } do
      local count = 0
      for _ in io.lines("examples/" .. name .. ".lua") do count = count + 1 end
      assert.is_true(count <= 40, name)
    end
  end)
end)
