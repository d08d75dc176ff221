-- SPDX-License-Identifier: MIT
-- Where secrets come from: a file, the environment, or a question on the terminal. Never from the
-- command line, which every user of a machine can read.
local key = {}

local function first_line(path)
  local file, why = io.open(path)
  if not file then return nil, why end
  local line = file:read("*l")
  file:close()
  line = line and line:match("^%s*(.-)%s*$")
  if line == nil or line == "" then return nil, path .. ": its first line is empty" end
  return line
end

-- The shell turns the echo off, and on again however it ends.
local QUESTION = [[
exec 2>/dev/null </dev/tty || exit 1
saved=$(stty -g) || exit 1
trap 'stty "$saved"' EXIT
trap 'exit 1' INT TERM
printf '%s: ' >/dev/tty
stty -echo
IFS= read -r answer && echo >/dev/tty && printf '%%s' "$answer"]]

local function ask(question)
  local pipe = io.popen(QUESTION:format(question))
  local answer = pipe:read("*a")
  pipe:close()
  return answer ~= "" and answer or nil
end

local function from_environment(variable)
  local value = os.getenv(variable)
  return value ~= "" and value or nil
end

--- Finds a secret.
-- @tparam table source `file` (a path, from an option), `option` (its name), `variable` of the
-- environment, `name` (what it is)
-- @treturn ?string
-- @treturn ?string what to do about it, when there is none
function key.find(source)
  if source.file then
    local secret, why = first_line(source.file)
    if secret then return secret end
    return nil, ("%s: %s; it has to hold the %s in its first line"):format(
      source.option, why, source.name)
  end
  local secret = from_environment(source.variable) or ask(source.name)
  if secret then return secret end
  return nil, ("no %s: set %s in the environment, or name a file that holds it with %s"):format(
    source.name, source.variable, source.option)
end

return key
