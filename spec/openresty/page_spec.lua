-- SPDX-License-Identifier: MIT
-- The page of examples/openresty in a browser. Debian has a WebSocket for LuaJIT alone.
if not rawget(_G, "jit") then return end

local browser = require "openresty.browser"
local outside = require "outside"
local support = require "support"

describe("the page of the example", function()
  local port, example, page

  local function start_example()
    local pipe = io.popen(("echo $$; exec examples/openresty/run %s 2>&1"):format(port))
    example = { pid = pipe:read "*l", pipe = pipe, said = pipe:read "*l" }
  end

  local function stop_example()
    os.execute("kill " .. example.pid)
    example.pipe:read "*a"
    example.pipe:close()
  end

  -- nginx and its workers: what was started by the example and is not the simulator.
  local function signal(name)
    os.execute(("for master in $(pgrep -P %s nginx); do kill -%s $master $(pgrep -P $master); done")
      :format(example.pid, name))
  end

  local function state_of(n)
    return ("document.querySelectorAll('li')[%d]?.dataset.state"):format(n)
  end

  setup(function()
    port = outside.free_port()
    start_example()
    page = browser.start(390, 800)
    page:open(("http://127.0.0.1:%s/"):format(port))
    page:await "document.querySelectorAll('li').length == 4"
  end)

  teardown(function()
    page:stop()
    stop_example()
    support.finish()
  end)

  it("says where it is", function()
    assert.equal(("The page is at http://127.0.0.1:%s/ (Ctrl-C ends it)"):format(port),
      example.said)
  end)

  it("says that it is connected, and fits into a phone", function()
    page:await "document.querySelector('#connection').textContent == 'live'"
    assert.equal(390, page:value "innerWidth")
    assert.is_true(page:value "document.documentElement.scrollWidth <= 390")
  end)

  it("moves its bars", function()
    page:await "[...document.querySelectorAll('progress')].some(bar => bar.value > 0)"
    page:value [[window.first = [...document.querySelectorAll('progress')].map(bar => bar.value)]]
    page:await [[
      [...document.querySelectorAll('progress')].some((bar, i) => bar.value > first[i])
    ]]
  end)

  it("starts a task and shows it as the first", function()
    page:value "document.querySelector('button').click()"
    page:await "document.querySelectorAll('li').length == 5"
    assert.equal("Task 100005", page:value "document.querySelector('li .id').textContent")
  end)

  it("shows how tasks have ended", function()
    page:await(state_of(2) .. " == 'failed'")
    assert.equal("failed", page:value "document.querySelectorAll('.state')[2].textContent")
    assert.equal("task 100003: rejected by the service",
      page:value "document.querySelectorAll('.more')[2].textContent")
    page:await(state_of(4) .. " == 'succeeded'")
    assert.equal("done", page:value "document.querySelectorAll('.state')[4].textContent")
    assert.equal(100, page:value "document.querySelectorAll('progress')[4].value")
  end)

  it("shows that the connection is lost, and that it is back", function()
    signal "STOP"
    page:await "document.body.dataset.connection == 'lost'"
    assert.equal("connection lost, trying again",
      page:value "document.querySelector('#connection').textContent")
    signal "CONT"
    page:await "document.body.dataset.connection == 'open'"
  end)

  it("goes on where it was when a worker has died", function()
    page:value [[
      window.lost = 0;
      new MutationObserver(() => { lost += document.body.dataset.connection == 'lost' })
        .observe(document.body, { attributes: true, attributeFilter: ['data-connection'] })
    ]]
    os.execute(("pkill -9 -P $(pgrep -P %s nginx)"):format(example.pid))
    page:await "lost > 0 && document.body.dataset.connection == 'open'"
    assert.equal(5, page:value "document.querySelectorAll('li').length")
  end)

  it("says so when a task cannot be started", function()
    signal "STOP"
    page:value [[
      window.fetch = () => Promise.reject(new Error("no answer"));
      document.querySelector('button').click()
    ]]
    page:await "!document.querySelector('#problem').hidden"
    assert.equal("The task was not started: no answer",
      page:value "document.querySelector('#problem').textContent")
    signal "CONT"
  end)
end)
