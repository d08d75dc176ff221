-- SPDX-License-Identifier: MIT
-- Runs the programs of the tree from specs, on the Lua that runs the specs.
local support = require "support"

local shell = {}

shell.interpreter = support.interpreter()

--- A word as the shell takes it, whatever is in it.
function shell.quote(word)
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

--- Runs a script in which `taskqueue` is the program.
-- @tparam string script
-- @tparam[opt] table environment variables for it
-- @treturn string what it wrote to its output
-- @treturn number its exit status
-- @treturn string what it wrote to its error output
function shell.run(script, environment)
  local errors = os.tmpname()
  local parts = { "unset MOBIZON_API_KEY MOBIZON_URL CNODE_URL NO_COLOR TASKQUEUE_NODE_PASSWORD\n" }
  for name, value in pairs(environment or {}) do
    parts[#parts + 1] = ("export %s=%s\n"):format(name, shell.quote(value))
  end
  parts[#parts + 1] = ('taskqueue() { %s lua/bin/taskqueue "$@"; }\n'):format(shell.interpreter)
  local pipe = assert(io.popen(("( %s%s\n) 2>%s; echo \"|$?\""):format(
    table.concat(parts), script, errors)))
  local output, status = pipe:read("*a"):match("^(.*)|(%d+)\n$")
  pipe:close()
  local file = assert(io.open(errors))
  local message = file:read("*a")
  file:close()
  os.remove(errors)
  return output, tonumber(status), message
end

return shell
