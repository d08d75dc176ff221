-- SPDX-License-Identifier: MIT
-- Every Lua snippet of the README and the manual runs, with the simulator for the service.
local core = require "taskqueue.core"
local support = require "support"
local taskqueue = require "taskqueue"

local load_text = loadstring or load

local function read(path)
  local file = assert(io.open(path))
  local text = file:read("*a")
  file:close()
  return text
end

local function snippets(path)
  local found = {}
  for code in read(path):gmatch("\n```lua\n(.-)\n```") do found[#found + 1] = code end
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

  for _, path in ipairs { "README.md", "docs/waiting.md", "docs/clients.md", "docs/loops.md" } do
    for number, code in ipairs(snippets(path)) do
      if is_runnable(code) then
        it(("run: %s, snippet %d"):format(path, number), function()
          assert(load_text(code, "@" .. path .. ":" .. number))()
        end)
      end
    end
  end

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

  it("link to files that exist", function()
    local pages = { "README.md", "CONTRIBUTING.md" }
    for page in io.popen("ls docs/*.md"):lines() do pages[#pages + 1] = page end
    for _, page in ipairs(pages) do
      local folder = page:match("^.*/") or ""
      for target in read(page):gmatch("%]%(([^)#]+)") do
        if not target:find("^https?:") then read(folder .. target) end
      end
    end
    for target in read("SECURITY.md"):gmatch("`(%l+/[%w_/.]+)`") do read(target) end
  end)
end)
