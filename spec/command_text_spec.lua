-- SPDX-License-Identifier: MIT
-- The parts of the program that make text, without a terminal.
local exit = require "taskqueue.command.exit"
local kind = require("taskqueue").kind
local parameters = require "taskqueue.command.parameters"
local row = require "taskqueue.command.row"
local text = require "taskqueue.command.text"

describe("the program's text", function()
  it("is cut in its middle or padded to exactly its width, by characters", function()
    assert.equal("abc  ", text.fit("abc", 5))
    assert.equal("abcde", text.fit("abcde", 5))
    assert.equal("ab..g", text.fit("abcdefg", 5))
    assert.equal("жы  ", text.fit("жы", 4))
    for width = 0, 40 do
      assert.equal(width, text.width(text.fit("задача-0123456789-abcdefgh", width)))
      assert.equal(width, text.width(text.fit("\255\128\191x", width)))
    end
  end)

  it("holds nothing that steers a terminal", function()
    assert.equal("a?b?c?d?", text.plain("a\27b\0c\127d\10"))
    assert.equal("a?b", text.plain("a\194\155b"))
    assert.equal("жы", text.plain("жы"))
  end)

  it("tells durations in at most four characters, and reads them", function()
    for seconds, words in pairs {
      [0] = "0s", [0.4] = "0s", [59.6] = "60s", [99] = "99s", [100] = "2m", [5900] = "98m",
      [6000] = "2h", [3600 * 47] = "47h", [3600 * 48] = "2d", [86400 * 2000] = "long",
    } do
      assert.equal(words, text.duration(seconds))
    end
    assert.equal("long", text.duration(math.huge))
    for words, seconds in pairs {
      ["90"] = 90, ["1.5s"] = 1.5, ["10m"] = 600, ["2h"] = 7200, ["1d"] = 86400, none = math.huge,
    } do
      assert.equal(seconds, text.seconds(words))
    end
    for _, words in ipairs { "", "m", "-1", "1e3", "nan", "0x10", "10 m", "1.2.3" } do
      assert.is_nil(text.seconds(words))
    end
  end)
end)

describe("a row", function()
  local function entry_of(status, fields)
    local entry = {
      label = "cnode:7W3A0N1N9I2E7N1TKLS54A9PTR", status = status,
      task = {
        remaining = function() return 86400 * 30 end, age = function() return 3600 * 40 end,
      },
    }
    for name, value in pairs(fields or {}) do entry[name] = value end
    return entry
  end

  it("leaves the last column free at any width from 36 on", function()
    local entries = {
      entry_of(nil), entry_of { state = "running", progress = 100 },
      entry_of({ state = "failed" }, { is_over = true, kind = "failed" }),
      entry_of(nil, { is_over = true, kind = kind.NOT_FOUND }),
    }
    for columns = 36, 220 do
      for _, id in ipairs { 1, 6, 26, 32, 300 } do
        local layout = row.layout(columns, id)
        assert.is_true(text.width(row.header(layout)) < columns)
        for _, entry in ipairs(entries) do
          assert.is_true(text.width(row.line(layout, entry, false)) < columns, columns)
        end
      end
    end
  end)

  it("has a bar of as much as is done", function()
    local layout = row.layout(80, 6)
    local function bar(progress)
      return row.line(layout, entry_of { state = "running", progress = progress }):match("%[(.-)%]")
    end
    assert.equal(("."):rep(layout.bar), bar(0))
    assert.equal(("."):rep(layout.bar), bar(nil))
    assert.equal(("#"):rep(layout.bar), bar(100))
    assert.equal(math.floor(layout.bar / 2), select(2, bar(50):gsub("#", "")))
  end)
end)

describe("the exit status", function()
  it("tells the worst of several outcomes", function()
    assert.equal(0, exit.of_all { 0, 0 })
    assert.equal(3, exit.of_all { 0, 3 })
    assert.equal(4, exit.of_all { 3, 4, 0 })
    assert.equal(5, exit.of_all { 4, 5 })
    assert.equal(1, exit.of_all { 3, 4, 5, 1, 0 })
  end)

  it("is there for every kind", function()
    for _, of in pairs(kind) do assert.is_true(exit.of(of) > 0) end
    assert.equal(0, exit.of(nil))
  end)
end)

describe("parameters", function()
  it("nest by brackets, and are lists by empty ones", function()
    assert.same({ id = "7", data = { name = "a=b", list = { "1", "2" } }, text = "" },
      parameters.read { "id=7", "data[name]=a=b", "data[list][]=1", "data[list][]=2", "text=" })
  end)

  it("are JSON after :=", function()
    assert.same({ a = { 1, true, "x" }, b = 3 }, parameters.read { 'a:=[1,true,"x"]', "b:=3" })
  end)

  it("come on top of those in a file", function()
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write('{"a":"1","b":"2"}')
    file:close()
    assert.same({ a = "1", b = "3" }, parameters.read({ "b=3" }, path))
    os.remove(path)
    assert.has_error(function() parameters.read({}, path) end)
  end)
end)
