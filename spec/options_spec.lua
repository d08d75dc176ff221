-- SPDX-License-Identifier: MIT
local taskqueue = require "taskqueue"

local KEY = ("k"):rep(40)

-- The error that a call raises; it has to blame this file.
local function error_of(fn, ...)
  local ok, message = pcall(fn, ...)
  assert.is_false(ok)
  return message
end

local function new(options)
  return error_of(function() taskqueue.mobizon.new(options) end)
end

describe("options of a client", function()
  it("name an unknown one at the caller's line", function()
    assert.matches("^spec/options_spec.lua:%d+: mobizon.new: unknown option 'colour'$",
      new { api_key = KEY, colour = 1 })
  end)

  it("suggest the name that was meant", function()
    assert.matches("unknown option 'apiKey' %(did you mean 'api_key'%?%)", new { apiKey = KEY })
  end)

  it("name a missing one", function()
    assert.matches("the option 'api_key' is missing", new {})
    assert.matches("the option 'api_key' is missing", new(nil))
  end)

  it("name one of the wrong type, and what it should be", function()
    for name, value in pairs {
      rate = 0, connect_timeout = -1, request_timeout = "30", max_response_bytes = 1.5,
      max_connections = 0, insecure = "yes", ca_file = 1, proxy = {}, user_agent = "a\r\nb",
      format = "yaml", key_in = "header", burst = 0,
    } do
      local message = new { api_key = KEY, [name] = value }
      assert.matches("^spec/options_spec.lua:%d+: mobizon.new: option '" .. name .. "' must be ",
        message)
    end
    assert.matches("option 'rate' must be a positive number", new { api_key = KEY, rate = 0 / 0 })
  end)

  it("never quote a key", function()
    local message = new { api_key = KEY .. "\n" }
    assert.matches("option 'api_key' must be a string", message)
    assert.is_nil(message:find(KEY, 1, true))
  end)

  it("refuse a URL that is not plain http or https", function()
    for _, url in ipairs {
      "ftp://h", "http://", "h", "http://u:p@h", "http://h?a=1", "http://h#f",
    } do
      assert.matches("^spec/options_spec.lua:%d+: mobizon.new: url: not a plain http",
        new { api_key = KEY, url = url })
    end
  end)

  it("refuse plain http to another machine, and tell the way out", function()
    for _, options in ipairs {
      { url = "http://api.mobizon.kz" }, { url = "http://10.0.0.1:80/" }, { url = "HTTP://h" },
      { url = "http://localhost.example" }, { url = "http://127.0.0.1.example" },
      { url = "http://0.0.0.0" }, { url = "http://[::2]" }, { url = "http://[::ffff:7f00:1]" },
      { url = "http://h", proxy = "http://127.0.0.1:1" }, { url = "http://h", proxy = "https://h" },
      { url = "http://127.0.0.1", proxy = "http://h:1" }, { url = "http://[::1]", proxy = "h:1" },
      { url = "http://localhost", proxy = "socks5h://10.0.0.1" },
    } do
      options.api_key = KEY
      local message = new(options)
      assert.matches("^spec/options_spec.lua:%d+: mobizon.new: url: plain http to another machine",
        message)
      assert.matches("set allow_plain_http = true$", message)
      options.allow_plain_http = true
      taskqueue.mobizon.new(options):close()
    end
    local ok, message = pcall(taskqueue.cnode.new, { url = "http://node.example:9091/" })
    assert.is_false(ok)
    assert.matches("cnode.new: url: plain http to another machine", message)
  end)

  it("take plain http to this machine, in every spelling, and https to any", function()
    for _, options in ipairs {
      { url = "http://localhost:1" }, { url = "http://LOCALHOST" }, { url = "http://127.1.2.3/x" },
      { url = "http://[::1]:80/" }, { url = "http://0x7f.1" }, { url = "https://h" },
      { url = "https://h", proxy = "http://h:3128" }, { url = "https://h", proxy = "socks5://h" },
      { url = "http://127.0.0.1", proxy = "http://[::1]:1" }, { host = "h" },
    } do
      options.api_key = KEY
      taskqueue.mobizon.new(options):close()
    end
  end)

  it("refuse whatever could end a header or a request line in it", function()
    for _, name in ipairs { "api_key", "url", "host", "proxy", "user_agent", "ca_file" } do
      for _, bytes in ipairs { "\r", "\n", "\r\nX-Evil: 1\r\n", "\0", "\127" } do
        local options = { api_key = KEY }
        options[name] = "http://127.0.0.1" .. bytes
        assert.matches("option '" .. name .. "' must be a string", new(options))
      end
    end
    for _, name in ipairs { "username", "password" } do
      assert.is_false((pcall(taskqueue.cnode.new, { [name] = "a\r\nX-Evil: 1" })))
      assert.is_false((pcall(taskqueue.cnode.new, { [name] = "a\0b" })))
    end
    for _, url in ipairs { "http://127.0.0.1/ X", "http://127.0.0.1%0d%0aX", "http://a b" } do
      assert.matches("url: not a plain http", new { api_key = KEY, url = url })
    end
    local ok, message = pcall(taskqueue.cnode.new, { username = "a:b", password = "c" })
    assert.is_false(ok)
    assert.matches("option 'username' must be a string .* no colon", message)
  end)

  it("refuse host and url together, and a host that is no name", function()
    assert.matches("either 'host' or 'url'", new { api_key = KEY, url = "https://h", host = "h" })
    assert.matches("must be a host name", new { api_key = KEY, host = "evil/path?" })
  end)

  it("must be a table", function()
    assert.matches("the options must be a table, not a string", new(KEY))
  end)
end)

