-- SPDX-License-Identifier: MIT
-- What the specs need that start processes: their files, ports for them, and waiting for them.
local core = require "taskqueue.core"
local taskqueue = require "taskqueue"

local outside = {}

--- Waits until a condition holds, and gives what it gave; fails with its name when it does not for
-- long.
function outside.await(what, holds, seconds)
  local deadline = core.now() + (seconds or 30)
  local found = holds()
  while not found do
    assert(core.now() < deadline, "waited in vain for: " .. what)
    taskqueue.sleep(0.02)
    found = holds()
  end
  return found
end

--- What is in a file: nothing where there is none.
function outside.read(path)
  local file = io.open(path)
  local text = file and file:read("*a") or ""
  if file then file:close() end
  return text
end

function outside.write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

--- A port that nobody listened on a moment ago.
function outside.free_port()
  local listener = assert(require("socket").bind("127.0.0.1", 0))
  local _, port = listener:getsockname()
  listener:close()
  return tonumber(port)
end

return outside
