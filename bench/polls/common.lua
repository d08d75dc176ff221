-- SPDX-License-Identifier: MIT
-- What the clients in Lua share. Each gets "json" or "soap", a URL, the number of requests in
-- flight and seconds, and prints: requests, CPU seconds, seconds, peak memory in KiB. Before it
-- counts it warms up for a third of that time.
local common = {}

--- The arguments of a client.
function common.arguments()
  return arg[1], arg[2], tonumber(arg[3]), tonumber(arg[4])
end

--- The body of a request, and its Content-Type.
function common.request(service)
  local file = assert(io.open("bench/polls/request." .. service))
  local body = file:read "*a"
  file:close()
  local types = {
    json = "application/x-www-form-urlencoded",
    soap = "text/xml; charset=utf-8",
  }
  return body, types[service]
end

local function read_json()
  local decode = require("cjson").decode
  return function(body) return decode(body).data.status end
end

-- The fields that a status is made of, by lua-expat.
local function read_soap()
  local lxp = require "lxp"
  return function(body)
    local fields, text = {}, nil
    local parser = lxp.new {
      StartElement = function() text = nil end,
      CharacterData = function(_, piece) text = (text or "") .. piece end,
      EndElement = function(_, name) fields[name] = text end,
    }
    parser:parse(body)
    parser:parse()
    parser:close()
    return fields.status
  end
end

--- What reads the status in a reply; it raises when there is none.
function common.reader(service)
  local read = (service == "json" and read_json or read_soap)()
  return function(body) return assert(read(body), "no status") end
end

local function peak()
  for line in io.lines "/proc/self/status" do
    local kib = line:match "^VmHWM:%s+(%d+)"
    if kib then return tonumber(kib) end
  end
end

local function clock()
  local has_socket, socket = pcall(require, "socket")
  return has_socket and socket.gettime or require("taskqueue.core").now
end

--- Begins to measure; the function that it gives ends it and prints the line.
-- @tparam function count gives how many requests were answered so far
function common.measure(count)
  local now = clock()
  local requests, cpu, began = count(), os.clock(), now()
  return function()
    local used, took = os.clock() - cpu, now() - began
    io.write(("%d %.6f %.6f %d\n"):format(count() - requests, used, took, peak()))
  end
end

-- Calls a function again and again; when the time has come it prints the line and ends the program.
-- Any number of coroutines may share what this gives.
local function repeater(seconds)
  local requests, now, finish = 0, clock(), nil
  local due = now() + seconds / 3
  return function(ask, number)
    while true do
      ask(number)
      requests = requests + 1
      if now() >= due then
        if finish then
          finish()
          os.exit(0)
        end
        finish, due = common.measure(function() return requests end), now() + seconds
      end
    end
  end
end

--- Asks again and again, one request at a time.
function common.run_one(seconds, ask)
  repeater(seconds)(ask)
end

--- Asks again and again, in so many coroutines.
-- @tparam function spawn makes a coroutine of a function
-- @tparam function ask gets the number of its coroutine
function common.run_many(in_flight, seconds, spawn, ask)
  local ask_again = repeater(seconds)
  for number = 1, in_flight do
    spawn(function() ask_again(ask, number) end)
  end
end

--- A client of taskqueue, with a budget that holds nothing back.
function common.taskqueue_client(service, url, in_flight)
  local taskqueue = require "taskqueue"
  local options = { rate = 1e9, burst = 1e6, max_connections = in_flight }
  -- The clients add the rest of it themselves.
  options.url = url:gsub("/service/.*$", "")
  if service == "soap" then return taskqueue.cnode.new(options) end
  options.api_key = "0123456789abcdef0123456789abcdef"
  return taskqueue.mobizon.new(options)
end

return common
