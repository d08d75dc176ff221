-- SPDX-License-Identifier: MIT
local core = require "taskqueue.core"
local decode = require("taskqueue.sim.form").decode
local encode = core.encode_form

describe("a form", function()
  it("nests as PHP does, with the brackets percent-encoded", function()
    assert.equal("criteria%5Bfrom%5D=A", encode { criteria = { from = "A" } })
    assert.equal("ids%5B0%5D=1&ids%5B1%5D=2", encode { ids = { 1, 2 } })
    assert.equal("recipients%5B0%5D%5Bname%5D=Ann&recipients%5B0%5D%5Brecipient%5D=7",
      encode { recipients = { { recipient = "7", name = "Ann" } } })
  end)

  it("encodes everything but letters, digits, - _ and .", function()
    assert.equal("a=A-Za-z0-9-_.", encode { a = "A-Za-z0-9-_." })
    assert.equal("a=+%26%3D%2B%25%7E%2A%00%0D%0A", encode { a = " &=+%~*\0\r\n" })
    assert.equal("a=%D0%96", encode { a = "\208\150" })
  end)

  it("writes numbers as a person would", function()
    assert.equal("a=7&b=-1&c=0.1&d=123456789012345&e=1e%2B300",
      encode { a = 7.0, b = -1, c = 0.1, d = 123456789012345, e = 1e300 })
  end)

  it("writes booleans as 1 and 0", function()
    assert.equal("a=1&b=0", encode { a = true, b = false })
  end)

  it("leaves null and empty tables out", function()
    assert.equal("c=1", encode { a = core.null, b = {}, c = 1 })
    assert.equal("", encode {})
  end)

  it("has the same order each time", function()
    assert.equal("10=a&2=b&a=1&b=2", encode { b = 2, a = 1, [2] = "b", [10] = "a" })
  end)

  it("names the parameter that cannot be sent", function()
    local function error_of(parameters)
      local ok, message = pcall(encode, parameters)
      assert.is_false(ok)
      return message
    end
    assert.equal("a[b][1]: a function cannot be sent", error_of { a = { b = { 1, print } } })
    assert.equal("a: not a finite number", error_of { a = 0 / 0 })
    assert.equal("a: a userdata cannot be sent", error_of { a = io.stdout })
    assert.matches("a key that is neither a string nor a number", error_of { a = { [true] = 1 } })
    local cycle = {}
    cycle.a = cycle
    assert.matches("nested too deep, or a table within itself", error_of(cycle))
    assert.matches("the name is too long", error_of { [("x"):rep(5000)] = 1 })
  end)

  it("comes out at an independent decoder as it went in", function()
    math.randomseed(7)
    local function text()
      local bytes = {}
      for i = 1, math.random(0, 8) do bytes[i] = string.char(math.random(0, 255)) end
      return table.concat(bytes)
    end
    local function value(depth)
      local pick = math.random(depth > 2 and 1 or 3)
      if pick == 1 then return text() end
      local result = {}
      for i = 1, math.random(1, 4) do
        if pick == 2 then
          result[i] = value(depth + 1)
        else
          result["k" .. math.random(1000)] = value(depth + 1)
        end
      end
      return result
    end
    -- The decoder counts lists from 0, as PHP does.
    local function with_text_keys(item, first)
      if type(item) ~= "table" then return item end
      local result = {}
      for key, inner in pairs(item) do
        if type(key) == "number" then key = ("%d"):format(key - first) end
        result[key] = with_text_keys(inner, first)
      end
      return result
    end
    for _ = 1, 300 do
      local parameters = { field = value(1) }
      assert.same(with_text_keys(parameters, 1), with_text_keys(decode(encode(parameters)), 0))
    end
  end)
end)
