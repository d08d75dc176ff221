-- SPDX-License-Identifier: MIT
-- Lua values as XML text. The vendor documents no spelling: tables are elements by key, lists are
-- <item> elements, and leaves are text.

local xml = {}

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

--- Text as it may stand in an element or an attribute; what XML cannot hold becomes "?".
function xml.escape(text)
  return (text:gsub('[&<>"]', ENTITIES):gsub("[%z\1-\8\11\12\14-\31]", "?"))
end

local function leaf(value)
  if value == nil then return "" end
  if type(value) == "number" then
    return value % 1 == 0 and ("%d"):format(value) or ("%.14g"):format(value)
  end
  if type(value) == "userdata" then return "" end
  return xml.escape(tostring(value))
end

local function sorted_keys(value)
  local keys = {}
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  return keys
end

local function children(value)
  local parts = {}
  if #value > 0 then
    for i, item in ipairs(value) do parts[i] = xml.element("item", item) end
  else
    for i, key in ipairs(sorted_keys(value)) do
      parts[i] = xml.element(tostring(key), value[key])
    end
  end
  return table.concat(parts)
end

--- One element with all that is in the value. A key that is no XML name becomes `<item key="…">`.
-- @tparam string name
-- @param value string, number, boolean, table, or nil and cjson.null for an empty element
-- @treturn string
function xml.element(name, value)
  local open = name
  if not name:find("^[%a_][%w_.-]*$") then
    open, name = ('item key="%s"'):format(xml.escape(name)), "item"
  end
  local content = type(value) == "table" and children(value) or leaf(value)
  if content == "" then return "<" .. open .. "/>" end
  return "<" .. open .. ">" .. content .. "</" .. name .. ">"
end

return xml
