-- SPDX-License-Identifier: MIT
-- Whatever goes into an encoder comes out at a parser that was written apart from it. SEED=n in the
-- environment has a run again.
local core = require "taskqueue.core"
local form = require "taskqueue.sim.form"
local reader = require "taskqueue.sim.xml_reader"
local support = require "support"
local taskqueue = require "taskqueue"

local SEED = tonumber(os.getenv "SEED") or os.time() % 2 ^ 31
local random = math.random

-- Where two values differ first, or nil.
local function difference(expected, seen, path)
  if type(expected) ~= "table" or type(seen) ~= "table" then
    return expected ~= seen and ("%s: %q in place of %q"):format(path, tostring(seen),
      tostring(expected)) or nil
  end
  for key in pairs(seen) do
    if expected[key] == nil then return ("%s.%s: not expected"):format(path, tostring(key)) end
  end
  for key, item in pairs(expected) do
    local found = difference(item, seen[key], path .. "." .. tostring(key))
    if found then return found end
  end
end

-- Fails with the seed, so that the same input can be had again.
local function same(expected, seen)
  local found = difference(expected, seen, "")
  assert.is_nil(found, ("SEED=%d%s"):format(SEED, found or ""))
end

local function pick(list) return list[random(#list)] end

local function repeated(count, make)
  local list = {}
  for i = 1, count do list[i] = make() end
  return list
end

local function bytes()
  return table.concat(repeated(random(0, 12), function() return string.char(random(0, 255)) end))
end

-- Numbers and how they are written.
local NUMBERS = {
  [0] = "0", [7] = "7", [-1] = "-1", [0.1] = "0.1", [2 ^ 31] = "2147483648",
  [1e15] = "1000000000000000", [-2.5e-7] = "-2.5e-07", [2 ^ 53] = "9007199254740992",
  [123456789012345] = "123456789012345", [1 / 3] = "0.3333333333333333", [1e300] = "1e+300",
}
local NUMBER_KEYS = {}
for number in pairs(NUMBERS) do NUMBER_KEYS[#NUMBER_KEYS + 1] = number end

local function number()
  local value = pick(NUMBER_KEYS)
  return value, NUMBERS[value]
end

-- A leaf, and the text that it is sent as.
local function leaf(text, yes, no)
  local kind = random(5)
  if kind == 1 then return number() end
  if kind == 2 then
    local value = random(2) == 1
    return value, value and yes or no
  end
  local value = text()
  return value, value
end

describe("numbers", function()
  after_each(support.finish)

  it("are written with a point, whatever the locale says", function()
    local directory = support.directory()
    os.execute("localedef -i de_DE -f UTF-8 " .. directory .. "/de_DE.UTF-8")
    local script = support.file([[
      assert(os.setlocale("de_DE.UTF-8", "numeric"))
      local core = require "taskqueue.core"
      local values = { a = 12.5, b = 1e300, c = -2.5e-7, d = 7 }
      print(core.encode_form(values), core.encode_soap(values))
    ]])
    -- The C library keeps the path for good, which a sanitizer takes for a leak.
    local command = "ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 LOCPATH=%s %s %s 2>&1"
    local pipe = assert(io.popen(command:format(directory, arg[-1], script)))
    assert.equal("a=12.5&b=1e%2B300&c=-2.5e-07&d=7\t"
      .. "<a>12.5</a><b>1e+300</b><c>-2.5e-07</c><d>7</d>\n", pipe:read("*a"))
    pipe:close()
  end)
end)

describe("parameters of Mobizon", function()
  after_each(support.finish)

  -- A value, and what PHP makes of it: lists count from 0, empty tables and nulls are not there.
  local function value(depth)
    local kind = random(depth > 3 and 2 or 6)
    if kind <= 2 then return leaf(bytes, "1", "0") end
    if kind == 3 then return random(2) == 1 and core.null or {}, nil end
    local given, expected = {}, {}
    for i = 1, random(5) do
      local item, text = value(depth + 1)
      local key = kind == 4 and i or ("k%d"):format(random(99))
      given[key], expected[kind == 4 and i - 1 or key] = item, text
    end
    return given, next(expected) ~= nil and expected or nil
  end

  local function parameters()
    local given, expected = {}, {}
    for i = 1, random(4) do given["p" .. i], expected["p" .. i] = value(1) end
    return given, expected
  end

  it("come out of a form as they went in", function()
    math.randomseed(SEED)
    for _ = 1, 500 do
      local given, expected = parameters()
      same(expected, form.decode(core.encode_form(given)))
    end
  end)

  it("come out of the wire as they went in, beside a file too", function()
    math.randomseed(SEED)
    local sim = support.sim { keep_bodies = true }
    local client = support.client(sim)
    local content = bytes():rep(50)
    local file = taskqueue.file { path = support.file(content), name = "a" }
    for i = 1, 60 do
      local given, expected = parameters()
      if i % 2 == 0 then given.file = file end
      assert(client:call("report", "create", given))
      local entry = sim:clear_log()[1]
      local fields, files = form.decode_body(entry.body, entry.content_type)
      expected.apiKey = sim.api_key
      if i % 2 == 0 then same(content, files.file.content) end
      same(expected, fields)
    end
  end)
end)

describe("arguments of the node", function()
  local function utf8_of(code)
    local high, middle, low = math.floor(code / 4096), math.floor(code / 64), 0x80 + code % 64
    if code < 0x80 then return string.char(code) end
    if code < 0x800 then return string.char(0xC0 + middle, low) end
    if code < 0x10000 then return string.char(0xE0 + high, 0x80 + middle % 64, low) end
    return string.char(0xF0 + math.floor(high / 64), 0x80 + high % 64, 0x80 + middle % 64, low)
  end

  local function character()
    return utf8_of(pick {
      random(0x20, 0x7E), random(0x20, 0x7E), random(0x80, 0x7FF), random(0x800, 0xD7FF),
      random(0xE000, 0xFFFD), random(0x10000, 0x10FFFF), 9, 10, 13, 38, 60, 62, 34, 39, 93,
    })
  end

  local function text() return table.concat(repeated(random(0, 12), character)) end

  local function name() return ("n%s%d"):format(pick { "", "-", "_x.", "Y" }, random(99)) end

  local fields

  -- A value under a name; `out` gets the elements that it becomes.
  local function value(under, depth, out)
    local kind = random(depth > 3 and 2 or 6)
    if kind == 3 then return core.null end
    if kind == 4 then
      return repeated(random(1, 4), function() return (value(under, 4, out)) end)
    end
    local element = { name = under }
    local given
    if kind <= 2 then
      given, element.text = leaf(text, "true", "false")
    else
      given, element.children = fields(depth + 1, kind == 5)
    end
    out[#out + 1] = element
    return given
  end

  -- A table of fields, in the order of their names or, as pairs, in its own; and its elements.
  function fields(depth, as_pairs)
    local given, out, names = {}, {}, {}
    for _ = 1, random(4) do names[#names + 1] = name() end
    if not as_pairs then table.sort(names) end
    for i, under in ipairs(names) do
      if as_pairs then
        given[i] = { under, value(under, depth, out) }
      elseif given[under] == nil then
        given[under] = value(under, depth, out)
      end
    end
    return given, out
  end

  -- The elements that a parser found, in the same form.
  local function elements_of(parent)
    local out = {}
    for i, child in ipairs(parent.children) do
      local has_children = #child.children > 0
      out[i] = {
        name = child.name, text = not has_children and child.text or nil,
        children = has_children and elements_of(child) or nil,
      }
    end
    return out
  end

  -- An element without content is both an empty text and an empty table.
  local function settle(elements)
    for _, element in ipairs(elements) do
      if element.children and #element.children == 0 then
        element.children, element.text = nil, ""
      elseif element.children then
        settle(element.children)
      end
    end
    return elements
  end

  -- What the client's own decoder makes of the elements.
  local function as_table(elements)
    local out, counts = {}, {}
    for _, element in ipairs(elements) do
      local item = element.children and as_table(element.children) or element.text
      local count = (counts[element.name] or 0) + 1
      counts[element.name] = count
      if count == 1 then
        out[element.name] = item
      elseif count == 2 then
        out[element.name] = { out[element.name], item }
      else
        table.insert(out[element.name], item)
      end
    end
    return out
  end

  it("come out of two XML parsers as they went in", function()
    math.randomseed(SEED)
    for _ = 1, 500 do
      local given, elements = fields(1, random(2) == 1)
      settle(elements)
      local document = "<r>" .. core.encode_soap(given) .. "</r>"
      same(elements, elements_of(assert(reader.read(document))))
      if #elements > 0 then same(as_table(elements), core.decode_xml(document)) end
    end
  end)

  it("are refused when XML cannot carry them, and else carried", function()
    math.randomseed(SEED)
    local names = { ["<"] = "&lt;", [">"] = "&gt;", ["&"] = "&amp;" }
    for _ = 1, 2000 do
      local given = bytes()
      local ok, encoded = pcall(core.encode_soap, { a = given })
      same(reader.read("<a>" .. given:gsub("[<>&]", names) .. "</a>") ~= nil, ok)
      if ok then same(given, reader.read(encoded).text) end
    end
  end)
end)
