-- SPDX-License-Identifier: MIT
-- Where in nginx a wait may be, and where not.
local support = require "support"
local world = require "openresty.world"

describe("inside nginx", function()
  local sim, nginx

  local begun

  setup(function()
    sim = support.sim()
    begun = sim:task { duration = 0.3 }
    nginx = world.start(sim, { begun = begun })
  end)
  teardown(function()
    nginx:stop()
    support.finish()
  end)

  local function task(script)
    local complete = { duration = 0.1 }
    for name, value in pairs(script or {}) do complete[name] = value end
    return sim:task(complete)
  end

  for _, phase in ipairs { "rewrite", "access", "content" } do
    it("waits in the phase " .. phase, function()
      assert.equal("succeeded", (nginx:get(("/%s?id=%s"):format(phase, task()))))
      local failed = nginx:get(("/%s?id=%s"):format(phase, task { outcome = "rejected" }))
      assert.matches("^failed: ", failed)
    end)
  end

  it("waits in a timer", function()
    local id = task()
    nginx:get("/timer?id=" .. id)
    world.await("the timer's wait", function()
      return nginx:get("/result?id=" .. id) == "succeeded"
    end)
  end)

  it("waits in a timer that was made when the worker began", function()
    world.await("its wait", function()
      return nginx:get("/result?id=" .. begun) == "succeeded"
    end)
  end)

  it("waits in the background when the request is over", function()
    local ids = { task { duration = 0.5 }, task { outcome = "rejected" } }
    for _, id in ipairs(ids) do assert.equal("", (nginx:get("/watch?id=" .. id))) end
    for i, outcome in ipairs { "succeeded", "failed" } do
      world.await(outcome, function() return nginx:get("/result?id=" .. ids[i]) == outcome end)
    end
  end)

  it("raises at the caller's line in phases that cannot be suspended", function()
    nginx:get("/late")
    for _, phase in ipairs { "header_filter", "log", "init_worker" } do
      local text
      world.await(phase, function()
        text = nginx:get("/result?id=" .. phase)
        return text ~= ""
      end)
      assert.matches(('the phase "%s" of nginx cannot be suspended'):format(phase), text, 1, true)
      assert.matches("^[%w_]+_by_lua%(nginx.conf:%d+%):%d+: taskqueue: ", text)
    end
  end)

  it("lets light threads of one request wait side by side", function()
    local ids = {}
    for i = 1, 10 do ids[i] = task() end
    local ended = nginx:get("/threads?ids=" .. table.concat(ids, ","))
    assert.equal(("succeeded "):rep(10), ended)
    assert.equal(ended, (nginx:get("/all?ids=" .. table.concat(ids, ","))))
  end)

  it("runs a loop of its own in each request, also when others do", function()
    local clients = {}
    for i = 1, 8 do
      local ids = { task { duration = 0.2 }, task { duration = 0.1 * i }, task() }
      clients[i] = nginx:open("/run?ids=" .. table.concat(ids, ","))
    end
    for i = 1, 8 do
      assert.equal("succeeded succeeded succeeded 3", (world.read(clients[i])))
    end
  end)

  it("calls, sleeps and looks", function()
    assert.matches("^%l+$", (nginx:get("/call")))
  end)

  it("keeps a wait's timeout", function()
    local id = task { outcome = "stuck" }
    assert.equal("timeout: timeout", (nginx:get("/content?timeout=0.2&id=" .. id)))
  end)

  it("streams progress while it waits", function()
    local text = nginx:get("/progress?id=" .. task { duration = 0.3 })
    assert.matches("running %d+.*succeeded 100\nover\n$", text)
  end)

  it("has many requests wait at once", function()
    local clients = {}
    for i = 1, 100 do clients[i] = nginx:open("/content?id=" .. task { duration = 0.2 }) end
    for i = 1, 100 do assert.equal("succeeded", (world.read(clients[i]))) end
  end)

  it("leaves no complaint in the log, and no file", function()
    assert.same({}, nginx:logged("error"))
    assert.same({}, nginx:logged("alert"))
    assert.same({}, nginx:left_files())
  end)
end)
