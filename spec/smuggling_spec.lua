-- SPDX-License-Identifier: MIT
-- What a caller passes stays in its place on the wire, whatever it holds.
local support = require "support"
local taskqueue = require "taskqueue"

describe("a request", function()
  local HOSTILE = {
    'a"; filename="x', "a\r\nX-Evil: 1", "a\r\n\r\n--", "a\nb", "a\0b", "a&id=2#?%00", "a[b]c",
    "'<>&\"", "]]>", "<!--", "\226\128\168", "%0d%0aX-Evil: 1", "=", ";", "../..", "${x}", "\127",
  }
  local sim, client

  before_each(function()
    sim = support.sim { keep_bodies = true }
    client = support.client(sim)
  end)

  after_each(support.finish)

  it("lets nothing out of the place where a parameter goes", function()
    for _, text in ipairs(HOSTILE) do
      assert(client:call("report", "create", { x = text, ["n" .. text] = "1" }))
    end
    assert.equal(#HOSTILE, #sim:log())
    for i, entry in ipairs(sim:log()) do
      local fields = require("taskqueue.sim.form").decode(entry.body)
      assert.equal(HOSTILE[i], fields.x)
      assert.is_nil(entry.body:find("[%c\"<>; ]"))
      assert.equal("output=json&api=v1", entry.query)
    end
  end)

  it("lets nothing out of the part of a file", function()
    local path = support.file("content")
    for _, text in ipairs(HOSTILE) do
      local has_control = text:find("[%z\1-\31\127]")
      local made, file = pcall(taskqueue.file, { path = path, name = text })
      assert.equal(not has_control, made)
      assert.equal(not has_control, (pcall(taskqueue.file, { path = path, type = text })))
      if made then
        assert(client:call("report", "create", { file = file, x = text }))
        local entry = table.remove(sim:clear_log())
        local _, parts = entry.body:gsub("Content%-Disposition: form%-data; name=", "")
        assert.equal(3, parts)
        assert.is_nil(entry.body:find("\nX-Evil", 1, true))
      end
    end
  end)

  it("refuses a name with a line end or a NUL beside a file", function()
    local file = taskqueue.file { path = support.file("content") }
    for _, bytes in ipairs { "\0", "\r\nX-Evil: 1", "\n" } do
      local ok, message = pcall(client.call, client, "report", "create", {
        f = file, ["a" .. bytes] = 1,
      })
      local body = ok and sim:log()[1].body or ""
      assert.is_nil(body:find("\nX-Evil", 1, true), message)
      assert.is_true(bytes ~= "\0" or not ok)
    end
  end)

  it("takes no module, method or operation that is more than a name", function()
    local node = support.node(sim)
    for _, name in ipairs {
      "", "a b", "a/b", "../x", "a?b", "a#b", "a\r\nX-Evil: 1", "a\0b", "a>", "a\n", "\208\150",
      "1a", 7, "a%2f", "a&b", "a:b", {},
    } do
      assert.has_error(function() client:call(name, "create") end)
      assert.has_error(function() client:call("report", name) end)
      assert.has_error(function() node:call(name) end)
    end
    assert.equal(0, sim:connections())
  end)

  it("carries an id as it is, whatever it holds, and refuses what no id holds", function()
    local node = support.node(sim)
    for _, text in ipairs(HOSTILE) do
      if text:find("[%z\1-\31\127]") then
        assert.has_error(function() client:get_status(text) end)
        assert.has_error(function() node:get_status(text) end)
        assert.has_error(function() node:get_status("1", { uniqueTransferId = text }) end)
      else
        client:get_status(text)
        node:get_status(text, { uniqueTransferId = text })
        local log = sim:clear_log()
        assert.same({ text, text }, { log[1].id, log[2].id })
        assert.is_nil(log[1].body:find("[%c\"<>; ]"))
      end
    end
  end)
end)
