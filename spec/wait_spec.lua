-- SPDX-License-Identifier: MIT
local core = require "taskqueue.core"
local support = require "support"
local taskqueue = require "taskqueue"

local huge = math.huge

describe("waiting", function()
  local sim, client

  before_each(function()
    sim = support.sim()
    client = support.client(sim)
  end)

  after_each(support.finish)

  describe("for a task that ends", function()
    it("gives the final status", function()
      local id = sim:task { delay = 0.02, duration = 0.05 }
      assert.same({
        id = id, state = "succeeded", code = 2, progress = 100, done = true, ok = true,
      }, client:wait_until_done(id))
    end)

    it("gives a failure of kind failed when it was rejected", function()
      local id = sim:task { outcome = "rejected" }
      local status, message, kind, detail = client:wait_until_done(id)
      assert.is_nil(status)
      assert.equal(("task %s: rejected by the service"):format(id), message)
      assert.equal("failed", kind)
      assert.equal("failed", detail.status.state)
      assert.equal(taskqueue.mobizon.status.REJECTED, detail.code)
      assert.equal(1, detail.attempts)
    end)

    it("tells progress when something changed, and only then", function()
      local id = sim:task { duration = 0.2, progress = { { 0.5, 0 }, { 0.5, 50 }, { 1, 50 } } }
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
      local task = client:task(sim:task())
      assert.is_nil(task:last_status())
      local status = assert(task:wait_until_done())
      local polls = support.polls(sim)
      assert.equal(status, task:wait_until_done())
      assert.equal(status, task:last_status())
      assert.equal(polls, support.polls(sim))
    end)

    it("takes numbers and decimal text alike", function()
      local id = sim:task { duration = 60 }
      for _, data in ipairs {
        '{"progress":"40","status":"2"}', '{"progress":40.0,"status":2.0,"more":[1]}',
        '{"status":2,"progress":4e1}',
      } do
        sim:fault { data_json = data }
        local status = assert(client:wait_until_done(id))
        assert.same({ 40, 2, "succeeded" }, { status.progress, status.code, status.state })
        assert.equal("40", tostring(status.progress))
        assert.equal("2", tostring(status.code))
      end
    end)

    it("does without a progress that is missing or no number", function()
      local id = sim:task { duration = 60 }
      for _, progress in ipairs { "null", "{}", '"soon"', "true", "[]" } do
        sim:fault { data_json = ('{"progress":%s,"status":2}'):format(progress) }
        local status = assert(client:wait_until_done(id))
        assert.is_nil(status.progress)
      end
      sim:fault { data_json = '{"status":2}' }
      assert.is_nil(assert(client:wait_until_done(id)).progress)
    end)

    it("brings a progress that is out of range into it", function()
      local id = sim:task { duration = 60 }
      for given, expected in pairs { ["-5"] = 0, ["150"] = 100, ["99.9"] = 99 } do
        sim:fault { data_json = ('{"progress":%s,"status":2}'):format(given) }
        assert.equal(expected, assert(client:wait_until_done(id)).progress)
      end
    end)

    it("goes on after a status that is not documented", function()
      local id = sim:task { duration = 0.03 }
      local codes = {}
      sim:fault { data_json = '{"progress":10,"status":7}' }
      assert(client:wait_until_done(id, {
        on_progress = function(status) codes[#codes + 1] = status.state .. status.code end,
      }))
      assert.equal("running7", codes[1])
    end)

    it("keeps an id over 2^53 digit for digit", function()
      local id = sim:task { id = "9007199254740993" }
      assert.equal(id, assert(client:wait_until_done(id)).id)
    end)
  end)

  describe("for a task that is not there", function()
    it("ends at once with not_found", function()
      local status, message, kind, detail = client:wait_until_done(404)
      assert.is_nil(status)
      assert.matches("^task 404: not found", message)
      assert.equal("not_found", kind)
      assert.equal(2, detail.code)
      assert.equal(200, detail.http_status)
      assert.equal(1, detail.attempts)
    end)

    it("takes it for not there yet while the grace lasts", function()
      taskqueue.run(function()
        taskqueue.spawn(function()
          taskqueue.sleep(0.1)
          sim:task { id = "77" }
        end)
        assert(client:wait_until_done("77", { not_found_grace = 5 }))
      end)
    end)

    it("ends when the grace is over", function()
      local _, _, kind, detail = client:wait_until_done("77", { not_found_grace = 0.2 })
      assert.equal("not_found", kind)
      assert.is_true(detail.attempts >= 2)
    end)

    it("is expired when it has been seen before", function()
      local id = sim:task { duration = 60 }
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
      local id = sim:task()
      sim:fault { http_status = 502, body = "<html>" }
      sim:fault { reset = "before" }
      sim:fault { envelope = "garbage" }
      sim:fault { code = 15 }
      local status, _, _, detail = client:wait_until_done(id)
      assert.is_true(status and status.ok, detail)
      assert.equal(5, #sim:log())
    end)

    it("ends with the last one when max_poll_errors in a row were survived", function()
      local id = sim:task()
      sim:fault { times = 2, reset = "before" }
      sim:fault { times = huge, http_status = 500, body = "" }
      local _, message, kind, detail = client:wait_until_done(id, { max_poll_errors = 2 })
      assert.equal("http", kind)
      assert.equal(("task %s: HTTP 500"):format(id), message)
      assert.same({ 3, 500 }, { detail.attempts, detail.http_status })
    end)

    it("counts only those in a row", function()
      local id = sim:task { duration = 60 }
      for i = 1, 4 do
        sim:fault { code = 3 }
        sim:fault { data_json = i == 4 and '{"status":2}' or '{"status":1}' }
      end
      assert(client:wait_until_done(id, { max_poll_errors = 1 }))
    end)

    it("ends at once with one that stays", function()
      for _, case in ipairs {
        { { code = 8 }, "auth" }, { { code = 9 }, "auth" }, { { code = 14 }, "auth" },
        { { code = 1 }, "service" }, { { code = 12 }, "service" }, { { code = 13 }, "service" },
        { { code = 77 }, "service" }, { { http_status = 401, body = "" }, "auth" },
        { { http_status = 404, body = "<p>" }, "http" },
        { { http_status = 302, body = "" }, "http" },
      } do
        sim:fault(case[1])
        local _, message, kind, detail = client:wait_until_done(sim:task())
        assert.equal(case[2], kind, message)
        assert.equal(1, detail.attempts)
      end
    end)

    it("never takes an unreadable reply for an end", function()
      for _, envelope in ipairs {
        "", "null", "[]", "2", '"x"', "{}", '{"code":null}', '{"code":"x"}', '{"code":0}',
        '{"code":0,"data":[]}', '{"code":0,"data":2}', '{"code":0,"data":{"status":null}}',
        '{"code":0,"data":{"status":"done"}}', '{"code":0,"data":{"status":2.5}}',
        '{"code":0,"data":{"status":[2]}}', '{"code":100,"data":{"status":2}}',
        '{"code":0.5,"data":{"status":2}}', '{"code":0,"data":{"status":2}',
      } do
        sim:fault { envelope = envelope }
        local _, message, kind = client:wait_until_done(sim:task(), { max_poll_errors = 0 })
        assert.equal("protocol", kind, envelope)
        assert.matches("^task %d+: ", message)
      end
    end)

    it("does not believe a success under an HTTP status that is none", function()
      sim:fault { http_status = 500 }
      local _, _, kind = client:wait_until_done(sim:task(), { max_poll_errors = 0 })
      assert.equal("protocol", kind)
    end)

    it("reads an envelope under any HTTP status", function()
      sim:fault { http_status = 500, envelope = '{"code":"8","data":[],"message":"no"}' }
      local _, message, kind, detail = client:wait_until_done(sim:task())
      assert.equal("auth", kind)
      assert.matches('code 8%): "no"$', message)
      assert.same({ 8, 500 }, { detail.code, detail.http_status })
    end)

    it("gives up a reply that is too large", function()
      client = support.client(sim, { max_response_bytes = 1000 })
      sim:fault { times = 2, body = ("x"):rep(1001) }
      local _, message, kind = client:wait_until_done(sim:task(), { max_poll_errors = 0 })
      assert.equal("protocol", kind)
      assert.matches("larger than 1000 bytes", message)
      sim:clear_faults()
      assert(client:wait_until_done(sim:task()))
    end)

    it("retries when the connection is refused", function()
      local dead = taskqueue.mobizon.new { url = "http://127.0.0.1:1", api_key = "key", rate = 200 }
      local _, message, kind, detail = dead:wait_until_done("1", { max_poll_errors = 1 })
      assert.equal("network", kind)
      assert.matches("^task 1: ", message)
      assert.equal(2, detail.attempts)
      dead:close()
    end)

    it("gives up a request that is not answered", function()
      client = support.client(sim, { request_timeout = 0.1 })
      sim:fault { silent = true }
      assert(client:wait_until_done(sim:task()))
      sim:fault { silent = true }
      local _, _, kind = client:wait_until_done(sim:task(), { max_poll_errors = 0 })
      assert.equal("network", kind)
    end)
  end)

  describe("under refusals", function()
    it("costs the task nothing", function()
      sim:fault { times = 3, code = 30 }
      sim:fault { http_status = 429, body = "" }
      assert(client:wait_until_done(sim:task(), { max_poll_errors = 0 }))
    end)

    it("pushes back every task of the budget, and believes Retry-After", function()
      client = support.client(sim, { rate = 5 })
      local other = support.client(sim, { rate = 5 })
      sim:fault { http_status = 503, body = "", headers = { ["Retry-After"] = 1 } }
      taskqueue.run(function()
        for _, waiter in ipairs { client, other } do
          taskqueue.spawn(function() assert(waiter:wait_until_done(sim:task())) end)
        end
      end)
      local log = sim:log()
      assert.equal(3, #log)
      assert.is_true(log[2].time - log[1].time >= 0.99)
    end)

    it("ends with a timeout that says why", function()
      sim:fault { times = huge, code = 30 }
      local _, message, kind, detail = client:wait_until_done(sim:task(), { timeout = 0.2 })
      assert.equal("timeout", message)
      assert.equal("timeout", kind)
      assert.equal("throttled", detail.cause.kind)
    end)
  end)

  describe("with a deadline", function()
    it("ends with a timeout, and the last status", function()
      local id = sim:task { duration = 60 }
      local before = core.now()
      local status, message, kind, detail = client:wait_until_done(id, { timeout = 0.1 })
      assert.is_nil(status)
      assert.same({ "timeout", "timeout" }, { message, kind })
      assert.equal("running", detail.status.state)
      assert.is_true(detail.attempts > 1)
      assert.is_true(core.now() - before >= 0.1)
    end)

    it("gives up a request in flight", function()
      sim:fault { silent = true }
      local before = core.now()
      local _, _, kind = client:wait_until_done(sim:task(), { timeout = 0.1 })
      assert.equal("timeout", kind)
      assert.is_true(core.now() - before < 5)
    end)

    it("of none waits for ever", function()
      assert(client:wait_until_done(sim:task { duration = 0.05 }, { timeout = huge }))
    end)

    it("of nothing asks nothing", function()
      local _, _, kind, detail = client:wait_until_done(sim:task(), { timeout = 0 })
      assert.same({ "timeout", 0 }, { kind, detail.attempts })
      assert.equal(0, #sim:log())
    end)

    it("ends as stalled when nothing changes", function()
      local id = sim:task { duration = 60, progress = "none" }
      local _, message, kind, detail = client:wait_until_done(id, { stall_timeout = 0.1 })
      assert.equal("stalled", kind)
      assert.matches("no change for 0.1 seconds, last state running", message)
      assert.equal(0, detail.status.progress)
    end)
  end)

  describe("at a pace", function()
    it("puts off the first look", function()
      local before = sim:now()
      assert(client:wait_until_done(sim:task(), { first_delay = 0.1 }))
      assert.is_true(sim:log()[1].time - before >= 0.1)
    end)

    it("keeps the interval between two polls of a task", function()
      local id = sim:task { duration = 0.2 }
      assert(client:wait_until_done(id, { interval = 0.05 }))
      local log = sim:log()
      for i = 2, #log do assert.is_true(log[i].time - log[i - 1].time >= 0.05) end
    end)

    it("never polls faster than the budget, however many wait", function()
      local RATE = 100
      client = support.client(sim, { rate = RATE, max_connections = 8 })
      local other = support.client(sim, { rate = RATE })
      taskqueue.run(function()
        for i = 1, 40 do
          taskqueue.spawn(function()
            local id = sim:task { duration = 0.3 }
            assert((i % 2 == 0 and client or other):wait_until_done(id))
          end)
        end
      end)
      local log = sim:log()
      assert.is_true(#log > 40)
      for i = 2, #log do
        assert.is_true(log[i].time - log[i - 1].time >= 1 / RATE,
          ("polls %d and %d are %.6f s apart"):format(i - 1, i, log[i].time - log[i - 1].time))
      end
    end)

    it("is one poll a second unless told otherwise", function()
      client = taskqueue.mobizon.new { url = sim.url, api_key = sim.api_key }
      assert(client:get_status(sim:task()))
      assert(client:get_status(sim:task()))
      local log = sim:log()
      assert.is_true(log[2].time - log[1].time >= 1)
      client:close()
    end)

    it("takes turns, the oldest look first", function()
      client = support.client(sim, { rate = 50 })
      local ids = {}
      taskqueue.run(function()
        for i = 1, 5 do
          ids[i] = sim:task { duration = 60 }
          taskqueue.spawn(function() client:wait_until_done(ids[i], { timeout = 0.5 }) end)
        end
      end)
      local log = sim:log()
      assert.is_true(#log >= 10)
      for i = 6, #log do assert.equal(log[i - 5].id, log[i].id) end
    end)

    it("keeps one connection a client", function()
      taskqueue.run(function()
        for _ = 1, 20 do
          local id = sim:task { duration = 0.1 }
          taskqueue.spawn(function() assert(client:wait_until_done(id)) end)
        end
      end)
      assert.equal(1, sim:connections())
    end)
  end)

  describe("by several at once", function()
    it("shares the polls of a task", function()
      local id = sim:task { duration = 60 }
      local before
      taskqueue.run(function()
        for _ = 1, 10 do
          taskqueue.spawn(function()
            client:wait_until_done(id, { timeout = 0.3, interval = 0.1 })
          end)
        end
      end)
      before = support.polls(sim, id)
      assert.is_true(before <= 4, before)
    end)

    it("ends each at its own deadline", function()
      local id = sim:task { duration = 0.15 }
      local kinds = {}
      taskqueue.run(function()
        for _, timeout in ipairs { 0.05, 5 } do
          taskqueue.spawn(function()
            local status, _, kind = client:wait_until_done(id, { timeout = timeout })
            kinds[#kinds + 1] = status and status.state or kind
          end)
        end
      end)
      assert.same({ "timeout", "succeeded" }, kinds)
    end)

    it("lets each survive what it may", function()
      local id = sim:task()
      sim:fault { times = 2, code = 3 }
      local ends = {}
      taskqueue.run(function()
        for _, errors in ipairs { 1, 5 } do
          taskqueue.spawn(function()
            local status, _, kind = client:wait_until_done(id, { max_poll_errors = errors })
            ends[errors] = status and status.state or kind
          end)
        end
      end)
      assert.same({ [1] = "service", [5] = "succeeded" }, ends)
    end)
  end)

  describe("that is stopped", function()
    it("ends every waiter with cancelled, also during a request", function()
      local id = sim:task { duration = 60 }
      sim:fault { silent = true, times = huge }
      local kinds = {}
      taskqueue.run(function()
        for _ = 1, 3 do
          taskqueue.spawn(function()
            local _, message, kind = client:wait_until_done(id)
            kinds[#kinds + 1] = kind
            assert.equal(("task %s: waiting was stopped"):format(id), message)
          end)
        end
        taskqueue.sleep(0.05)
        client:task(id):stop_waiting()
      end)
      assert.same({ "cancelled", "cancelled", "cancelled" }, kinds)
      sim:clear_faults()
    end)

    it("can be stopped from on_progress", function()
      local task = client:task(sim:task { duration = 60 })
      local _, _, kind, detail = task:wait_until_done {
        on_progress = function() task:stop_waiting() end,
      }
      assert.equal("cancelled", kind)
      assert.equal("running", detail.status.state)
    end)

    it("tells the truth when the end is known already", function()
      local task = client:task(sim:task())
      assert.is_true(task:wait_until_done({ on_progress = function() task:stop_waiting() end }).ok)
    end)

    it("does nothing when nobody waits", function()
      client:task("1"):stop_waiting()
    end)
  end)

  describe("with a client that is closed", function()
    it("ends waits, looks and calls with closed", function()
      sim:fault { silent = true, times = huge }
      local kinds = {}
      taskqueue.run(function()
        taskqueue.spawn(function() kinds[1] = select(3, client:wait_until_done("1")) end)
        taskqueue.spawn(function() kinds[2] = select(3, client:get_status("2")) end)
        taskqueue.spawn(function() kinds[3] = select(3, client:call("report", "create")) end)
        taskqueue.sleep(0.05)
        client:close()
        client:close()
      end)
      assert.same({ "closed", "closed", "closed" }, kinds)
    end)

    it("gives closed at once", function()
      client:close()
      assert.equal("closed", select(3, client:wait_until_done("1")))
      assert.equal("closed", select(3, client:get_status("1")))
      assert.equal("closed", select(3, client:call("report", "create")))
      assert.matches("closed$", tostring(client))
    end)

    it("does not disturb waits of another client", function()
      local other = support.client(sim)
      taskqueue.run(function()
        taskqueue.spawn(function()
          assert(other:wait_until_done(sim:task { duration = 0.1 }))
        end)
        taskqueue.spawn(function() client:wait_until_done(sim:task { duration = 60 }) end)
        taskqueue.sleep(0.03)
        client:close()
      end)
    end)

    it("may be closed from on_progress", function()
      local _, _, kind = client:wait_until_done(sim:task { duration = 60 }, {
        on_progress = function() client:close() end,
      })
      assert.equal("closed", kind)
    end)
  end)

  describe("with an on_progress that fails", function()
    it("raises the same error from the wait, and leaves nothing behind", function()
      local object = {}
      local id = sim:task { duration = 60 }
      local ok, raised = pcall(client.wait_until_done, client, id, {
        on_progress = function() error(object) end,
      })
      assert.is_false(ok)
      assert.equal(object, raised)
      assert.is_nil(next(client.watches))
    end)

    it("disturbs no other waiter of the task", function()
      local id = sim:task { duration = 0.1 }
      local status
      pcall(taskqueue.run, function()
        taskqueue.spawn(function() status = client:wait_until_done(id) end)
        client:wait_until_done(id, { on_progress = function() error("boom") end })
      end)
      assert.is_true(status.ok)
    end)

    it("may itself wait", function()
      local inner = sim:task()
      local id = sim:task()
      local found
      assert(client:wait_until_done(id, {
        on_progress = function() found = client:wait_until_done(inner) end,
      }))
      assert.is_true(found.ok)
    end)
  end)
end)

describe("looking once", function()
  local sim, client

  before_each(function()
    sim = support.sim()
    client = support.client(sim)
  end)

  after_each(support.finish)

  it("gives the status as it is", function()
    local id = sim:task { delay = 60 }
    assert.same({ id = id, state = "pending", code = 0, progress = 0, done = false, ok = false },
      client:get_status(id))
    assert.equal(1, support.polls(sim))
  end)

  it("gives the status of a rejected task: the look succeeded", function()
    local status = assert(client:get_status(sim:task { outcome = "rejected" }))
    assert.same({ "failed", true, false }, { status.state, status.done, status.ok })
  end)

  it("is not retried", function()
    sim:fault { code = 15 }
    local _, _, kind, detail = client:get_status(sim:task())
    assert.same({ "service", 1 }, { kind, detail.attempts })
    assert.equal(1, #sim:log())
  end)

  it("is throttled when the service says so, and pushes the budget back", function()
    local id = sim:task()
    sim:fault { code = 30 }
    assert.equal("throttled", select(3, client:get_status(id)))
    local before = core.now()
    assert(client:get_status(id))
    assert.is_true(core.now() - before >= 0.04)
  end)

  it("is remembered by the handle", function()
    local task = client:task(sim:task())
    local status = task:get_status()
    assert.equal(status, task:last_status())
  end)

  it("takes its turn beside a wait on the same task", function()
    local id = sim:task { duration = 0.1 }
    local looked
    taskqueue.run(function()
      taskqueue.spawn(function() assert(client:wait_until_done(id)) end)
      taskqueue.sleep(0.02)
      looked = client:get_status(id)
      assert.equal("running", client:task(id):last_status().state)
    end)
    assert.equal("running", looked.state)
  end)
end)
