-- SPDX-License-Identifier: MIT
local support = require "support"
local taskqueue = require "taskqueue"

local huge = math.huge

for _, service in ipairs(support.services) do
  describe("waiting for " .. service.name, function()
    local sim, client

    local function new_client(options) return service.client(sim, options) end
    local function new_task(script) return service.task(sim, script) end

    before_each(function()
      sim = support.sim()
      client = new_client()
    end)

    after_each(support.finish)

    describe("for a task that ends", function()
      it("gives the final status", function()
        local id = new_task { delay = 0.02, duration = 0.05 }
        local status = assert(client:wait_until_done(id))
        assert.same({ id, "succeeded", service.SUCCEEDED, 100, true, true }, {
          status.id, status.state, status.code, status.progress, status.done, status.ok,
        })
      end)

      it("gives a failure of kind failed when it was rejected", function()
        local id = new_task { outcome = "rejected" }
        local status, message, kind, detail = client:wait_until_done(id)
        assert.is_nil(status)
        assert.equal(("task %s: %s"):format(id, service.FAILED_TEXT), message)
        assert.equal("failed", kind)
        assert.equal("failed", detail.status.state)
        assert.equal(service.FAILED, detail.code)
        assert.equal(1, detail.attempts)
      end)

      it("tells progress when something changed, and only then", function()
        local id = new_task { duration = 1.5, progress = { { 0.5, 0 }, { 0.5, 50 }, { 1, 50 } } }
        local seen = {}
        assert(client:wait_until_done(id, {
          on_progress = function(status)
            seen[#seen + 1] = ("%s %d"):format(status.state, status.progress)
          end,
        }))
        assert.same({ "running 0", "running 50", "succeeded 100" }, seen)
        assert.is_true(support.polls(sim) > 3)
      end)

      it("knows it afterwards without asking again", function()
        local task = client:task(new_task())
        assert.is_nil(task:last_status())
        local status = assert(task:wait_until_done())
        local polls = support.polls(sim)
        assert.equal(status, task:wait_until_done())
        assert.equal(status, task:last_status())
        assert.equal(polls, support.polls(sim))
      end)

      it("goes on after a status that is not documented", function()
        local id = new_task { duration = 0.03 }
        local codes = {}
        sim:fault(service.reply(service.UNKNOWN, 10))
        assert(client:wait_until_done(id, {
          on_progress = function(status) codes[#codes + 1] = status.state .. status.code end,
        }))
        assert.equal("running" .. service.UNKNOWN, codes[1])
      end)

    end)

    describe("for a task that is not there", function()
      it("ends at once with not_found", function()
        local status, message, kind, detail = client:wait_until_done(404)
        assert.is_nil(status)
        assert.matches("^task 404: ", message)
        assert.equal("not_found", kind)
        assert.equal(service.NOT_FOUND, detail.code)
        assert.equal(200, detail.http_status)
        assert.equal(1, detail.attempts)
      end)

      it("takes it for not there yet while the grace lasts", function()
        taskqueue.run(function()
          taskqueue.spawn(function()
            taskqueue.sleep(0.1)
            new_task { id = "77" }
          end)
          assert(client:wait_until_done("77", { not_found_grace = 5 }))
        end)
      end)

      it("ends when the grace is over", function()
        local _, _, kind, detail = client:wait_until_done("77", { not_found_grace = 0.2 })
        assert.equal("not_found", kind)
        assert.is_true(detail.attempts >= 2)
      end)

      it("is expired when this handle has seen it before the wait", function()
        local id = new_task { duration = 60 }
        local task = client:task(id)
        assert(task:get_status())
        sim:forget(id)
        assert.equal("expired", select(3, task:get_status()))
        assert.equal("expired", select(3, task:wait_until_done { not_found_grace = 60 }))
      end)

      it("is expired when it has been seen before", function()
        local id = new_task { duration = 60 }
        local _, message, kind, detail = client:wait_until_done(id, {
          on_progress = function() sim:forget(id) end, not_found_grace = 60,
        })
        assert.equal("expired", kind)
        assert.matches("its outcome is unknown", message)
        assert.equal("running", detail.status.state)
      end)
    end)

    describe("through failures", function()
      it("survives those that pass", function()
        local id = new_task()
        sim:fault { http_status = 502, body = "<html>" }
        sim:fault { reset = "before" }
        sim:fault { envelope = "garbage" }
        sim:fault(service.transient)
        local status, _, _, detail = client:wait_until_done(id)
        assert.is_true(status and status.ok, detail)
        assert.equal(5, #sim:log())
      end)

      it("ends with the last one when max_poll_errors in a row were survived", function()
        local id = new_task()
        sim:fault { times = 2, reset = "before" }
        sim:fault { times = huge, http_status = 500, body = "" }
        local _, message, kind, detail = client:wait_until_done(id, { max_poll_errors = 2 })
        assert.equal("http", kind)
        assert.equal(("task %s: HTTP 500"):format(id), message)
        assert.same({ 3, 500 }, { detail.attempts, detail.http_status })
      end)

      it("counts only those in a row", function()
        local id = new_task { duration = 60 }
        for i = 1, 4 do
          sim:fault(service.transient)
          sim:fault(service.reply(i == 4 and service.SUCCEEDED or service.RUNNING, 50))
        end
        assert(client:wait_until_done(id, { max_poll_errors = 1 }))
      end)

      it("ends at once with a failure that stays", function()
        for _, case in ipairs(service.permanent) do
          sim:fault(case[1])
          local _, message, kind, detail = client:wait_until_done(new_task())
          assert.equal(case[2], kind, message)
          assert.equal(1, detail.attempts)
        end
      end)

      it("never takes an unreadable reply for an end", function()
        for _, body in ipairs(service.unreadable) do
          sim:fault { envelope = body }
          local status, message, kind = client:wait_until_done(new_task(), { max_poll_errors = 0 })
          assert.is_nil(status, body)
          assert.equal("protocol", kind, body)
          assert.matches("^task %w+: ", message)
        end
      end)

      it("never takes a reply that is cut off for an end, wherever it is cut", function()
        local body = service.text(service.SUCCEEDED, 100)
        for length = 0, #body - 1 do
          sim:fault { envelope = body:sub(1, length) }
          local _, _, kind = client:wait_until_done(new_task(), { max_poll_errors = 0 })
          assert.equal("protocol", kind)
        end
        sim:fault { envelope = body }
        assert(client:wait_until_done(new_task(), { max_poll_errors = 0 }))
      end)

      it("never takes a reply that is nested without end for anything", function()
        local body = ("<a>"):rep(350000)
        for _, hostile in ipairs { body, ("["):rep(1e6), ('{"code":'):rep(130000) } do
          sim:fault { envelope = hostile }
          local _, _, kind = client:wait_until_done(new_task(), { max_poll_errors = 0 })
          assert.equal("protocol", kind)
        end
      end)

      it("does not believe a success under an HTTP status that is none", function()
        sim:fault { http_status = 500 }
        local _, _, kind = client:wait_until_done(new_task(), { max_poll_errors = 0 })
        assert.equal("protocol", kind)
      end)

      it("gives up a reply that is too large", function()
        client = new_client { max_response_bytes = 1000 }
        sim:fault { times = 2, body = ("x"):rep(1001) }
        local _, message, kind = client:wait_until_done(new_task(), { max_poll_errors = 0 })
        assert.equal("protocol", kind)
        assert.matches("larger than 1000 bytes", message)
        sim:clear_faults()
        assert(client:wait_until_done(new_task()))
      end)

      it("gives up a reply of 100 MiB, whether its length is told or not #slow", function()
        local MIB = 1024 * 1024
        for _, fault in ipairs {
          { raw = "HTTP/1.1 200 OK\r\n\r\n" .. ("x"):rep(100 * MIB) },
          { raw = ("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"):format(100 * MIB) },
        } do
          sim:fault(fault)
          local _, message, kind = client:wait_until_done(new_task(), { max_poll_errors = 0 })
          assert.equal("protocol", kind)
          assert.matches("larger than 16777216 bytes", message)
        end
      end)

      it("retries when the connection is refused", function()
        local dead = new_client { url = "http://127.0.0.1:1" }
        local _, message, kind, detail = dead:wait_until_done("1", { max_poll_errors = 1 })
        assert.equal("network", kind)
        assert.matches("^task 1: ", message)
        assert.equal(2, detail.attempts)
        dead:close()
      end)

      it("gives up a request that is not answered", function()
        client = new_client { request_timeout = 0.1 }
        sim:fault { silent = true }
        assert(client:wait_until_done(new_task()))
        sim:fault { silent = true }
        local _, _, kind = client:wait_until_done(new_task(), { max_poll_errors = 0 })
        assert.equal("network", kind)
      end)
    end)

    describe("under refusals", function()
      it("costs the task nothing", function()
        local refusal = { times = 3 }
        for name, value in pairs(service.refusal) do refusal[name] = value end
        sim:fault(refusal)
        sim:fault { http_status = 429, body = "" }
        assert(client:wait_until_done(new_task(), { max_poll_errors = 0 }))
      end)

      it("ends with a timeout that says why", function()
        sim:fault { times = huge, http_status = 429, body = "" }
        local _, message, kind, detail = client:wait_until_done(new_task(), { timeout = 0.2 })
        assert.equal("timeout", message)
        assert.equal("timeout", kind)
        assert.equal("throttled", detail.cause.kind)
      end)
    end)
  end)
end
