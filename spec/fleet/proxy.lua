-- SPDX-License-Identifier: MIT
-- Stands between a process and Redis, so that the network between them can be cut: stopped, it
-- passes nothing on and refuses nothing. Writes its port: proxy.lua SOCKET
local socket = require "socket"
local unix = require "socket.unix"

local listener = assert(socket.bind("127.0.0.1", 0))
local partners, list = {}, { listener }
print((select(2, listener:getsockname())))
io.stdout:flush()

local function add(one, other)
  one:settimeout(0)
  partners[one] = other
  list[#list + 1] = one
end

local function remove(one)
  for i, listed in ipairs(list) do
    if listed == one then table.remove(list, i) break end
  end
  partners[one] = nil
  one:close()
end

local function accept()
  local near = listener:accept()
  local far = unix()
  if not far:connect(arg[1]) then return near:close() end
  add(near, far)
  add(far, near)
end

local function pass_on(from)
  local other = partners[from]
  local text, problem, rest = from:receive(8192)
  text = text or rest
  if text and text ~= "" then
    other:settimeout(5)
    other:send(text)
    other:settimeout(0)
  end
  if problem == "closed" then
    remove(from)
    if partners[other] then remove(other) end
  end
end

while true do
  for _, ready in ipairs((socket.select(list))) do
    if ready == listener then accept() elseif partners[ready] then pass_on(ready) end
  end
end
