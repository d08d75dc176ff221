-- SPDX-License-Identifier: MIT
-- Requests that are over before their waits.
local core = require "taskqueue.core"
local support = require "support"
local taskqueue = require "taskqueue"
local world = require "openresty.world"

describe("a request that is over", function()
  local sim, nginx

  setup(function()
    sim = support.sim()
    nginx = world.start(sim)
  end)
  teardown(function()
    nginx:stop()
    support.finish()
  end)

  -- A task that is polled often, and what is polled.
  local function stuck()
    return sim:task { outcome = "stuck" }
  end

  local function begins(id)
    world.await("polls of " .. id, function() return support.polls(sim, id) > 3 end)
  end

  -- No poll for a while, and soon.
  local function ceases(id)
    local polls, since = support.polls(sim, id), core.now()
    world.await("the end of the polls of " .. id, function()
      local now = support.polls(sim, id)
      if now ~= polls then polls, since = now, core.now() end
      return core.now() - since > 0.7
    end, 6)
  end

  it("ends its wait when its client goes away", function()
    local id = stuck()
    local client = nginx:open("/content?id=" .. id)
    begins(id)
    client:close()
    ceases(id)
  end)

  it("leaves the waits of others on the same task", function()
    local id = sim:task { duration = 3 }
    local leaver, stayer = nginx:open("/content?id=" .. id), nginx:open("/content?id=" .. id)
    taskqueue.sleep(0.2)
    leaver:close()
    assert.equal("succeeded", (world.read(stayer)))
  end)

  it("ends the waits of its light threads by ngx.exit", function()
    local id = stuck()
    assert.equal("gone", (nginx:get("/exit?id=" .. id)))
    assert.is_true(support.polls(sim, id) > 0)
    ceases(id)
  end)

  it("ends the wait of a light thread that it kills", function()
    local id = stuck()
    assert.equal("1", (nginx:get("/kill?id=" .. id)))
    assert.is_true(support.polls(sim, id) > 0)
    ceases(id)
  end)

  it("ends the waits of its built-in loop, and disturbs no other", function()
    local ids, task = { stuck(), stuck() }, sim:task { duration = 3 }
    local clients, stayers = {}, {}
    for i = 1, 2 do
      clients[i] = nginx:open("/run?ids=" .. table.concat(ids, ","))
      stayers[i] = nginx:open("/run?ids=" .. task)
    end
    for _, id in ipairs(ids) do begins(id) end
    for i = 1, 2 do clients[i]:close() end
    for _, id in ipairs(ids) do ceases(id) end
    for i = 1, 2 do assert.equal("succeeded 1", (world.read(stayers[i]))) end
    assert.equal("succeeded 1", (nginx:get("/run?ids=" .. sim:task())))
  end)

  it("ends a wait for many tasks", function()
    local ids = { stuck(), stuck(), stuck() }
    local client = nginx:open("/all?ids=" .. table.concat(ids, ","))
    begins(ids[3])
    client:close()
    for i = 1, 3 do ceases(ids[i]) end
  end)

  it("leaves no complaint in the log", function()
    assert.same({}, nginx:logged("error"))
    assert.same({}, nginx:logged("alert"))
  end)
end)
