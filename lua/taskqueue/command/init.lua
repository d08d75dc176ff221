-- SPDX-License-Identifier: MIT
--[[
The program `taskqueue`. Each subcommand has a file of its own; this one reads the command line, and
makes of whatever goes wrong a line that says what to do and an exit status.
]]
local advise = require "taskqueue.command.advise"
local exit = require "taskqueue.command.exit"

local command = {}

local run = {}

local function with_clients(given, fn)
  local clients = require("taskqueue.command.services").new(given)
  local function finish(ok, ...)
    clients:close()
    if not ok then error((...), 0) end
    return ...
  end
  return finish(pcall(fn, clients))
end

local function of_clients(name)
  return function(given)
    return with_clients(given, function(clients)
      return require("taskqueue.command." .. name).run(clients, given)
    end)
  end
end

local function of_tasks(name)
  return function(given)
    return with_clients(given, function(clients)
      return require("taskqueue.command." .. name).run(clients:entries(given.ids), given)
    end)
  end
end

run.wait, run.status = of_tasks "wait", of_tasks "status"
run.call, run.doctor = of_clients "call", of_clients "doctor"

function run.fleet(given)
  return require("taskqueue.command.fleet").run(given)
end

function run.completion(given, parser)
  local how = given.shell == "zsh" and parser.get_zsh_complete or parser.get_bash_complete
  io.stdout:write(how(parser), "\n")
  return exit.OK
end

-- The simulator reads its own options.
local function simulate(words)
  local found, program = pcall(require, "taskqueue.sim.program")
  if not found then
    local why = tostring(program):match("^[^\n]*")
    error("the simulator cannot be loaded; install it with LuaRocks, the rock is taskqueue-sim: "
      .. why, 0)
  end
  return program.main(words, "taskqueue sim")
end

local function parse(parser, commands, words)
  local is_good, given = parser:pparse(words)
  if is_good then return given end
  local chosen = commands[words[1]]
  local usage = (chosen or parser):get_usage():gsub("\n", "\n  ")
  io.stderr:write("taskqueue: ", given, "\n  ", usage, "\n  taskqueue ",
    chosen and words[1] .. " " or "", "--help tells more\n")
end

local function dispatch(words)
  if words[1] == "sim" then return simulate({ (table.unpack or unpack)(words, 2) }) end
  local parser, commands = require("taskqueue.command.arguments").parser()
  local given = parse(parser, commands, words)
  if not given then return exit.USAGE end
  return run[given.command](given, parser)
end

--- Runs the program.
-- @tparam table words of the command line
-- @treturn number exit status
function command.main(words)
  local ok, result = pcall(dispatch, words)
  if ok then return result end
  -- What Lua's own interpreters raise on SIGINT.
  if tostring(result):find("interrupted!", 1, true) then return exit.INTERRUPTED end
  advise(tostring(result))
  return exit.USAGE
end

return command
