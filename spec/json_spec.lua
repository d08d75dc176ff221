-- SPDX-License-Identifier: MIT
local core = require "taskqueue.core"
local decode = core.decode_json

describe("JSON", function()
  it("is decoded with null in its place", function()
    assert.same({ 1, core.null, "a" }, decode('[1,null,"a"]'))
    assert.equal(core.null, decode("null"))
    assert.is_false(decode("false"))
  end)

  it("keeps every digit of a long integer, as text", function()
    assert.equal("9007199254740993", decode("9007199254740993"))
    assert.same({ id = "-123456789012345678901" }, decode('{"id":-123456789012345678901}'))
    assert.equal(123456789012345, decode("123456789012345"))
  end)

  it("leaves digits in strings alone", function()
    assert.same({ ['a"1234567890123456'] = "12345678901234567" },
      decode([[{"a\"1234567890123456":"12345678901234567"}]]))
  end)

  it("gives whole numbers without a fraction on every Lua", function()
    assert.equal("2", tostring(decode("2")))
    assert.equal("2", tostring(decode('{"a":[2.0]}').a[1]))
    assert.equal(0.5, decode("0.5"))
  end)

  it("says why a text is none", function()
    for _, bad in ipairs {
      "", "{", "[1,]", "nan", "0x10", "01", '"\\ud800"', "1 2", "\239\187\191{}",
    } do
      local value, why = decode(bad)
      assert.is_nil(value)
      assert.equal("string", type(why))
    end
  end)

  it("is refused when it is nested too deep", function()
    local value, why = decode(("["):rep(1e6))
    assert.is_nil(value)
    assert.matches("too many nested", why)
    assert.equal("table", type(decode(("["):rep(128) .. ("]"):rep(128))))
  end)

  it("fails at every truncation of a reply, and never otherwise", function()
    local text = '{"code":0,"data":{"progress":"40","x":[true,null,-1.5e3]},"message":"\\u00e9"}'
    for length = 0, #text - 1 do
      local value, why = decode(text:sub(1, length))
      assert.is_nil(value)
      assert.is_string(why)
    end
    assert.equal(-1500, decode(text).data.x[3])
  end)

  it("is not disturbed by the program's own settings, nor disturbs them", function()
    local cjson = require "cjson"
    cjson.decode_max_depth(2)
    assert.equal("table", type(decode("[[[[1]]]]")))
    assert.is_false((pcall(cjson.decode, "[[[[1]]]]")))
    cjson.decode_max_depth(1000)
  end)
end)
