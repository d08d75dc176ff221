-- SPDX-License-Identifier: MIT
-- What the specs of OpenResty stand in: an nginx of their own, and its clients.
local lfs = require "lfs"
local outside = require "outside"
local socket = require "socket"
local support = require "support"

local world = {}

local mt = { __index = world }

local read = outside.read

function world.await(what, holds, seconds)
  return outside.await(what, holds, seconds or 20)
end

local MODULES = [[
load_module /usr/lib/nginx/modules/ndk_http_module.so;
load_module /usr/lib/nginx/modules/ngx_http_lua_module.so;]]

--- Starts nginx in front of a simulator.
-- @tparam table sim
-- @tparam[opt] table options what nginx.conf has in braces
function world.start(sim, options)
  local self = setmetatable({ directory = support.directory(), port = outside.free_port() }, mt)
  local values = {
    directory = self.directory, port = self.port, root = lfs.currentdir(), modules = MODULES,
    url = sim.url, key = sim.api_key, rate = "500", workers = "2", connections = "512",
    begun = "", init = "", init_worker = "", http = "", locations = "",
  }
  for name, value in pairs(options or {}) do values[name] = value end
  local conf = read("spec/openresty/nginx.conf"):gsub("{([%l_]+)}", function(name)
    return values[name] and tostring(values[name])
  end)
  outside.write(self.directory .. "/nginx.conf", conf)
  assert(support.shell("chmod 777 " .. self.directory))
  local output, status = support.shell(("TMPDIR=%s nginx -p %s -c %s/nginx.conf -e %s/error.log")
    :format(self.directory, self.directory, self.directory, self.directory))
  assert(status == 0, output)
  self.await("nginx", function()
    self.pid = read(self.directory .. "/pid"):match("%d+")
    return self.pid and pcall(self.get, self, "/hello")
  end)
  return self
end

function world.is_alive(pid)
  return lfs.attributes("/proc/" .. pid) ~= nil
end

function world:signal(name, pid)
  os.execute(("kill -%s %s 2>/dev/null"):format(name, pid or self.pid))
end

--- Ends nginx, if it has not ended.
function world:stop()
  local pids = self:workers()
  self:signal("TERM")
  pids[#pids + 1] = self.pid
  for _, pid in ipairs(pids) do
    self.await("the end of nginx", function() return not self.is_alive(pid) end)
  end
end

--- The processes of the workers, those that are about to end included.
function world:workers()
  local pids = {}
  for pid in read(("/proc/%s/task/%s/children"):format(self.pid, self.pid)):gmatch("%d+") do
    pids[#pids + 1] = pid
  end
  return pids
end

--- What nginx wrote into its log.
function world:log()
  return read(self.directory .. "/error.log")
end

--- The lines of its log at this level.
function world:logged(level)
  local lines = {}
  for line in self:log():gmatch("[^\n]+") do
    if line:find("[" .. level .. "]", 1, true) then lines[#lines + 1] = line end
  end
  return lines
end

--- The Unix sockets of the bells, of any process.
function world:sockets()
  local found = {}
  for line in read("/proc/net/unix"):gmatch("[^\n]+") do
    if line:find(self.directory .. "/taskqueue-", 1, true) then found[#found + 1] = line end
  end
  return found
end

--- The processes of this nginx, and whatever they may have begun: all that is in its session.
function world:processes()
  local found = {}
  for pid in lfs.dir "/proc" do
    local stat = pid:find "^%d+$" and read("/proc/" .. pid .. "/stat") or ""
    if stat:match("^.*%) %S %d+ %d+ (%d+)") == self.pid then found[#found + 1] = pid end
  end
  table.sort(found, function(one, other) return tonumber(one) < tonumber(other) end)
  return found
end

--- What the bells left in the directory for temporary files.
function world:left_files()
  local found = {}
  for name in lfs.dir(self.directory) do
    if name:find("^taskqueue%-") then found[#found + 1] = name end
  end
  return found
end

--- Sends a request and does not wait for its answer.
function world:open(path, seconds)
  local client = socket.tcp()
  client:settimeout(seconds or 20)
  assert(client:connect("127.0.0.1", self.port))
  assert(client:send(("GET %s HTTP/1.0\r\nHost: x\r\n\r\n"):format(path)))
  return client
end

--- The answer to a request that was sent: its body and status.
function world.read(client)
  local text = assert(client:receive("*a"))
  client:close()
  local status, body = text:match("^HTTP/1.%d (%d+).-\r\n\r\n(.*)$")
  return body, tonumber(status)
end

function world:get(path)
  return self.read(self:open(path))
end

--- Lets a worker stand still. The kernel may have it in mind for one more connection, which then
-- stays with it: what comes after that is taken by the others.
function world:halt(pid)
  self:signal("STOP", pid)
  self.await("another worker", function()
    return pcall(self.read, self:open("/result?id=none", 1))
  end)
end

return world
