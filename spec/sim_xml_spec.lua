-- SPDX-License-Identifier: MIT
local json = require("cjson")
local xml = require("taskqueue.sim.xml")

describe("the simulator's XML", function()
  it("writes tables as elements, in the order of their names", function()
    assert.equal("<data><a>1</a><b>x</b></data>", xml.element("data", { b = "x", a = 1 }))
  end)

  it("writes lists as items", function()
    assert.equal("<data><item>1</item><item><a>2</a></item></data>",
      xml.element("data", { 1, { a = 2 } }))
  end)

  it("writes empty elements for what is empty", function()
    for _, value in ipairs { "", {}, json.null } do
      assert.equal("<data/>", xml.element("data", value))
    end
    assert.equal("<data/>", xml.element("data", nil))
  end)

  it("writes whole numbers without a point", function()
    assert.equal("<n>100001</n>", xml.element("n", 100001.0))
    assert.equal("<n>0.5</n>", xml.element("n", 0.5))
    assert.equal("<n>true</n>", xml.element("n", true))
  end)

  it("escapes text and drops what XML cannot hold", function()
    assert.equal("<t>&lt;a&gt; &amp; &quot;b&quot;?</t>", xml.element("t", '<a> & "b"\1'))
  end)

  it("keeps a key that is no XML name in an attribute", function()
    assert.equal('<d><item key="7 &lt;">x</item></d>', xml.element("d", { ["7 <"] = "x" }))
  end)
end)
