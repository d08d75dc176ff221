-- SPDX-License-Identifier: MIT
-- Hostile replies: see spec/hostile/json.lua and spec/hostile/xml.lua.
local core = require "taskqueue.core"
local support = require "support"

-- What a look makes of a reply: a task's state, or the kind of failure.
local function told(sim, client, id, text)
  sim:fault { id = id, body = text }
  local status, _, kind = client:get_status(id)
  return status and status.state or kind
end

describe("hostile JSON:", function()
  local sim, client, id

  setup(function()
    sim = support.sim()
    client = support.services[1].client(sim)
    id = sim:task { outcome = "stuck" }
  end)

  teardown(support.finish)

  local function decoded(text)
    local document = core.decode_json('{"x":' .. text .. "}")
    return document and document.x
  end

  for _, case in ipairs(require "hostile.json") do
    it(case[1], function()
      local text, expected = case[2], case[3]
      local value = decoded(text)
      assert.same(expected, value)
      local reply = '{"code":0,"data":{"progress":1,"status":2},"message":' .. text .. "}"
      local seen = told(sim, client, id, reply)
      assert.equal(expected ~= nil and "succeeded" or "protocol", seen)
    end)
  end

  for _, case in ipairs(require("hostile.json_whole")) do
    it(case[1], function()
      local good = '{"code":0,"data":{"progress":1,"status":2},"message":""}'
      local text = case[2]:gsub("{good}", good)
      if case.recode then text = case.recode(text) end
      assert.equal(case[3], told(sim, client, id, text))
    end)
  end
end)

local ATTRIBUTES = {}
for i = 1, 10000 do ATTRIBUTES[i] = (" a%d=''"):format(i) end

local PARTS = {
  ["Mobizon in XML"] = {
    open = "<r>", close = "</r>",
    good = "<code>0</code><data><status>2</status><progress>1</progress></data>",
    running = "<data><status>1</status></data>",
  },
  ["the Corporate Node"] = {
    open = "<e:Envelope xmlns:e='e'><e:Body><n:r xmlns:n='ns1'><return>",
    close = "</return></n:r></e:Body></e:Envelope>",
    good = "<status>FINISHED_OK</status><requestStatus>SUCCESS</requestStatus>",
    running = "<status>TRANSFERRING</status>",
  },
}

for _, service in ipairs(support.services) do
  local parts = PARTS[service.name]
  if parts then
    parts.attributes = table.concat(ATTRIBUTES)

    describe("hostile XML to " .. service.name .. ":", function()
      local sim, client, id

      setup(function()
        sim = support.sim()
        client = service.client(sim)
        id = service.task(sim, { outcome = "stuck" })
      end)

      teardown(support.finish)

      for _, case in ipairs(require "hostile.xml") do
        it(case[1], function()
          local text = case[2]:gsub("{(%l+)}", parts)
          if case.recode then text = case.recode(text) end
          assert.equal(case[3], told(sim, client, id, text))
        end)
      end
    end)
  end
end
