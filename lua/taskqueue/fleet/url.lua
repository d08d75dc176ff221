-- SPDX-License-Identifier: MIT
-- Where Redis is: redis://[[user]:password@]host[:port][/db], or
-- redis+unix://[:password@]/path[?db=n].
local url = {}

local function unescape(text)
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

-- A text with a password in it is shown nowhere.
local function fail(why)
  error("fleet.new: option 'redis' " .. why, 0)
end

local function split_user(rest)
  local who, where = rest:match("^([^/@]*)@(.*)$")
  if not who then return nil, nil, rest end
  local user, password = who:match("^([^:]*):(.*)$")
  if not password then fail("must have a colon before its password") end
  return user ~= "" and unescape(user) or nil, unescape(password), where
end

local function number_of(text, longest, what)
  local number = tonumber(text)
  if not text:find("^%d+$") or number > longest then fail("has no " .. what .. " that can be") end
  return tostring(math.floor(number))
end

local function of_host(address, where)
  local place, db = where:match("^([^/]*)/?(.*)$")
  local host, port = place:match("^%[(.-)%]:?(%d*)$")
  if not host then host, port = place:match("^([^:]*):?(.*)$") end
  if host == "" then fail("names no host") end
  address.host, address.port = host, port ~= "" and number_of(port, 65535, "port") or "6379"
  if db ~= "" then address.db = number_of(db, 1e6, "database") end
  return address
end

local function of_path(address, where)
  local path, db = where:match("^([^?]*)%??(.*)$")
  if path:sub(1, 1) ~= "/" then fail("must have an absolute path") end
  address.path = unescape(path)
  if db ~= "" then address.db = number_of(db:match("^db=(.*)$") or "", 1e6, "database") end
  return address
end

--- Reads a URL.
-- @treturn table `host` and `port` or `path`, and `user`, `password`, `db` where they are given
-- @raise a text without a position that says what is wrong, and holds nothing of the URL
function url.parse(text)
  local scheme, rest = text:match("^([%w+]+)://(.*)$")
  if scheme == "rediss" then
    fail("asks for TLS, which this hiredis is built without; "
      .. "put a TLS tunnel in front of Redis, as stunnel is one, and name that")
  end
  local user, password, where = split_user(rest or "")
  local address = { user = user, password = password }
  if scheme == "redis" then return of_host(address, where) end
  if scheme == "redis+unix" or scheme == "unix" then return of_path(address, where) end
  return fail("must begin with redis:// or redis+unix://")
end

--- The same without a password, for messages.
function url.describe(address)
  local db = address.db and address.db ~= "0" and "/" .. address.db or ""
  if address.path then return address.path .. (db ~= "" and "?db=" .. address.db or "") end
  return ("%s:%s%s"):format(address.host, address.port, db)
end

return url
