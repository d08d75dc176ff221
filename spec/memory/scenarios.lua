-- SPDX-License-Identifier: MIT
--[[
What host.c does while memory runs out. Each scenario is a function and gets what it needs ready
before; after it the same is done again, with memory, and must succeed. The URLs are those of
servers that always answer the same.
]]
package.path = "lua/?.lua;lua/?/init.lua;" .. package.path
local scenario, urls = ...
-- With its compiler on, LuaJIT itself does not always survive that.
if jit then jit.off() end

-- The first run is the one without memory: it is not worth a long wait. The second has enough.
local is_second = false

local kinds = { network = true, protocol = true, timeout = true }

-- A wait may fail for want of memory, but it never tells anything wrong.
local function check(status, message, kind)
  if status then
    assert(status.ok and status.state == "succeeded")
  else
    assert(not is_second and kinds[kind], ("%s: %s"):format(tostring(kind), tostring(message)))
  end
end

-- Without memory a URL cannot be read, and what cannot be read is refused as plain HTTP that shows
-- the key: a safe answer, and not the one that is looked for here.
local function options(url)
  return {
    url = url, api_key = "key", rate = 1e6, connect_timeout = 1, request_timeout = 1,
    allow_plain_http = true,
  }
end

local function wait()
  return { timeout = is_second and 20 or 0.2, max_poll_errors = 100 }
end

local function prepare()
  local taskqueue = require "taskqueue"
  require("taskqueue.watch").first_retry = 0.001
  -- LuaJIT's `require` does not always survive that either, in the middle of a module.
  for _, name in ipairs { "calls.mobizon", "calls.cnode", "wait", "many", "run", "file" } do
    require("taskqueue." .. name)
  end
  return taskqueue
end

-- The node's clients know no key.
local function node(url)
  local given = options(url)
  given.api_key = nil
  given.username, given.password = "user", "secret"
  return require("taskqueue").cnode.new(given)
end

local runs = {}

function runs.load()
  -- Lua 5.1 remembers that loading a module failed.
  for name in pairs(package.loaded) do
    if name:find "^taskqueue" or name == "cjson" then package.loaded[name] = nil end
  end
  assert(require "taskqueue"._VERSION)
end

function runs.client()
  local client = prepare().mobizon.new(options(urls.mobizon))
  assert(tostring(client) and client:task(5).id == "5")
  client:close()
  node(urls.node):close()
end

function runs.decode()
  local core = require "taskqueue.core"
  local value = assert(core.decode_json '{"a":[1,2.5,12345678901234567890],"b":{"c":"x"}}')
  assert(value.a[3] == "12345678901234567890" and value.b.c == "x")
  value = assert(core.decode_xml "<a><b>1</b><b>2</b><b>3</b><c id='i'/><d href='#i'/></a>")
  assert(value.b[3] == "3")
  value = assert(core.decode_soap "<Envelope><Body><r><a>1</a></r></Body></Envelope>")
  assert(value.a == "1")
end

function runs.encode()
  local core = require "taskqueue.core"
  assert(core.encode_form { b = { 1, 2.5, { c = true } }, a = "&" }
    == "a=%26&b%5B0%5D=1&b%5B1%5D=2.5&b%5B2%5D%5Bc%5D=1")
  assert(core.encode_soap { b = { 1, 2 }, a = { c = "<" } } == "<a><c>&lt;</c></a><b>1</b><b>2</b>")
end

function runs.json()
  local client = prepare().mobizon.new(options(urls.mobizon))
  check(client:wait_until_done(5, wait()))
  client:close()
end

function runs.xml()
  local given = options(urls.xml)
  given.format = "xml"
  local client = prepare().mobizon.new(given)
  check(client:wait_until_done(5, wait()))
  client:close()
end

function runs.soap()
  local client = node(urls.node)
  check(client:wait_until_done(5, wait()))
  local status, message, kind = client:get_status(5)
  check(status, message, kind)
  assert(status == nil or (status.info.a[1] == 1 and status.type == "A"))
  client:close()
end

function runs.call()
  local taskqueue = prepare()
  local client = taskqueue.mobizon.new(options(urls.background))
  local task, message, kind = client:call("report", "create", {
    list = { 1, 2 }, file = taskqueue.file { path = "LICENSE" },
  })
  if kind then check(task, message, kind) else assert(task.id == "12345678901234567") end
  client:close()
  client = node(urls.node)
  task, message, kind = client:call("startLogin", { a = { b = 1 } })
  if kind then check(task, message, kind) else assert(task.id == "5") end
  client:close()
end

function runs.many()
  local taskqueue = prepare()
  local sms, other = taskqueue.mobizon.new(options(urls.mobizon)), node(urls.node)
  taskqueue.run(function()
    local tasks = { sms:task(1), sms:task(2), other:task(3) }
    for _, result in ipairs(taskqueue.wait_all(tasks, wait())) do
      check(result.status, result.message, result.kind)
    end
    taskqueue.spawn(function() taskqueue.sleep(0.001) end)
  end)
  sms:close()
  other:close()
end

function runs.failure()
  local client = prepare().mobizon.new(options(urls.refusing))
  local _, message, kind, detail = client:wait_until_done(5, wait())
  if is_second or kind == "service" then
    assert(message:find "not valid" and detail.code == 1 and detail.data.id[1] == "no")
  else
    check(nil, message, kind)
  end
  client:close()
end

-- Nothing is left in the engine, whatever happened.
local function finish()
  collectgarbage()
  collectgarbage()
  local native = require("taskqueue.core").engine()
  native:step(0)
  assert(native:take() == nil and native:in_flight() == 0, "something is left in the engine")
end

local function run()
  runs[scenario]()
end

local function run_again()
  -- A loop that an error broke off still has the coroutines that it had: it is not run again.
  if scenario == "many" then return end
  is_second = true
  runs[scenario]()
  finish()
end

local function nothing() end

return scenario == "load" and nothing or prepare, run, run_again
