-- SPDX-License-Identifier: MIT
local core = require "taskqueue.core"
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
    assert.equal("a=7&b=-1&c=0.1&d=123456789012345&e=1e%2B300&f=1000000000000000",
      encode { a = 7.0, b = -1, c = 0.1, d = 123456789012345, e = 1e300, f = 1e15 })
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
end)
