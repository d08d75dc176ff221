-- SPDX-License-Identifier: MIT
-- Every Lua snippet of the README and the manual runs, with the simulator for the service.
local core = require "taskqueue.core"
local support = require "support"
local shell = require "shell"
local taskqueue = require "taskqueue"

local load_text = loadstring or load

local function read(path)
  local file = assert(io.open(path))
  local text = file:read("*a")
  file:close()
  return text
end

local function snippets(path, language)
  local found = {}
  local fence = "\n```" .. (language or "lua") .. "\n(.-)\n```"
  for code in read(path):gmatch(fence) do found[#found + 1] = code end
  return found
end

describe("the documents", function()
  local new, new_node = taskqueue.mobizon.new, taskqueue.cnode.new
  local getenv, real_print = os.getenv, print
  local sim

  -- A snippet talks to Mobizon; here that is the simulator.
  before_each(function()
    sim = support.sim()
    rawset(taskqueue.mobizon, "new", function(options)
      if not options.url then
        options.host, options.url, options.rate = nil, sim.url, 200
      end
      return new(options)
    end)
    rawset(taskqueue.cnode, "new", function()
      return new_node { url = sim.node_url, rate = 200 }
    end)
    for id = 1, 3 do sim:task { id = tostring(id) } end
    rawset(os, "getenv", function(name)
      return name == "MOBIZON_API_KEY" and sim.api_key or getenv(name)
    end)
    rawset(_G, "print", function() end)
  end)

  after_each(function()
    rawset(taskqueue.mobizon, "new", new)
    rawset(taskqueue.cnode, "new", new_node)
    rawset(os, "getenv", getenv)
    rawset(_G, "print", real_print)
    taskqueue.use "builtin"
    support.finish()
  end)

  -- Not every loop is there on every Lua.
  local function is_runnable(code)
    for module in code:gmatch('require "(%l+)"') do
      if not pcall(require, module) then return false end
    end
    return core.is_pollable or not code:find("taskqueue.use", 1, true)
  end

  for _, path in ipairs { "README.md", "docs/waiting.md", "docs/clients.md", "docs/loops.md",
    "docs/guide.md", "docs/recipes.md", "docs/events.md" } do
    for number, code in ipairs(snippets(path)) do
      if is_runnable(code) then
        it(("run: %s, snippet %d"):format(path, number), function()
          assert(load_text(code, "@" .. path .. ":" .. number))()
        end)
      end
    end
  end

  -- What the blocks of Lua in nginx' configuration use of nginx, and no more.
  local function fake_nginx(printed)
    local kept = {}
    local shared = {
      set = function(_, key, value) kept[key] = value end,
      get = function(_, key) return kept[key] end,
    }
    return {
      DEBUG = 8, INFO = 7, WARN = 5, ERR = 4, header = {}, var = {},
      shared = { taskqueue_metrics = shared }, worker = { id = function() return 0 end },
      timer = { at = function(_, fn) fn() end, every = function() end },
      log = function(level, line) printed[#printed + 1] = level .. " " .. line end,
      print = function(text) printed[#printed + 1] = text end,
    }
  end

  it("have blocks of Lua for nginx that run", function()
    local printed, stops = {}, {}
    rawset(_G, "ngx", fake_nginx(printed))
    local on = taskqueue.on
    rawset(taskqueue, "on", function(...)
      stops[#stops + 1] = on(...)
      return stops[#stops]
    end)
    local client = support.client(sim)
    for _, config in ipairs(snippets("docs/events.md", "nginx")) do
      for code in config:gmatch("_by_lua_block (%b{})") do
        assert(load_text(code:sub(2, -2), "@nginx"))()
      end
    end
    assert(client:wait_until_done("1"))
    for _, stop in ipairs(stops) do stop() end
    rawset(taskqueue, "on", on)
    rawset(_G, "ngx", nil)
    assert.matches('taskqueue_clients{[^}]*worker="0"} 1\n', printed[1])
    assert.matches("^7 .*wait over: succeeded", printed[#printed])
  end)

  -- The commands that a page shows, but those that install or serve.
  local function commands(path)
    local found = {}
    for block in read(path):gmatch("\n```sh\n(.-)\n```") do
      for line in block:gmatch("[^\n]+") do
        if line:find("^taskqueue ") and not line:find("^taskqueue sim") then
          found[#found + 1] = line
        end
      end
    end
    for line in read(path):gmatch("`(taskqueue %l+ [^`]+)`") do found[#found + 1] = line end
    for line in read(path):gmatch("\n%.Dl (taskqueue [^\n]+)") do found[#found + 1] = line end
    return found
  end

  local function run(line)
    local folder = support.directory()
    local file = assert(io.open(folder .. "/people.csv", "w"))
    file:write("77011234567\n")
    file:close()
    file = assert(io.open(folder .. "/login.json", "w"))
    file:write('{"billonUserName":"u","billonUserPassword":"p"}')
    file:close()
    line = line:gsub("@people.csv", "@" .. folder .. "/people.csv")
      :gsub("login.json", folder .. "/login.json"):gsub("([<>] )ids", "%1" .. folder .. "/ids")
    return shell.run("echo 123 >" .. folder .. "/ids\n" .. line
      .. (line:find("<", 1, true) and "" or " </dev/null"), {
      MOBIZON_API_KEY = sim.api_key, MOBIZON_URL = sim.url, CNODE_URL = sim.node_url,
    })
  end

  it("show commands that work", function()
    for _, id in ipairs { "123", "124" } do sim:task { id = id } end
    local count = 0
    for _, path in ipairs {
      "README.md", "docs/guide.md", "docs/recipes.md", "docs/man/taskqueue.1",
    } do
      for _, line in ipairs(commands(path)) do
        if not line:find("^taskqueue sim") and not line:find("^taskqueue completion") then
          count = count + 1
          local _, status, errors = run(line)
          assert.equal("", errors, path .. ": " .. line)
          assert.equal(0, status, path .. ": " .. line)
        end
      end
    end
    assert.is_true(count >= 8)
  end)

  it("name every option of a wait and of a client, with its default", function()
    local waiting, clients = read("docs/waiting.md"), read("docs/clients.md")
    for name in pairs(require("taskqueue.wait").options) do
      assert.is_truthy(waiting:find("\n| `" .. name .. "` |", 1, true), name)
    end
    for name in pairs(require("taskqueue.client").options) do
      assert.is_truthy(clients:find("`" .. name .. "`", 1, true), name)
    end
  end)

  it("name every kind of failure and every code", function()
    local errors = read("docs/errors.md")
    for _, kind in pairs(taskqueue.kind) do
      assert.is_truthy(errors:find("| `" .. kind .. "` |", 1, true), kind)
    end
    for name, code in pairs(taskqueue.cnode.error) do
      assert.is_truthy(errors:find("`" .. name .. "`", 1, true), name)
      assert.is_truthy(errors:find("`" .. code .. "`", 1, true), code)
    end
    for name, code in pairs(taskqueue.mobizon.code) do
      assert.is_truthy(errors:find("`" .. name .. "`", 1, true), name)
      assert.matches("%f[%d]" .. code .. "%f[%D]", errors)
    end
  end)

  -- The anchors of a page's headings, as code forges make them.
  local function anchors_of(text)
    local anchors = {}
    for heading in ("\n" .. text):gmatch("\n#+ ([^\n]+)") do
      anchors[heading:lower():gsub("[^%w%- _]", ""):gsub(" ", "-")] = true
    end
    return anchors
  end

  it("link to files and headings that exist", function()
    local pages = { "README.md", "CONTRIBUTING.md" }
    for page in io.popen("ls docs/*.md"):lines() do pages[#pages + 1] = page end
    for _, page in ipairs(pages) do
      local folder = page:match("^.*/") or ""
      for target in read(page):gmatch("%]%(([^)]+)%)") do
        if not target:find("^https?:") then
          local file, anchor = target:match("^([^#]*)#?(.*)$")
          local text = read(file == "" and page or folder .. file)
          assert.is_true(anchor == "" or anchors_of(text)[anchor], page .. ": " .. target)
        end
      end
    end
    for target in read("SECURITY.md"):gmatch("`(%l+/[%w_/.]+)`") do read(target) end
  end)
end)
