-- SPDX-License-Identifier: MIT
local form = require("taskqueue.sim.form")

describe("the simulator's form decoder", function()
  it("reads names and values", function()
    assert.same({ a = "1", b = "two" }, form.decode("a=1&b=two"))
  end)

  it("takes the last of two equal names", function()
    assert.same({ a = "2" }, form.decode("a=1&a=2"))
  end)

  it("gives an empty value to a name without one", function()
    assert.same({ a = "", b = "" }, form.decode("a&b="))
  end)

  it("gives nothing for nothing", function()
    assert.same({}, form.decode(""))
    assert.same({}, form.decode("&&"))
    assert.same({}, form.decode("=1"))
  end)

  it("decodes plus signs and percent signs, any byte included", function()
    assert.same({ ["a"] = "x y+z\0\255" }, form.decode("a=x+y%2Bz%00%ff"))
  end)

  it("leaves a percent sign that starts no escape", function()
    assert.same({ a = "100%", b = "%zz%4" }, form.decode("a=100%&b=%zz%4"))
  end)

  it("keeps an equals sign in a value", function()
    assert.same({ a = "b=c" }, form.decode("a=b=c"))
  end)

  it("counts lists from 0, as PHP does", function()
    assert.same({ ids = { [0] = "1", [1] = "2" } }, form.decode("ids[]=1&ids[]=2"))
    assert.same({ ids = { [0] = "1", [1] = "2" } }, form.decode("ids%5B0%5D=1&ids%5B1%5D=2"))
  end)

  it("goes on after the highest index", function()
    assert.same({ a = { [5] = "x", [6] = "y" } }, form.decode("a[5]=x&a[]=y"))
  end)

  it("nests bracketed names", function()
    assert.same(
      { r = { [0] = { recipient = "7", name = "Ann" }, [1] = { recipient = "8" } } },
      form.decode("r[0][recipient]=7&r[0][name]=Ann&r[1][recipient]=8"))
    assert.same({ a = { k = { [0] = { [0] = "x" } } } }, form.decode("a[k][][]=x"))
  end)

  it("takes only canonical decimal text for an integer key", function()
    assert.same({ a = { ["01"] = "x", [-3] = "y", ["1.5"] = "z" } },
      form.decode("a[01]=x&a[-3]=y&a[1.5]=z"))
  end)

  it("lets a table replace a scalar, and a scalar a table", function()
    assert.same({ a = { b = "2" } }, form.decode("a=1&a[b]=2"))
    assert.same({ a = "2" }, form.decode("a[b]=1&a=2"))
  end)

  it("writes dots, spaces and unclosed brackets of a name as underscores", function()
    assert.same({ a_b = "1", c_d = "2", e_f = "3" }, form.decode("a.b=1&c+d=2&e[f=3"))
  end)

  it("ignores what stands between and after brackets", function()
    assert.same({ a = { b = "1" } }, form.decode("a[b]tail=1"))
  end)

  it("drops a name that nests too deep", function()
    assert.same({ b = "1" }, form.decode("a" .. ("[x]"):rep(65) .. "=1&b=1"))
    assert.truthy(form.decode("a" .. ("[x]"):rep(64) .. "=1").a)
  end)

  it("raises for no prefix of a good form", function()
    local text = "a[b][]=1&c=%41+%2"
    for size = 0, #text do form.decode(text:sub(1, size)) end
  end)

  it("makes a Lua list of a decoded one", function()
    assert.same({ "a", "b" }, form.list({ [0] = "a", [7] = "b", word = "c" }))
    assert.same({ "a" }, form.list("a"))
    assert.same({}, form.list(nil))
  end)
end)

describe("the simulator's multipart decoder", function()
  local body = table.concat({
    "preamble",
    "--XX",
    'Content-Disposition: form-data; name="id"',
    "",
    "7",
    "--XX",
    'Content-Disposition: form-data; name="a[b][]"',
    "",
    "one\r\ntwo",
    "--XX",
    'content-disposition: form-data; name="recipientsFile"; filename="x \\"1\\".csv"',
    "Content-Type: text/csv",
    "",
    "7;Ann\r\n8;\0Bob\r\n",
    "--XX",
    'Content-Disposition: form-data; name="empty"; filename=""',
    "Content-Type: application/octet-stream",
    "",
    "",
    "--XX--",
    "epilogue",
  }, "\r\n")
  local content_type = 'multipart/form-data; boundary="XX"'

  it("reads values and files", function()
    local values, files = form.decode_body(body, content_type)
    assert.same({ id = "7", a = { b = { [0] = "one\r\ntwo" } } }, values)
    assert.same({
      recipientsFile = {
        name = 'x "1".csv',
        type = "text/csv",
        size = 15,
        content = "7;Ann\r\n8;\0Bob\r\n",
      },
    }, files)
  end)

  it("raises for no prefix of a good body", function()
    for size = 0, #body do form.decode_body(body:sub(1, size), content_type) end
  end)

  it("gives nothing for a body of another type or without a boundary", function()
    assert.same({ {}, {} }, { form.decode_body("a=1", "application/json") })
    assert.same({ {}, {} }, { form.decode_body("a=1", nil) })
    assert.same({ {}, {} }, { form.decode_body(body, "multipart/form-data") })
  end)
end)
