-- SPDX-License-Identifier: MIT
-- The snippets of docs/fleet.md run, with a Redis of their own and the simulator for the service.
local taskqueue = require "taskqueue"
local world = require "fleet.world"

local load_text = loadstring or load

describe("docs/fleet.md", function()
  local here
  local new, real_print = taskqueue.mobizon.new, print

  before_each(function()
    here = world.new(20, 3)
    here.sim:task { id = "1", delay = 0, duration = 0.1 }
    rawset(taskqueue.mobizon, "new", function(options)
      options.url, options.api_key, options.rate = here.sim.url, here.sim.api_key, 20
      return new(options)
    end)
    rawset(_G, "print", function() end)
  end)

  after_each(function()
    rawset(taskqueue.mobizon, "new", new)
    rawset(_G, "print", real_print)
    for _, one in ipairs(require("taskqueue.client").open_ones()) do one:close() end
    here:close()
  end)

  local file = assert(io.open "docs/fleet.md")
  local number = 0
  for code in file:read("*a"):gmatch "\n```lua\n(.-)\n```" do
    number = number + 1
    it("has a snippet that runs, number " .. number, function()
      code = code:gsub("redis://127.0.0.1:6379", here.url)
      assert(load_text(code, "@docs/fleet.md"))()
    end)
  end
  file:close()
end)
