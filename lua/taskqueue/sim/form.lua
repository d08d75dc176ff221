-- SPDX-License-Identifier: MIT
-- Decodes forms as PHP does: application/x-www-form-urlencoded and multipart/form-data, with
-- bracketed names nested into tables. Keys stay PHP's, so lists count from 0; `form.list` makes a
-- Lua list of one. Written apart from the client's encoder, as a check on it.

local form = {}

local MAX_DEPTH = 64

local function unescape(text)
  text = text:gsub("+", " ")
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

-- PHP's rule: canonical decimal text is an integer key.
local function key_of(text)
  if text == "0" or (text:find("^-?[1-9]%d*$") and #text <= 15) then
    return math.floor(tonumber(text))
  end
  return text
end

local function next_index(list)
  local index = 0
  for key in pairs(list) do
    if type(key) == "number" and key >= index then index = key + 1 end
  end
  return index
end

-- "a[b][]" gives "a", { "b", "" }. Spaces and dots of the first part become underscores; so does a
-- bracket that opens and never closes.
local function split_name(name)
  name = name:gsub("^ +", "")
  local base, rest = name:match("^([^%[]+)(%[.*)$")
  if not base or not rest:find("]", 1, true) then
    return (name:gsub("[ .%[]", "_")), {}
  end
  local keys = {}
  while true do
    local key, after = rest:match("^%[([^%]]*)%](.*)$")
    if not key then break end
    keys[#keys + 1] = key
    rest = after
  end
  return (base:gsub("[ .]", "_")), keys
end

local function child_of(parent, key)
  if type(parent[key]) ~= "table" then parent[key] = {} end
  return parent[key]
end

--- Puts a value where a bracketed name says.
-- @tparam table into
-- @tparam string name such as `recipients[0][name]`
-- @param value
function form.assign(into, name, value)
  local base, keys = split_name(name)
  if base == "" or #keys > MAX_DEPTH then return end
  local parent, key = into, key_of(base)
  for _, text in ipairs(keys) do
    parent = child_of(parent, key)
    key = text == "" and next_index(parent) or key_of(text)
  end
  parent[key] = value
end

--- Decodes `application/x-www-form-urlencoded` text, such as a query.
-- @tparam string text
-- @tparam ?table into a table to add to
-- @treturn table values by name: strings, and tables for bracketed names
function form.decode(text, into)
  into = into or {}
  for pair in text:gmatch("[^&]+") do
    local name, value = pair:match("^([^=]*)=(.*)$")
    form.assign(into, unescape(name or pair), unescape(value or ""))
  end
  return into
end

--- The values of a decoded list, in the order of its integer keys.
-- @param value a decoded value: nil, a string or a table
-- @treturn table a Lua list
function form.list(value)
  if type(value) ~= "table" then return { value } end
  local keys, list = {}, {}
  for key in pairs(value) do
    if type(key) == "number" then keys[#keys + 1] = key end
  end
  table.sort(keys)
  for i, key in ipairs(keys) do list[i] = value[key] end
  return list
end

-- ---- multipart ----

local function part_headers(text)
  local headers = {}
  for line in (text .. "\r\n"):gmatch("(.-)\r\n") do
    local name, value = line:match("^([^:]+):%s*(.-)%s*$")
    if name then headers[name:lower()] = value end
  end
  return headers
end

local function attribute(header, name)
  local quoted = (";" .. header):match("[;%s]" .. name .. '="(.-[^\\])"')
  if quoted then return (quoted:gsub("\\(.)", "%1")) end
  if (";" .. header):find("[;%s]" .. name .. '=""') then return "" end
  return (";" .. header):match("[;%s]" .. name .. "=([^;%s\"]+)")
end

local function add_part(part, values, files)
  local head, content = part:match("^(.-)\r\n\r\n(.*)$")
  if part:sub(1, 2) == "\r\n" then head, content = "", part:sub(3) end
  local headers = part_headers(head or "")
  local disposition = headers["content-disposition"] or ""
  local name, filename = attribute(disposition, "name"), attribute(disposition, "filename")
  if not name or not content then return end
  if not filename then return form.assign(values, name, content) end
  if filename == "" and content == "" then return end
  form.assign(files, name, {
    name = filename,
    type = headers["content-type"] or "application/octet-stream",
    size = #content,
    content = content,
  })
end

--- Decodes `multipart/form-data`.
-- @tparam string body
-- @tparam string boundary
-- @tparam ?table into a table to add values to
-- @treturn table values by name
-- @treturn table files by name: `{ name, type, size, content }`
function form.decode_multipart(body, boundary, into)
  local values, files = into or {}, {}
  local delimiter = "\r\n--" .. boundary
  body = "\r\n" .. body
  local _, last = body:find(delimiter, 1, true)
  while last do
    if body:sub(last + 1, last + 2) == "--" then break end
    local _, line_end = body:find("^[ \t]*\r\n", last + 1)
    local first, after = body:find(delimiter, line_end or last + 1, true)
    if not first or not line_end then break end
    add_part(body:sub(line_end + 1, first - 1), values, files)
    last = after
  end
  return values, files
end

--- Decodes a request body of any of the two types; another type gives nothing.
-- @tparam string body
-- @tparam ?string content_type
-- @treturn table values
-- @treturn table files
function form.decode_body(body, content_type)
  local kind = (content_type or ""):lower():match("^%s*([^;%s]*)")
  if kind == "multipart/form-data" then
    local boundary = content_type:match('[Bb][Oo][Uu][Nn][Dd][Aa][Rr][Yy]="([^"]+)"')
      or content_type:match("[Bb][Oo][Uu][Nn][Dd][Aa][Rr][Yy]=([^;%s]+)")
    if boundary then return form.decode_multipart(body, boundary) end
  elseif kind == "application/x-www-form-urlencoded" then
    return form.decode(body), {}
  end
  return {}, {}
end

return form
