-- SPDX-License-Identifier: MIT
-- A reply's bytes as HTTP/1.1 has them, for the replies that are sent past libmicrohttpd.

local wire = {}

local REASONS = {
  [200] = "OK", [201] = "Created", [204] = "No Content", [301] = "Moved Permanently",
  [302] = "Found", [400] = "Bad Request", [401] = "Unauthorized", [403] = "Forbidden",
  [404] = "Not Found", [405] = "Method Not Allowed", [408] = "Request Timeout",
  [413] = "Content Too Large", [415] = "Unsupported Media Type",
  [429] = "Too Many Requests", [500] = "Internal Server Error",
  [502] = "Bad Gateway", [503] = "Service Unavailable", [504] = "Gateway Timeout",
}

--- The status line and the headers, with the whole body's Content-Length and the blank line.
-- @tparam table reply `status`, `headers` (a list of {name, value}), `body`
-- @treturn string
function wire.head(reply)
  local reason = REASONS[reply.status] or "Status"
  local lines = { ("HTTP/1.1 %d %s"):format(reply.status, reason) }
  for i, header in ipairs(reply.headers) do lines[i + 1] = header[1] .. ": " .. header[2] end
  lines[#lines + 1] = ("Content-Length: %d"):format(#reply.body)
  return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

--- Sets a header, in place of any of that name.
function wire.set_header(reply, name, value)
  local headers = {}
  for _, header in ipairs(reply.headers) do
    if header[1]:lower() ~= name:lower() then headers[#headers + 1] = header end
  end
  headers[#headers + 1] = { name, tostring(value) }
  reply.headers = headers
end

return wire
