-- SPDX-License-Identifier: MIT
-- HTTP basic authentication, as a server sees it.

local basic = {}

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function encode_three(bytes)
  local a, b, c = bytes:byte(1, 3)
  local bits = a * 65536 + (b or 0) * 256 + (c or 0)
  local digits = {}
  for i = 4, 1, -1 do
    local digit = bits % 64 + 1
    digits[i] = ALPHABET:sub(digit, digit)
    bits = math.floor(bits / 64)
  end
  return table.concat(digits):sub(1, #bytes + 1) .. ("="):rep(3 - #bytes)
end

--- What a client with these credentials sends.
-- @tparam string username
-- @tparam string password
-- @treturn string base64
function basic.token(username, password)
  return ((username .. ":" .. password):gsub("..?.?", encode_three))
end

--- Does an Authorization header hold that token?
-- @tparam ?string header
-- @tparam string token
-- @treturn boolean
function basic.is_good(header, token)
  local scheme, given = (header or ""):match("^(%S+) +(%S+) *$")
  return scheme ~= nil and scheme:lower() == "basic" and given == token
end

return basic
