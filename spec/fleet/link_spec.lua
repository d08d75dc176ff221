-- SPDX-License-Identifier: MIT
-- The connection to Redis on bytes that a server sends, good and bad.
local link = require "taskqueue.fleet.link"
local socket = require "socket"
local support = require "support"
local taskqueue = require "taskqueue"

local PATIENCE = 0.5

describe("a link", function()
  local listener, port, near, replies, failures

  before_each(function()
    listener = assert(socket.bind("127.0.0.1", 0))
    port = tostring((select(2, listener:getsockname())))
    replies, failures = {}, {}
  end)

  after_each(function()
    if near then near:close("closed") end
    near = nil
    listener:close()
    taskqueue.step(0)
    support.finish()
  end)

  local function open(address, on_message)
    near = link.open(address or { host = "127.0.0.1", port = port }, PATIENCE, {
      down = function(problem) failures[#failures + 1] = problem end, message = on_message,
    })
    return near
  end

  local function note(reply, problem)
    replies[#replies + 1] = { reply, problem }
  end

  local function step_until(what, holds)
    for _ = 1, 500 do
      if holds() then return end
      taskqueue.step(0.01)
    end
    error("waited in vain for " .. what)
  end

  -- The other end, after the link has connected.
  local function accept()
    listener:settimeout(0)
    local far
    step_until("a connection", function()
      far = far or listener:accept()
      return far and near.native:is_up()
    end)
    far:settimeout(5)
    return far
  end

  local function send_slowly(far, bytes)
    for i = 1, #bytes do
      far:send(bytes:sub(i, i))
      taskqueue.step(0)
    end
  end

  it("gives each command its reply, however the bytes are cut", function()
    open()
    for i = 1, 6 do near:command(note, "ECHO", tostring(i)) end
    local far = accept()
    assert.equal("*2", far:receive())
    send_slowly(far, "+OK\r\n:42\r\n$-1\r\n$3\r\na\0b\r\n*3\r\n:1\r\n*1\r\n$1\r\nx\r\n$-1\r\n"
      .. "-ERR no\r\n")
    step_until("the replies", function() return #replies == 6 end)
    assert.same({
      { "OK" }, { 42 }, { false }, { "a\0b" }, { { 1, { "x" }, false } }, { nil, "ERR no" },
    }, replies)
    far:close()
  end)

  it("sends binary words as they are, and large ones whole", function()
    open()
    local word = ("\0\r\n\255"):rep(300000)
    near:command(note, "SET", word)
    local far = accept()
    local got
    far:settimeout(0)
    local parts, count = {}, 0
    local expected = "*2\r\n$3\r\nSET\r\n$1200000\r\n" .. word .. "\r\n"
    step_until("all of it", function()
      local text, _, rest = far:receive(65536)
      got = text or rest
      parts[#parts + 1], count = got, count + #got
      return count >= #expected
    end)
    assert.is_true(table.concat(parts) == expected)
    far:close()
  end)

  it("takes what is published apart from replies", function()
    local heard = {}
    open(nil, function(channel, text) heard[#heard + 1] = { channel, text } end)
    near:command(note, "SUBSCRIBE", "c")
    local far = accept()
    far:send("*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n")
    far:send("*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n")
    step_until("both", function() return #replies == 1 and #heard == 1 end)
    assert.same({ "c", "hi" }, heard[1])
    far:close()
  end)

  for what, bytes in pairs {
    ["what is no reply"] = "HTTP/1.1 400 Bad Request\r\n\r\n",
    ["a length that cannot be"] = "$99999999999999999999\r\n",
    ["a list that nests for ever"] = ("*1\r\n"):rep(100),
  } do
    it("breaks on " .. what .. ", and tells who waits", function()
      open()
      near:command(note, "PING")
      local far = accept()
      far:send(bytes)
      step_until("the failure", function() return #failures == 1 end)
      assert.matches("cannot read what Redis sent", failures[1])
      assert.same({ { nil, failures[1] } }, replies)
      near:command(note, "PING")
      assert.equal("the connection is closed", replies[2][2])
      far:close()
    end)
  end

  it("breaks when the other end hangs up in the middle of a reply", function()
    open()
    near:command(note, "PING")
    local far = accept()
    far:send("$10\r\nhal")
    far:close()
    step_until("the failure", function() return #failures == 1 end)
    assert.matches("the connection broke: ", failures[1])
    assert.equal(1, #replies)
  end)

  it("breaks when there is no answer for too long", function()
    open()
    near:command(note, "PING")
    local far = accept()
    step_until("the failure", function() return #failures == 1 end)
    assert.matches("no answer for 0", failures[1])
    far:close()
  end)

  it("says what is wrong with where it should go", function()
    for pattern, address in pairs {
      ["cannot connect: Connection refused"] = { host = "127.0.0.1", port = "1" },
      ["cannot look the host up: "] = { host = "nowhere.invalid", port = "1" },
      ["cannot connect: No such file"] = { path = "/nowhere/socket" },
      ["cannot connect: the path"] = { path = "/" .. ("x"):rep(200) },
    } do
      failures = {}
      open(address)
      step_until(pattern, function() return #failures == 1 end)
      assert.matches(pattern, failures[1])
    end
  end)

  it("lets a program end while its host is looked up", function()
    local script = [['local core = require "taskqueue.fleet.core"
      for _ = 1, 4 do core.connect("nowhere.invalid", "1") end']]
    for _ = 1, 5 do
      assert.same({ "", 0 }, { support.shell(support.interpreter() .. " -e " .. script) })
    end
  end)

  it("can be closed while its host is looked up", function()
    open { host = "nowhere.invalid", port = "1" }
    near:command(note, "PING")
    near:close("not needed")
    assert.same({ { nil, "not needed" } }, replies)
  end)
end)