describe("options of a wait", function()
  local client = taskqueue.mobizon.new { api_key = KEY, url = "http://127.0.0.1:1" }

  local function wait(options)
    return error_of(function() client:wait_until_done("1", options) end)
  end

  it("are checked at the caller's line before anything is sent", function()
    assert.matches("^spec/options_spec.lua:%d+: wait_until_done: unknown option 'timout'$",
      wait { timout = 1 })
    assert.matches("^spec/options_spec.lua:%d+: .*'timeout' must be a number of seconds",
      wait { timeout = "5" })
    assert.matches("not nan", (wait { timeout = 0 / 0 }:gsub("%-nan", "nan")))
    assert.matches("'max_poll_errors' must be a whole number", wait { max_poll_errors = 1.5 })
    assert.matches("'on_progress' must be a function, not 1", wait { on_progress = 1 })
    assert.matches("'stall_timeout' must be a positive number", wait { stall_timeout = 0 })
  end)

  it("are checked by a task's method too", function()
    local task = client:task(1)
    assert.matches("^spec/options_spec.lua:%d+: wait_until_done: unknown option 'x'$",
      error_of(function() task:wait_until_done { x = 1 } end))
  end)

  it("take a callable table for a function", function()
    local callable = setmetatable({}, { __call = function() end })
    local _, _, kind = client:wait_until_done("1", { timeout = 0, on_progress = callable })
    assert.equal("timeout", kind)
  end)
end)

describe("an id", function()
  local client = taskqueue.mobizon.new { api_key = KEY, url = "http://127.0.0.1:1" }

  it("is text or a whole number, kept as text", function()
    assert.equal("7", client:task(7).id)
    assert.equal("7", client:task(7.0).id)
    assert.equal("9007199254740993", client:task("9007199254740993").id)
    assert.equal("4294967296", client:task(2 ^ 32).id)
  end)

  it("is refused at the caller's line when it is anything else", function()
    for _, bad in ipairs { 1.5, "", "1\r\nX: y", "a\0b", "\255", true, {}, 1 / 0 } do
      local message = error_of(function() client:task(bad) end)
      assert.matches("^spec/options_spec.lua:%d+: task: the id must be", message)
    end
    assert.matches("^spec/options_spec.lua:%d+: task: the id",
      error_of(function() client:get_status(nil) end))
    assert.matches("^spec/options_spec.lua:%d+: task: the id",
      error_of(function() client:wait_until_done(nil) end))
  end)
end)
