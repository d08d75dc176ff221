-- SPDX-License-Identifier: MIT
-- A terminal for specs: tmux with a server of its own, whose screen can be read.
local shell = require "shell"

local terminal = {}
local methods = {}
local mt = { __index = methods }

-- How long what has to come may take, on a machine that is busy.
local PATIENCE = 30

local function read(command)
  local pipe = assert(io.popen(command .. " 2>&1"))
  local text = pipe:read("*a")
  pipe:close()
  return text
end

function methods:tmux(words)
  return read(("tmux -S %s %s"):format(self.socket, words))
end

--- What is on the screen, without blanks at the ends of its lines and of the screen.
-- @tparam[opt] string flags "-e" for colours as escape sequences
function methods:screen(flags)
  return (self:tmux("capture-pane -p -t 0 " .. (flags or "")):gsub("[ ]+\n", "\n"):gsub("\n+$", ""))
end

--- What is on the screen as soon as it is what is waited for.
-- @param wanted a pattern, or a function that tells of a screen whether it is the one
function methods:wait_for(wanted)
  local is_wanted = type(wanted) == "function" and wanted
    or function(screen) return screen:find(wanted) end
  local deadline = os.time() + PATIENCE
  while true do
    local screen = self:screen()
    if is_wanted(screen) then return screen end
    if os.time() > deadline then
      error(("%s does not come; the screen is:\n%s"):format(tostring(wanted), screen), 2)
    end
    os.execute("sleep 0.05")
  end
end

--- Types: words as `tmux send-keys` has them.
function methods:type(words)
  self:tmux("send-keys -t 0 " .. words)
end

function methods:resize(columns, rows)
  self:tmux(("resize-window -t 0 -x %d -y %d"):format(columns, rows))
end

function methods:close()
  self:tmux("kill-server")
  os.remove(self.socket)
  os.remove(self.script)
end

--- Opens a terminal that runs a script in which `taskqueue` is the program. What the script ends
-- with is shown as "ended with N".
function terminal.open(columns, rows, script, environment)
  local self = setmetatable({ socket = os.tmpname(), script = os.tmpname() }, mt)
  os.remove(self.socket)
  local file = assert(io.open(self.script, "w"))
  file:write("unset MOBIZON_API_KEY NO_COLOR\ntrap : INT\n")
  for name, value in pairs(environment) do
    file:write(("export %s=%s\n"):format(name, shell.quote(value)))
  end
  file:write(('taskqueue() { %s lua/bin/taskqueue "$@"; }\n'):format(shell.interpreter))
  file:write(script, '\necho "ended with $?"\nsleep 1000\n')
  file:close()
  self:tmux(("-f /dev/null new-session -d -x %d -y %d 'sh %s'"):format(columns, rows, self.script))
  return self
end

return terminal
