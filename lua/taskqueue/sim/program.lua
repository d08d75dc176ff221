-- SPDX-License-Identifier: MIT
-- The simulator as a program: serves until Ctrl-C or SIGTERM and prints a line for each request.

local core = require("taskqueue.sim.core")
local simulator = require("taskqueue.sim")

local USAGE = [[
Usage: %s [options]

Serves a simulated Mobizon API and a simulated Corporate Node until it is interrupted.

  --port N             port to listen on, 0 for any free one (default 8025)
  --host ADDRESS       address to listen on (default 127.0.0.1)
  --rate N|none        getStatus calls a second that a key may make (default 1)
  --key KEY            the API key that is let in
  --duration S         seconds that a task runs (default 5)
  --forget-after S     seconds after its creation a task is forgotten (default 3600)
  --answer M/M=CODE    answer every call of module/method with this code; may be repeated
  --answer OP=SYMBOL   answer every call of the node's operation with this requestStatus
  --node-generation G  how the node's replies look: new or old (default new)
  --tls-cert FILE      serve HTTPS with this certificate, as PEM
  --tls-key FILE       its key, as PEM
  --quiet              do not print a line for each request
  --help               print this text
]]

-- What the program was called as.
local title = "taskqueue-sim"

local LOG_INTERVAL = 0.1

local function rate(text)
  if text == "none" then return math.huge end
  return tonumber(text)
end

local function text(value)
  return value
end

local function answer(value)
  local method, code = value:match("^([%w]+/[%w]+)=(%d+)$")
  if method then return { method = method, code = tonumber(code), times = math.huge } end
  method, code = value:match("^([%a]%w*)=(%u[%u%d_]*)$")
  return method and { method = method, code = code, times = math.huge }
end

-- An option's reader gives nil for a value that makes no sense.
local READERS = {
  ["--port"] = { "port", tonumber },
  ["--host"] = { "host", text },
  ["--rate"] = { "rate", rate },
  ["--key"] = { "api_key", text },
  ["--duration"] = { "duration", tonumber },
  ["--forget-after"] = { "forget_after", tonumber },
  ["--answer"] = { "answers", answer },
  ["--node-generation"] = { "generation", text },
  ["--tls-cert"] = { "tls_cert", text },
  ["--tls-key"] = { "tls_key", text },
}

local function give_up(message)
  io.stderr:write(title, ": ", message, "\n")
  os.exit(2, true)
end

local function read_value(given, name, value)
  local option, reader = READERS[name][1], READERS[name][2]
  if not value then give_up(name .. " needs a value") end
  local read = reader(value)
  if read == nil then give_up(("%s: '%s' makes no sense"):format(name, value)) end
  if option == "answers" then table.insert(given.answers, read) else given[option] = read end
end

local function read_arguments(words)
  local given = { port = 8025, answers = {} }
  local i = 1
  while words[i] do
    local word = words[i]
    local name, value = word:match("^(%-%-[%w-]+)=(.*)$")
    if not READERS[name or word] then name = nil end
    if word == "--help" then
      io.stdout:write(USAGE:format(title))
      os.exit(0, true)
    elseif word == "--quiet" then
      given.quiet = true
    elseif name then
      read_value(given, name, value)
    elseif READERS[word] then
      i = i + 1
      read_value(given, word, words[i])
    else
      give_up(("unknown option '%s'; --help lists them"):format(word))
    end
    i = i + 1
  end
  return given
end

local function start(given)
  local is_tls = given.tls_cert or given.tls_key
  local is_good, sim, message = pcall(simulator.start, {
    host = given.host,
    port = given.port,
    rate = given.rate,
    api_key = given.api_key,
    forget_after = given.forget_after,
    task = { duration = given.duration },
    node = { generation = given.generation },
    tls = is_tls and { cert = given.tls_cert, key = given.tls_key } or nil,
  })
  if not is_good then give_up((tostring(sim):gsub("^.-taskqueue%.sim%.start: ", ""))) end
  if not sim then give_up(message .. "; --port 0 takes any free port") end
  for _, rule in ipairs(given.answers) do sim:fault(rule) end
  return sim
end

local SOAP = '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>'
  .. '<n:startLogin xmlns:n="ns1"/></e:Body></e:Envelope>'

local function print_welcome(sim)
  print("Mobizon simulator at " .. sim.url)
  print("API key: " .. sim.api_key)
  print("Corporate Node simulator at " .. sim.node_url)
  print(("export MOBIZON_URL=%s MOBIZON_API_KEY=%s CNODE_URL=%s"):format(
    sim.url, sim.api_key, sim.node_url))
  print("Try:")
  for _, call in ipairs { { "report/create", "" }, { "taskqueue/getStatus", "id=100001" } } do
    print(("  curl -d '%s' '%s/service/%s?output=json&api=v1&apiKey=%s'"):format(
      call[2], sim.url, call[1], sim.api_key))
  end
  print(("  curl -H 'Content-Type: text/xml' -d '%s' '%s'"):format(SOAP, sim.node_url))
  io.stdout:flush()
end

local function shown(value)
  return value == nil and "-" or (tostring(value):gsub("%c", "?"))
end

-- The query is not printed: it may hold the key.
local function print_log(entries, started)
  for _, entry in ipairs(entries) do
    print(("%9.3f  %-26s id=%s code=%s http=%s%s"):format(
      entry.time - started, shown(entry.method), shown(entry.id), shown(entry.code),
      shown(entry.http_status), entry.fault and " fault" or ""))
  end
  if #entries > 0 then io.stdout:flush() end
end

local program = {}

--- Runs the program.
-- @tparam table words of the command line
-- @tparam[opt] string called what it was called as
-- @treturn number exit status; does not come back from a wrong command line
function program.main(words, called)
  title = called or title
  local given = read_arguments(words)
  core.hold_interrupts()
  local sim = start(given)
  local started = sim:now()
  print_welcome(sim)
  while not core.interrupted(LOG_INTERVAL) do
    local entries = sim:clear_log()
    if not given.quiet then print_log(entries, started) end
  end
  if not given.quiet then print_log(sim:clear_log(), started) end
  sim:stop()
  return 0
end

return program
