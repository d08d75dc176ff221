-- SPDX-License-Identifier: MIT
--[[
Runs the clients one after the other, round after round, and tells medians and quartiles. Ratios are
to the plain libcurl loop in the same round. bench/polls/run.sh calls it, with its servers running:

    lua5.4 bench/polls/compare.lua BUILD OUT URL SILENT_URL LATE_URL ROUNDS SECONDS
]]
local build, out, url, silent_url, late_url = arg[1], arg[2], arg[3], arg[4], arg[5]
local rounds, seconds = tonumber(arg[6]), arg[7]
local draw = dofile "bench/polls/picture.lua"

local PLAIN = "C, curl_multi_poll, replies not read"
local ALL = { 1, 64, 1000 }

-- Where a client can run: the numbers of requests in flight, and the one service if not both.
local clients = {
  { name = PLAIN, command = build .. "/bench/polls/curl poll", counts = ALL },
  { name = "C, socket actions and epoll, not read", command = build .. "/bench/polls/curl epoll",
    counts = ALL },
  { name = "wrk, replies not read", command = "bench/polls/wrk.sh", counts = ALL },
  { name = "taskqueue, Lua 5.4", command = "lua5.4 bench/polls/waits.lua", counts = ALL },
  { name = "taskqueue, LuaJIT", command = "luajit bench/polls/waits.lua", counts = ALL },
  { name = "taskqueue get_status, Lua 5.4", command = "lua5.4 bench/polls/looks.lua",
    counts = ALL },
  { name = "Lua-cURL, LuaJIT", command = "luajit bench/polls/lua_curl.lua", counts = { 1 } },
  { name = "lua-http, LuaJIT", command = "luajit bench/polls/lua_http.lua", counts = ALL },
  { name = "lua-http, Lua 5.4", command = "lua5.4 bench/polls/lua_http.lua", counts = ALL },
  { name = "luasocket, Lua 5.4", command = "lua5.4 bench/polls/lua_socket.lua", counts = { 1 } },
  { name = "node undici", command = "node bench/polls/undici.js", counts = ALL, only = "json" },
  { name = "python aiohttp", command = "/usr/bin/python3 bench/polls/python_aiohttp.py",
    counts = ALL, only = "json" },
  { name = "python zeep", command = "/usr/bin/python3 bench/polls/python_zeep.py",
    counts = { 1, 64 }, only = "soap" },
}

local JSON_PATH = "/json/service/taskqueue/getStatus?output=json&api=v1"
local cases = {
  { name = "JSON", service = "json", path = JSON_PATH },
  { name = "JSON, unchanged", service = "json", path = "/same" .. JSON_PATH, only = "taskqueue" },
  { name = "JSON, after 50 ms", service = "json", url = late_url, path = JSON_PATH,
    counts = { 64, 1000 } },
  { name = "SOAP", service = "soap", path = "/soap/" },
  { name = "SOAP, other shapes", service = "soap", path = "/shapes/soap/", only = "taskqueue" },
  { name = "SOAP, unchanged", service = "soap", path = "/same/soap/", only = "taskqueue" },
}

local function runs(client, case, count)
  if client.only and client.only ~= case.service then return false end
  if case.only and client.name ~= PLAIN and not client.name:find(case.only) then return false end
  for _, possible in ipairs(client.counts) do
    if possible == count then return true end
  end
  return false
end

-- One run: CPU microseconds a request, requests a second, peak memory in MiB.
local function sample(client, service, at, count, more)
  local command = ("%s %s '%s' %d %s %s"):format(client.command, service, at, count, seconds,
    more or "")
  local pipe = assert(io.popen(command))
  local text = pipe:read "*a"
  pipe:close()
  local requests, cpu, took, peak = text:match "^(%S+) (%S+) (%S+) (%S+)"
  if not requests or tonumber(requests) == 0 then error("no figures from: " .. command) end
  return { cpu = cpu / requests * 1e6, rate = requests / took, peak = peak / 1024 }
end

local function quartiles(samples, field)
  local values = {}
  for i, one in ipairs(samples) do values[i] = one[field] end
  table.sort(values)
  local function at(share) return values[math.max(1, math.ceil(#values * share))] end
  return at(0.5), at(0.25), at(0.75)
end

-- All clients take turns; each round begins with another one.
local function take_turns(list, take)
  local samples = {}
  for i = 1, #list do samples[i] = {} end
  for round = 1, rounds do
    for turn = 1, #list do
      local i = (round + turn) % #list + 1
      samples[i][round] = take(list[i])
    end
  end
  return samples
end

local csv = assert(io.open(out .. "/polls.csv", "w"))
csv:write("replies,in flight,client,CPU us/request,q1,q3,ratio,q1,q3,requests/s,peak MiB\n")
local groups = {}

local function report(group, client, samples)
  local cpu, cpu_low, cpu_high = quartiles(samples, "cpu")
  local ratio, low, high = quartiles(samples, "ratio")
  local rate, peak = quartiles(samples, "rate"), quartiles(samples, "peak")
  print(("  %-38s %8.1f us (%.1f-%.1f)  %6.2f (%.2f-%.2f)  %7.0f/s %6.1f MiB"):format(client.name,
    cpu, cpu_low, cpu_high, ratio, low, high, rate, peak))
  csv:write(('"%s",%d,"%s",%.1f,%.1f,%.1f,%.2f,%.2f,%.2f,%.0f,%.1f\n'):format(group.replies,
    group.count, client.name, cpu, cpu_low, cpu_high, ratio, low, high, rate, peak))
  group[#group + 1] = { name = client.name, value = cpu }
end

local function compare(case, count)
  local group = { replies = case.name, count = count }
  local list = {}
  for _, client in ipairs(clients) do
    if runs(client, case, count) then list[#list + 1] = client end
  end
  print(("%s, %d in flight"):format(case.name, count))
  local samples = take_turns(list, function(client)
    return sample(client, case.service, (case.url or url) .. case.path, count)
  end)
  for i, client in ipairs(list) do
    for round, one in ipairs(samples[i]) do one.ratio = one.cpu / samples[1][round].cpu end
    report(group, client, samples[i])
  end
  groups[#groups + 1] = group
end

local UNANSWERED = 1000

-- What a poll costs beside a thousand requests that stay unanswered, as a multiple of alone.
local function compare_unanswered()
  local list = {}
  for _, client in ipairs(clients) do
    if client.name == PLAIN or client.name:find "epoll" or client.name:find "^taskqueue, " then
      list[#list + 1] = client
    end
  end
  print(("JSON, 1 in flight beside %d unanswered ones: ratio to alone"):format(UNANSWERED))
  local samples = take_turns(list, function(client)
    local alone = sample(client, "json", url .. JSON_PATH, 1)
    local more = ("%s %d"):format(silent_url, UNANSWERED)
    local beside = sample(client, "json", url .. JSON_PATH, 1, more)
    beside.ratio = beside.cpu / alone.cpu
    return beside
  end)
  local group = { replies = "JSON beside unanswered ones, ratio to alone", count = 1 }
  for i, client in ipairs(list) do report(group, client, samples[i]) end
end

for _, case in ipairs(cases) do
  for _, count in ipairs(case.counts or ALL) do compare(case, count) end
end
compare_unanswered()
csv:close()
draw(out .. "/polls.svg", groups)
print(("Written: %s/polls.csv, %s/polls.svg"):format(out, out))
