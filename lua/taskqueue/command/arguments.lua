-- SPDX-License-Identifier: MIT
-- The command line: what may be on it, and what it says of itself.
local text = require "taskqueue.command.text"

local arguments = {}

local DESCRIPTION = [[
Waits for work that a remote service does in the background: Mobizon, and the
Billon Corporate Node.

A task is named by its id; one of the node by cnode:ID. The Mobizon API key
comes from the environment (MOBIZON_API_KEY), from a file (--key-file) or from a
question on the terminal, never from the command line.]]

local EPILOG = [[
Exit status: 0 it succeeded, 1 a task failed, 2 the command line is wrong or
something is missing, 3 the time is over, 4 nobody can tell, 5 the service does
not let you in, 130 interrupted.

Examples:
  taskqueue wait 123                      until the task has ended
  taskqueue wait --any --timeout 10m 123 124 cnode:X7
  taskqueue call --wait campaign/addRecipients id=7 recipientGroups[]=1
  taskqueue status --json 123 | jq .progress
  taskqueue sim                           services to try all this on
  taskqueue doctor                        what is linked, found and missing]]

local function seconds(word)
  local value = text.seconds(word)
  if value then return value end
  return nil, ("'%s' is no time; write 90, 90s, 10m, 2h or none"):format(word)
end

local function rate(word)
  local value = tonumber(word)
  if value and value > 0 then return value end
  return nil, ("'%s' is no rate; write polls a second, as 1 or 0.5"):format(word)
end

-- Where the services are, and who asks.
local function add_services(command)
  command:option("--host", "Host of Mobizon's API (api.mobizon.kz)."):argname("HOST")
  command:option("--url", "Its base URL in place of a host; also MOBIZON_URL in the "
    .. "environment."):argname("URL")
  command:option("--key-file", "File with the Mobizon API key in its first line."):argname("FILE")
  command:option("--node-url", "URL of the Corporate Node (http://127.0.0.1:9091/); also "
    .. "CNODE_URL in the environment."):argname("URL")
  command:option("--node-user", "User name for a proxy in front of the node; the password is in "
    .. "TASKQUEUE_NODE_PASSWORD or in a file."):argname("NAME")
  command:option("--node-password-file", "File with that password in its first line.")
    :argname("FILE")
  command:option("--ca-file", "PEM file of the authorities to trust."):argname("FILE")
  command:flag("--plain-http", "Let requests leave this machine without TLS.")
  command:option("--proxy", "URL of a proxy."):argname("URL")
  command:option("--rate", "Status polls a second (Mobizon 1, node unlimited)."):argname("N")
    :convert(rate)
end

local function add_output(command)
  command:flag("--json", "One JSON object a line.")
  command:flag("-q --quiet", "Show nothing; the exit status tells.")
end

local function add_timeout(command)
  command:option("-t --timeout", "How long to wait: 90, 90s, 10m, 2h or none (15m).")
    :argname("TIME")
    :default("15m"):convert(seconds):show_default(false)
end

local function add_ids(command)
  command:argument("ids", "Ids of tasks; those of the node as cnode:ID; - reads them from the "
    .. "standard input."):args("+")
end

local add = {}

function add.status(parser)
  local command = parser:command("status", "Look at tasks once.")
  add_ids(command)
  add_output(command)
  add_services(command)
  return command
end

function add.wait(parser)
  local command = parser:command("wait", "Wait until tasks have ended.")
  add_ids(command)
  command:flag("--any", "Only until the first of them has ended.")
  add_timeout(command)
  add_output(command)
  add_services(command)
  return command
end

function add.call(parser)
  local command = parser:command("call", "Call a method, once; print its task or its answer.")
  command:argument("method", "module/method of Mobizon, or an operation of the node.")
  command:argument("parameters", "name=value, name[inner]=value, name[]=item, name=@file to "
    .. "upload, name:=json."):args("*")
  command:option("--data", "File with a JSON object of parameters, for what must not be on a "
    .. "command line; - is the standard input."):argname("FILE")
  command:flag("--wait", "Wait until the task has ended.")
  add_timeout(command)
  add_output(command)
  add_services(command)
  return command
end

function add.sim(parser)
  local command = parser:command("sim", "Serve simulated services to try things on.")
  command:argument("options", "See taskqueue sim --help."):args("*")
  return command
end

function add.doctor(parser)
  local command = parser:command("doctor", "Tell what is linked and found, and what is wrong.")
  command:flag("--connect", "Also ask the services for a task that is not there.")
  add_services(command)
  return command
end

function add.fleet(parser)
  local command = parser:command("fleet", "Tell who polls for a fleet, and what is waited for.")
  command:argument("what", "status."):choices { "status" }
  command:option("--redis", "URL of the fleet's Redis, without a password; also TASKQUEUE_REDIS "
    .. "in the environment."):argname("URL")
  command:option("--name", "Name of the fleet."):argname("NAME"):count(1)
  command:flag("--json", "One JSON object.")
  return command
end

function add.completion(parser)
  local command = parser:command("completion", 'Print completions for a shell: eval "$(taskqueue '
    .. 'completion bash)"')
  command:argument("shell", "bash or zsh."):choices { "bash", "zsh" }
  return command
end

local function load_argparse()
  local found, argparse = pcall(require, "argparse")
  if found then return argparse end
  error("the Lua module argparse is missing; install it with: luarocks install argparse "
    .. "(Debian: lua-argparse)", 0)
end

--- Makes the parser.
-- @treturn table the parser
-- @treturn table those of its commands, by name
function arguments.parser()
  local argparse = load_argparse()
  local parser = argparse("taskqueue", DESCRIPTION, EPILOG)
  parser:usage_margin(7):help_max_width(80):help_description_margin(28)
  parser:command_target("command"):require_command(true)
  parser:flag("--version", "Print the version."):action(function()
    print("taskqueue " .. require "taskqueue.version")
    os.exit(0, true)
  end)
  local commands = {}
  for _, name in ipairs {
    "wait", "status", "call", "sim", "doctor", "fleet", "completion",
  } do
    commands[name] = add[name](parser)
  end
  return parser, commands
end

return arguments
