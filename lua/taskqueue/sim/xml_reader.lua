-- SPDX-License-Identifier: MIT
-- Reads a small XML document whole, as a tree. What is not well-formed is refused, and so are
-- document types, which SOAP forbids. Written apart from the client's code, as a check on it.
--
-- An element is a table: `name` (local), `uri` (its namespace, "" for none), `attributes` (values
-- by local name, or by "{uri}name" in a namespace), `children` (elements), `text` (all character
-- data right inside it).

local reader = {}

local MAX_DEPTH = 100
local XML = "http://www.w3.org/XML/1998/namespace"
local NAMED = { lt = "<", gt = ">", amp = "&", apos = "'", quot = '"' }

local NAME = "[A-Za-z_\128-\255][A-Za-z0-9_.\128-\255-]*"
local QUALIFIED = "^[A-Za-z0-9_.:\128-\255-]+"

local function fail(p, problem)
  error({ problem = ("%s, at byte %d"):format(problem, p.at) }, 0)
end

-- Moves past what an anchored pattern matches and gives its captures, or all of it; or nil.
local function take(p, pattern)
  local first, last, one, two = p.text:find(pattern, p.at)
  if not first then return nil end
  p.at = last + 1
  return one or p.text:sub(first, last), two
end

-- Moves past the next occurrence of `mark` and gives what is before it.
local function take_until(p, mark, what)
  local first, last = p.text:find(mark, p.at, true)
  if not first then fail(p, what .. " does not end") end
  local content = p.text:sub(p.at, first - 1)
  p.at = last + 1
  return content
end

-- ---- characters ----

local function is_character(code)
  return code == 9 or code == 10 or code == 13 or (code >= 32 and code < 0xD800)
    or (code >= 0xE000 and code < 0xFFFE) or (code >= 0x10000 and code < 0x110000)
end

local function tail(code, count)
  local bytes = {}
  for i = count, 1, -1 do
    bytes[i] = string.char(128 + code % 64)
    code = math.floor(code / 64)
  end
  return table.concat(bytes), code
end

local function utf8_of(code)
  if code < 0x80 then return string.char(code) end
  local count = code < 0x800 and 1 or code < 0x10000 and 2 or 3
  local rest, lead = tail(code, count)
  return string.char(({ 192, 224, 240 })[count] + lead) .. rest
end

-- A whole sequence of UTF-8, neither overlong nor a surrogate nor too large.
local SEQUENCES = {
  "^[\194-\223][\128-\191]",
  "^\224[\160-\191][\128-\191]",
  "^[\225-\236\238\239][\128-\191][\128-\191]",
  "^\237[\128-\159][\128-\191]",
  "^\240[\144-\191][\128-\191][\128-\191]",
  "^[\241-\243][\128-\191][\128-\191][\128-\191]",
  "^\244[\128-\143][\128-\191][\128-\191]",
}

local function end_of_sequence(text, at)
  for _, pattern in ipairs(SEQUENCES) do
    local _, last = text:find(pattern, at)
    if last then return last end
  end
end

local function check_characters(p)
  local forbidden = p.text:find("[%z\1-\8\11\12\14-\31]") or p.text:find("\239\191[\190\191]")
  if forbidden then
    p.at = forbidden
    fail(p, "a forbidden character")
  end
  local at = p.text:find("[\128-\255]")
  while at do
    local last = end_of_sequence(p.text, at)
    if not last then
      p.at = at
      fail(p, "not UTF-8")
    end
    at = p.text:find("[\128-\255]", last + 1)
  end
end

local function digits(text, base)
  text = text:gsub("^0+", "")
  return #text <= 7 and tonumber(text == "" and "0" or text, base) or nil
end

local function reference(p, body)
  if NAMED[body] then return NAMED[body] end
  local decimal, hex = body:match("^#(%d+)$"), body:match("^#x(%x+)$")
  local code = (decimal and digits(decimal, 10)) or (hex and digits(hex, 16))
  if not code or not is_character(code) then fail(p, "an unknown reference") end
  return utf8_of(code)
end

local function unescape(p, text)
  return (text:gsub("&([^;&]*)(;?)", function(body, semicolon)
    if semicolon == "" then fail(p, "a stray &") end
    return reference(p, body)
  end))
end

-- ---- names ----

local function split(p, qualified)
  local prefix, name = (qualified or ""):match("^(" .. NAME .. "):(" .. NAME .. ")$")
  if prefix then return prefix, name end
  name = (qualified or ""):match("^" .. NAME .. "$")
  if not name then fail(p, "not a name") end
  return nil, name
end

local function uri_of(p, scope, prefix)
  while scope do
    if scope.uris[prefix] then return scope.uris[prefix] end
    scope = scope.outer
  end
  fail(p, "the prefix '" .. prefix .. "' is not declared")
end

-- ---- tags ----

