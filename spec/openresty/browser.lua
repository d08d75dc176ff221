-- SPDX-License-Identifier: MIT
-- A headless Chromium, driven by its DevTools protocol.
local json = require "cjson"
local outside = require "outside"
local request = require "http.request"
local support = require "support"
local websocket = require "http.websocket"

local browser = {}

local mt = { __index = browser }

-- Seconds that it may take, on a machine that does much else.
local PATIENCE = 60

-- As root it cannot have its sandbox.
local COMMAND = [[
chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --remote-debugging-port=0 \
  --user-data-dir=%s --window-size=%d,%d about:blank >%s/log 2>&1 & echo $!]]

local function await(what, fn)
  return outside.await(what, fn, PATIENCE)
end

local function socket_url(port)
  local url = ("http://127.0.0.1:%s/json/list"):format(port)
  local _, stream = request.new_from_uri(url):go(PATIENCE)
  for _, target in ipairs(json.decode(assert(stream:get_body_as_string(PATIENCE)))) do
    if target.type == "page" then return target.webSocketDebuggerUrl end
  end
end

--- Starts one with a page of this size.
function browser.start(width, height)
  local self = setmetatable({ directory = support.directory(), number = 0 }, mt)
  local pipe = io.popen(COMMAND:format(self.directory, width, height, self.directory))
  self.pid = pipe:read "*l"
  pipe:close()
  local port = await("the browser", function()
    return outside.read(self.directory .. "/DevToolsActivePort"):match("^%d+")
  end)
  self.socket = websocket.new_from_uri(await("a page", function() return socket_url(port) end))
  assert(self.socket:connect(PATIENCE))
  -- A window is never as narrow as a phone.
  self:command("Emulation.setDeviceMetricsOverride", {
    width = width, height = height, deviceScaleFactor = 1, mobile = true,
  })
  return self
end

function browser:stop()
  os.execute(("kill %s; while kill -0 %s 2>/dev/null; do sleep 0.05; done"):format(self.pid,
    self.pid))
end

function browser:command(method, parameters)
  self.number = self.number + 1
  self.socket:send(json.encode { id = self.number, method = method, params = parameters })
  repeat
    local text = assert(self.socket:receive(PATIENCE))
    local reply = json.decode(text)
    if reply.id == self.number then
      assert(not reply.error, reply.error and reply.error.message)
      return reply.result
    end
  until false
end

function browser:open(url)
  self:command("Page.navigate", { url = url })
end

--- The value of an expression of JavaScript in the page.
function browser:value(expression)
  local result = self:command("Runtime.evaluate", {
    expression = expression, returnByValue = true,
  })
  assert(not result.exceptionDetails, expression)
  return result.result.value
end

--- Waits until an expression is true.
function browser:await(expression)
  await(expression, function() return self:value(expression) == true end)
end

return browser
