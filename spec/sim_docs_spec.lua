-- SPDX-License-Identifier: MIT
local function snippets(name)
  local file = assert(io.open(name))
  local text = file:read("*a")
  file:close()
  return text:gmatch("\n```lua\n(.-)\n```\n")
end

describe("the simulator's manual", function()
  local n = 0
  for code in snippets("docs/simulator.md") do
    n = n + 1
    it("has a snippet " .. n .. " that runs", function()
      local run = assert((loadstring or load)(code, "=docs/simulator.md"))
      local environment = setmetatable({ print = function() end }, { __index = _G })
      if setfenv then
        setfenv(run, environment)
      else
        run = assert(load(code, "=docs/simulator.md", "t", environment))
      end
      run()
    end)
  end

  it("mentions every option of the program", function()
    local pipe = assert(io.popen("grep -o '^  --[a-z-]*' lua/bin/taskqueue-sim"))
    local file = assert(io.open("docs/simulator.md"))
    local manual = file:read("*a")
    for option in pipe:lines() do
      assert.truthy(manual:find("`" .. option:match("%S+"), 1, true))
    end
    pipe:close()
    file:close()
  end)

  it("mentions every option of a fault", function()
    local file = assert(io.open("docs/simulator.md"))
    local manual = file:read("*a")
    file:close()
    for name in pairs(require("taskqueue.sim.faults").schema) do
      assert.truthy(manual:find("`" .. name, 1, true), name)
    end
  end)
end)