local function attribute(p, given)
  local prefix, name = split(p, take(p, QUALIFIED))
  local quote = take(p, "^%s*=%s*([\"'])")
  if not quote then fail(p, "an attribute without a quoted value") end
  local value = take_until(p, quote, "an attribute")
  if value:find("<", 1, true) then fail(p, "< in an attribute") end
  value = unescape(p, (value:gsub("[\t\n]", " ")))
  given[#given + 1] = { prefix = prefix, name = name, value = value }
end

-- Declarations go into the scope, all other attributes into a list.
local function declare(p, given, scope)
  local others = {}
  for _, item in ipairs(given) do
    if item.prefix == "xmlns" or (item.name == "xmlns" and not item.prefix) then
      local prefix = item.prefix and item.name or ""
      if scope.uris[prefix] then fail(p, "a prefix declared twice") end
      if prefix ~= "" and item.value == "" then fail(p, "a prefix for no namespace") end
      scope.uris[prefix] = item.value
    else
      others[#others + 1] = item
    end
  end
  return others
end

local function resolve(p, others, scope)
  local attributes = {}
  for _, item in ipairs(others) do
    local key = item.name
    if item.prefix then key = "{" .. uri_of(p, scope, item.prefix) .. "}" .. key end
    if attributes[key] then fail(p, "an attribute given twice") end
    attributes[key] = item.value
  end
  return attributes
end

local content

local function element(p, outer, depth)
  if depth > MAX_DEPTH then fail(p, "nested too deep") end
  local scope = { uris = {}, outer = outer }
  local qualified = take(p, QUALIFIED)
  local prefix, name = split(p, qualified)
  local given = {}
  while take(p, "^%s+") and not p.text:find("^/?>", p.at) do attribute(p, given) end
  local attributes = resolve(p, declare(p, given, scope), scope)
  local self = { name = name, uri = uri_of(p, scope, prefix or ""), attributes = attributes }
  self.children, self.text = {}, ""
  local close = take(p, "^/?>")
  if not close then fail(p, "a tag that does not end") end
  if close == ">" then content(p, self, scope, depth, qualified) end
  return self
end

local function comment(p)
  take_until(p, "--", "a comment")
  if not take(p, "^>") then fail(p, "-- in a comment") end
end

local function instruction(p)
  local target = take(p, "^" .. NAME)
  if not target or target:lower() == "xml" then fail(p, "a misplaced <?") end
  take_until(p, "?>", "an instruction")
end

local function characters(p, text)
  if text:find("]]>", 1, true) then fail(p, "]]> in text") end
  return unescape(p, text)
end

-- From behind a start tag to behind its end tag.
function content(p, self, scope, depth, qualified)
  local parts = {}
  while true do
    parts[#parts + 1] = characters(p, take(p, "^[^<]*"))
    if take(p, "^</") then break end
    if take(p, "^<!%-%-") then
      comment(p)
    elseif take(p, "^<!%[CDATA%[") then
      parts[#parts + 1] = take_until(p, "]]>", "a CDATA section")
    elseif take(p, "^<%?") then
      instruction(p)
    elseif take(p, "^<") then
      self.children[#self.children + 1] = element(p, scope, depth + 1)
    else
      fail(p, "an element that does not end")
    end
  end
  if take(p, QUALIFIED) ~= qualified or not take(p, "^%s*>") then fail(p, "a wrong end tag") end
  self.text = table.concat(parts)
end

-- ---- the document ----

local function declaration(p)
  if not take(p, "^<%?xml%f[%s]") then return end
  local text = " " .. take_until(p, "?>", "the declaration")
  local rest = text:match("^%s+version%s*=%s*\"1%.%d+\"(.*)$")
    or text:match("^%s+version%s*=%s*'1%.%d+'(.*)$")
  if not rest then fail(p, "a wrong declaration") end
  local _, encoding, after = rest:match("^%s+encoding%s*=%s*([\"'])([%w._-]+)%1(.*)$")
  if encoding and encoding:lower() ~= "utf-8" and encoding:lower() ~= "us-ascii" then
    fail(p, "another encoding than UTF-8")
  end
  rest = encoding and after or rest
  if not rest:find("^%s*$") and not rest:find("^%s+standalone%s*=%s*[\"'][yesno]+[\"']%s*$") then
    fail(p, "a wrong declaration")
  end
end

local function miscellany(p)
  while true do
    take(p, "^%s+")
    if take(p, "^<!%-%-") then
      comment(p)
    elseif take(p, "^<%?") then
      instruction(p)
    else
      return
    end
  end
end

local function document(p)
  p.text = p.text:gsub("^\239\187\191", ""):gsub("\r\n?", "\n")
  check_characters(p)
  declaration(p)
  miscellany(p)
  if not take(p, "^<%f[^!<]") then fail(p, "no element, or a document type") end
  local root = element(p, { uris = { [""] = "", xml = XML } }, 1)
  miscellany(p)
  if p.at <= #p.text then fail(p, "something after the end") end
  return root
end

--- Reads a document.
-- @tparam string text UTF-8
-- @treturn[1] table its root element
-- @treturn[2] nil when it is not well-formed
-- @treturn[2] string why not, and where
function reader.read(text)
  local is_good, result = pcall(document, { text = text, at = 1 })
  if is_good then return result end
  if type(result) ~= "table" then error(result, 0) end
  return nil, result.problem
end

return reader
