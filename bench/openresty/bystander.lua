-- SPDX-License-Identifier: MIT
--[[
What the waits of an nginx worker cost those who have nothing to do with them: bystanders, who ask
for a page of a few bytes all the time. First with 50 waits at 300 polls a second, beside the same
worker without them, in turns: once with nothing else on the machine, once while another process
makes the same polls, which tells what the waits cost from what a busier machine does. Then while 50
new TLS connections are made, which is what would hold up the worker if anything did. Run by
`make bench-openresty`, ROUNDS times.
]]
package.path = "spec/?.lua;" .. package.path

local core = require "taskqueue.core"
local socket = require "socket"
local support = require "support"
local world = require "openresty.world"

local ROUNDS = tonumber(arg[1]) or 7
local SPAN, PAUSE, WAITS, RATE = 3, 0.001, 50, 300
local REQUEST = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"

local function percentile(sorted, part)
  return sorted[math.max(1, math.ceil(#sorted * part))]
end

-- Asks on one connection until it is told to end; gives the latencies in milliseconds, sorted.
local function bystand(nginx, is_over)
  local client = socket.tcp()
  assert(client:connect("127.0.0.1", nginx.port))
  client:setoption("tcp-nodelay", true)
  local latencies = {}
  while not is_over() do
    local began = core.now()
    assert(client:send(REQUEST))
    repeat local line = assert(client:receive("*l")) until line == ""
    assert(client:receive(5))
    latencies[#latencies + 1] = (core.now() - began) * 1000
    socket.sleep(PAUSE)
  end
  client:close()
  table.sort(latencies)
  return latencies
end

local function for_span()
  local ends = core.now() + SPAN
  return function() return core.now() >= ends end
end

local function median(list)
  table.sort(list)
  return list[math.ceil(#list / 2)]
end

-- The latencies while polls are made, and how many there were a second.
local function bystand_polls(nginx, sim)
  socket.sleep(0.5)
  local polls, began = support.polls(sim), core.now()
  local latencies = bystand(nginx, for_span())
  return latencies, (support.polls(sim) - polls) / (core.now() - began)
end

local function with_waits(nginx, sim)
  local clients = {}
  for i = 1, WAITS do clients[i] = nginx:open("/content?id=" .. sim:task { outcome = "stuck" }) end
  local latencies, rate = bystand_polls(nginx, sim)
  for _, client in ipairs(clients) do client:close() end
  socket.sleep(2)
  return latencies, rate
end

local POLLS = [[lua5.4 -e '
  local taskqueue = require "taskqueue"
  local client = taskqueue.mobizon.new { url = "%s", api_key = "%s", rate = %d }
  local tasks = {}
  for id in ("%s"):gmatch("%%d+") do tasks[#tasks + 1] = client:task(id) end
  taskqueue.wait_all(tasks, { timeout = %d })' ]]

local function beside_polls(nginx, sim)
  local ids = {}
  for i = 1, WAITS do ids[i] = sim:task { outcome = "stuck" } end
  local process = io.popen(POLLS:format(sim.url, sim.api_key, RATE, table.concat(ids, " "),
    SPAN + 2))
  local latencies, rate = bystand_polls(nginx, sim)
  process:close()
  return latencies, rate
end

local function note(row, latencies, rate)
  row.p50[#row.p50 + 1] = percentile(latencies, 0.5)
  row.p99[#row.p99 + 1] = percentile(latencies, 0.99)
  row.rate = rate
end

local function ratio(row, to)
  local ratios = {}
  for i, p99 in ipairs(row.p99) do ratios[i] = p99 / to.p99[i] end
  return median(ratios)
end

local function compare_waits()
  local sim = support.sim()
  local nginx = world.start(sim, { workers = "1", rate = RATE })
  local idle, beside, waits = { p50 = {}, p99 = {} }, { p50 = {}, p99 = {} }, { p50 = {}, p99 = {} }
  for _ = 1, ROUNDS do
    note(idle, bystand(nginx, for_span()))
    note(beside, beside_polls(nginx, sim))
    note(waits, with_waits(nginx, sim))
  end
  nginx:stop()
  local LINE = "%s: a bystander's median is %.3f ms, p99 %.3f ms"
  print(LINE:format("idle", median(idle.p50), median(idle.p99)))
  print(LINE:format(("%.0f polls a second by another process"):format(beside.rate),
    median(beside.p50), median(beside.p99)))
  print(LINE:format(("%d waits, %.0f polls a second"):format(WAITS, waits.rate),
    median(waits.p50), median(waits.p99)))
  print(("p99 ratio to idle %.2f, to the other process's polls %.2f (medians of %d rounds)"):format(
    ratio(waits, idle), ratio(waits, beside), ROUNDS))
end

local TLS = [[
location = /tls {
  content_by_lua_block {
    local threads = {}
    for i = 1, %d do
      threads[i] = ngx.thread.spawn(function()
        local one = taskqueue.mobizon.new {
          url = "%s", api_key = "%s", ca_file = "%s/server.pem", rate = 1000,
        }
        local status, message = one:get_status("%s")
        one:close()
        return status and status.state or message
      end)
    end
    local good = 0
    for _, thread in ipairs(threads) do
      local _, state = ngx.thread.wait(thread)
      if state == "succeeded" then good = good + 1 else ngx.log(ngx.ERR, state) end
    end
    ngx.print(good)
  }
}]]

local MAKE = [[openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
  -subj /CN=server -addext subjectAltName=IP:127.0.0.1 -keyout %s/server.key -out %s/server.pem]]

local function compare_connections()
  local directory = support.directory()
  local output, status = support.shell(MAKE:format(directory, directory))
  assert(status == 0, output)
  os.execute("chmod 755 " .. directory)
  local sim = support.sim {
    tls = { cert = directory .. "/server.pem", key = directory .. "/server.key" },
  }
  local id = sim:task()
  local locations = TLS:format(WAITS, sim.url, sim.api_key, directory, id)
  local options = { workers = "1", locations = locations }
  local worst, idle_worst = {}, {}
  for round = 1, ROUNDS do
    -- A worker without connections, to a service that answers late: each request needs a new one.
    local nginx = world.start(sim, options)
    sim:fault { method = "taskqueue/getStatus", delay = 1, times = WAITS }
    local idle = bystand(nginx, for_span())
    idle_worst[round] = idle[#idle]
    local before = sim:connections()
    local answer = nginx:open("/tls")
    answer:settimeout(0)
    local text = ""
    local latencies = bystand(nginx, function()
      local part, problem, rest = answer:receive("*a")
      text = text .. (part or rest or "")
      return problem ~= "timeout"
    end)
    assert(text:match("%d+$") == tostring(WAITS), text)
    assert(sim:connections() - before >= WAITS, (sim:connections() - before) .. " connections")
    worst[round] = latencies[#latencies]
    nginx:stop()
  end
  print(("%d new TLS connections: the worst delay of a bystander is %.1f ms (idle %.1f; medians of "
    .. "%d rounds)"):format(WAITS, median(worst), median(idle_worst), ROUNDS))
end

compare_waits()
compare_connections()
support.finish()
