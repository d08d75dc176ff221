-- SPDX-License-Identifier: MIT
-- Every way in which a wait ends, on simulated time.
local simulated = require "simulated"
local support = require "support"
local taskqueue = require "taskqueue"

for _, service in ipairs(simulated.services) do
  describe("on simulated time, waiting for " .. service.name, function()
    local world, client
    local cases = simulated.cases(service, function(fresh, own) world, client = fresh, own end)
    local new_task = cases.new_task

    local function simulate(sentence, fn, options) it(sentence, cases.inside(fn, options)) end

    after_each(support.finish)

    describe("ends with the kind", function()
      local function ends_with(kind, fault, options)
        world:fault(fault)
        local checked = { max_poll_errors = 0 }
        for name, value in pairs(options or {}) do checked[name] = value end
        local status, message, of, detail = client:wait_until_done(new_task(), checked)
        assert.is_nil(status)
        assert.equal(kind, of, message)
        assert.equal(1, detail.attempts)
      end

      simulate("network, tls, http, protocol, auth or service, as the poll did", function()
        ends_with("network", { outcome = "network" })
        ends_with("network", { outcome = "silent" })
        ends_with("tls", { outcome = "tls" })
        ends_with("tls", { outcome = "untrusted" }, { max_poll_errors = 10 })
        ends_with("http", { http_status = 503, body = "" })
        ends_with("http", { http_status = 404, body = "" }, { max_poll_errors = 10 })
        ends_with("protocol", { body = "<" })
        ends_with("protocol", { outcome = "unreadable" })
        ends_with("auth", { http_status = 401, body = "" }, { max_poll_errors = 10 })
        ends_with("service", { code = service.transient })
        if service.denied then ends_with("auth", { code = service.denied }) end
      end)

      simulate("failed, not_found or expired, as the service said", function()
        assert.equal("failed", select(3, client:wait_until_done(new_task { outcome = "rejected" })))
        assert.equal("not_found", select(3, client:wait_until_done("404")))
        local task = client:task(new_task())
        assert(task:get_status())
        world:forget(task.id, service.kind)
        assert.equal("expired", select(3, task:wait_until_done()))
      end)

      simulate("throttled never: a refusal pushes back", function()
        world:fault { http_status = 429, body = "", retry_after = 100 }
        assert(client:wait_until_done(new_task { duration = 1 }, { max_poll_errors = 0 }))
        assert.is_true(world:now() >= 100)
        world:fault { http_status = 429, body = "" }
        assert.equal("throttled", select(3, client:get_status(new_task())))
      end)

      simulate("cancelled at once, while it sleeps and while a request is under way", function()
        for _, latency in ipairs { 0.05, 20 } do
          local task = client:task(new_task { outcome = "stuck" })
          world:fault { latency = latency }
          local kind, at
          taskqueue.spawn(function()
            _, _, kind = task:wait_until_done { interval = 30 }
            at = world:now()
          end)
          taskqueue.sleep(10)
          local stopped = world:now()
          task:stop_waiting()
          taskqueue.sleep(0)
          taskqueue.sleep(0)
          assert.same({ "cancelled", stopped }, { kind, at })
          taskqueue.sleep(60)
        end
      end)

      simulate("closed when its client is", function()
        local kind
        taskqueue.spawn(function() kind = select(3, client:wait_until_done(new_task())) end)
        taskqueue.sleep(10)
        client:close()
        taskqueue.sleep(0)
        taskqueue.sleep(0)
        assert.equal("closed", kind)
        assert.equal("closed", select(3, client:wait_until_done("1")))
      end)
    end)
  end)
end
