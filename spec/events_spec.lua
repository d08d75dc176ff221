-- SPDX-License-Identifier: MIT
-- Events, on simulated time.
local support = require "support"
local taskqueue = require "taskqueue"
local testing = require "taskqueue.testing"
local watch = require "taskqueue.watch"

describe("taskqueue.on", function()
  local world, sms, heard, stops

  before_each(function()
    world = testing.start { seed = 3 }
    sms = world:mobizon { rate = 1 }
    heard, stops = {}, {}
  end)
  after_each(function()
    for _, stop in ipairs(stops) do stop() end
    world:stop()
    support.finish()
  end)

  local function listen(...)
    for _, event in ipairs { ... } do
      stops[#stops + 1] = taskqueue.on(event, function(record) heard[#heard + 1] = record end)
    end
  end

  local function of(event)
    local list = {}
    for _, record in ipairs(heard) do
      if record.event == event then list[#list + 1] = record end
    end
    return list
  end

  it("tells every change of state, with the state before, and whose task it is", function()
    listen "state"
    local id = world:task { delay = 5, duration = 20 }
    assert(sms:wait_until_done(id))
    local steps = {}
    for i, record in ipairs(heard) do
      steps[i] = { record.from or "-", record.to }
      assert.equal(id, record.id)
      assert.equal("mobizon", record.service)
      assert.equal(sms.url, record.url)
      assert.equal(record.to, record.status.state)
    end
    assert.same({ { "-", "pending" }, { "pending", "running" }, { "running", "succeeded" } }, steps)
  end)

  it("tells every poll, good and bad", function()
    listen "poll"
    local id = world:task { duration = 20 }
    world:fault { http_status = 502, body = "" }
    assert(sms:wait_until_done(id))
    assert.equal(#world:log(), #heard)
    assert.is_false(heard[1].ok)
    assert.equal("http", heard[1].kind)
    assert.equal(502, heard[1].detail.http_status)
    assert.is_true(heard[#heard].ok)
    assert.equal("succeeded", heard[#heard].status.state)
  end)

  it("tells of polls by get_status too", function()
    listen("poll", "state")
    assert(sms:get_status(world:task { duration = 20 }))
    assert.is_nil((sms:get_status "77"))
    assert.same({ true, false }, { of("poll")[1].ok, of("poll")[2].ok })
    assert.equal("running", of("state")[1].to)
  end)

  it("tells retries: the failure, how many in a row, and when the next poll comes", function()
    listen "retry"
    local id = world:task { duration = 20 }
    world:fault { http_status = 502, body = "", times = 3 }
    assert(sms:wait_until_done(id))
    assert.equal(3, #heard)
    for i, record in ipairs(heard) do
      assert.equal(i, record.failures)
      assert.equal("http", record.kind)
      assert.is_true(record.delay > 0)
    end
  end)

  it("tells refusals: what the service said, and when the budget lets the next poll go", function()
    listen "throttle"
    local id = world:task { duration = 20 }
    world:fault { http_status = 429, retry_after = 7 }
    assert(sms:wait_until_done(id))
    assert.equal(1, #heard)
    assert.equal(7, heard[1].retry_after)
    assert.is_true(heard[1].next_slot > 6 and heard[1].next_slot <= 8)
  end)

  it("tells the end of every wait: good, failed, and without an answer", function()
    listen "done"
    assert(sms:wait_until_done(world:task { duration = 20 }))
    sms:wait_until_done(world:task { duration = 20, outcome = "rejected" })
    sms:wait_until_done(world:task { duration = 100 }, { timeout = 10 })
    taskqueue.wait_all { sms:task(world:task { duration = 5 }) }
    local seen = {}
    for i, record in ipairs(heard) do
      seen[i] = { record.ok, record.kind or "-", record.status.state }
      assert.is_true(record.attempts == nil or record.attempts > 0)
    end
    assert.same({ { true, "-", "succeeded" }, { false, "failed", "failed" },
      { false, "timeout", "running" }, { true, "-", "succeeded" } }, seen)
    assert.is_true(math.abs(heard[3].seconds - 10) < 0.1)
  end)

  it("is heard by who begins to listen in the middle of a wait, until it is ended", function()
    local id = world:task { duration = 60 }
    taskqueue.run(function()
      taskqueue.spawn(function() assert(sms:wait_until_done(id)) end)
      taskqueue.sleep(10)
      local before = #world:log()
      local stop = taskqueue.on("poll", function(record) heard[#heard + 1] = record end)
      taskqueue.sleep(10)
      -- The first answer may be to a poll from before, and the last poll have none yet.
      assert.is_true(#heard > 3)
      assert.is_true(math.abs(#world:log() - before - #heard) <= 1)
      stop()
      stop()
      local count = #heard
      taskqueue.sleep(10)
      assert.equal(count, #heard)
      assert.is_true(#world:log() > before + count)
    end)
  end)

  it("runs no Lua for a poll without news unless somebody listens to polls", function()
    local calls = 0
    local function wait()
      calls = 0
      local id = world:task { duration = 30, progress = "none" }
      local waited = sms:task(id)
      taskqueue.run(function()
        taskqueue.spawn(function() assert(waited:wait_until_done()) end)
        taskqueue.sleep(0)
        local methods = watch.methods
        local read = methods.read
        methods.read = function(...)
          calls = calls + 1
          return read(...)
        end
        taskqueue.sleep(40)
        methods.read = read
      end)
      return calls
    end
    assert.equal(1, wait())
    listen("state", "retry", "throttle", "done")
    assert.equal(2, wait())
    listen "poll"
    local before = #world:log()
    assert.equal(wait(), #world:log() - before)
  end)

  it("keeps a listener's error from the wait, and gives it to the listeners of error", function()
    stops[1] = taskqueue.on("state", function() error("a bad listener", 0) end)
    listen("error", "done")
    assert(sms:wait_until_done(world:task { duration = 20 }))
    assert.equal("a bad listener", of("error")[1].message)
    assert.equal("state", of("error")[1].of)
    assert.is_true(of("done")[1].ok)
  end)

  it("tells of such an error on the error output when nobody listens", function()
    local written, stderr = {}, io.stderr
    local function write(_, ...) written[#written + 1] = table.concat { ... } end
    rawset(io, "stderr", { write = write })
    stops[1] = taskqueue.on("done", function() error("a bad listener", 0) end)
    local ok, status = pcall(sms.wait_until_done, sms, world:task { duration = 2 })
    rawset(io, "stderr", stderr)
    assert.is_true(ok and status.ok)
    assert.same({ "taskqueue: a listener of 'done' failed: a bad listener\n" }, written)
  end)

  it("goes on with the other listeners, and lets one end itself", function()
    local stop
    stops[1] = taskqueue.on("done", function() error("no") end)
    stop = taskqueue.on("done", function(record)
      heard[#heard + 1] = record
      stop()
    end)
    listen "error"
    for _ = 1, 2 do assert(sms:wait_until_done(world:task { duration = 2 })) end
    assert.equal(1, #of "done")
    assert.equal(2, #of "error")
  end)

  it("has no key in what it tells", function()
    listen("poll", "retry", "throttle", "state", "done")
    local secret = world:mobizon { api_key = "secret0key", url = "https://other.test" }
    world:fault { body = '{"code":8,"data":"secret0key","message":"secret0key"}' }
    secret:wait_until_done(world:task { duration = 2 })
    assert.equal(2, #heard)
    support.holds_no("secret0key", heard)
  end)

  it("blames the caller's line for an unknown event and for what is no function", function()
    local ok, message = pcall(taskqueue.on, "polls", print)
    assert.is_false(ok)
    assert.matches("no event 'polls'; there are poll, retry, throttle, state, "
      .. "done, sharing, error", message)
    ok, message = pcall(function() taskqueue.on("poll", 3) end)
    assert.is_false(ok)
    assert.matches("^spec/events_spec.lua:%d+: on: the second argument", message)
  end)

  it("leaves nothing behind", function()
    assert.same({}, require("taskqueue.heard"))
    assert.is_function(watch.of)
  end)
end)

describe("taskqueue.logger", function()
  after_each(support.finish)

  local function logged(level)
    local lines = {}
    testing.run({ seed = 3 }, function(world)
      local stop = require "taskqueue.logger" {
        level = level, write = function(line, of) lines[#lines + 1] = { line, of } end,
      }
      local sms = world:mobizon { rate = 1 }
      world:fault { http_status = 502, body = "" }
      assert(sms:wait_until_done(world:task { id = "5", duration = 10, progress = "none" }))
      world:fault { http_status = 429, retry_after = 2 }
      sms:wait_until_done(world:task { id = "6", duration = 2, outcome = "rejected" })
      stop()
      assert(sms:wait_until_done(world:task { duration = 2 }))
    end)
    return lines
  end

  local STAMP = "^%d+%-%d+%-%d+T%d+:%d+:%d+Z "

  local function words_of(lines)
    local words = {}
    for i, entry in ipairs(lines) do
      words[i] = entry[1]:gsub(STAMP .. "(%l+) +task (%d) of https://mobizon.test: ", "%1 %2 ")
      assert.equal(entry[2], words[i]:match("^%l+"))
    end
    return words
  end

  it("writes changes of state, retries, refusals and ends, with a time and a level", function()
    local words = words_of(logged())
    assert.matches("^warn 5 poll failed 1 times in a row, again in %d%.%d+ s: task 5: HTTP 502",
      words[1])
    assert.equal("info 5 running, was unknown", words[2])
    assert.equal("info 5 succeeded, was running", words[3])
    assert.matches("^info 5 wait over: succeeded 100%% after 1%d%.%d s$", words[4])
    assert.matches("^warn 6 task 6: too many requests %(HTTP 429%), next poll in %d%.%d s$",
      words[5])
    assert.equal("info 6 failed, was unknown", words[6])
    assert.matches("^warn 6 wait over: task 6: rejected by the service after %d%.%d s$", words[7])
    assert.equal(7, #words)
  end)

  it("has every poll at the level debug, and only what is wrong at warn and error", function()
    local polls = 0
    for _, words in ipairs(words_of(logged "debug")) do
      if words:find("^debug %d poll: ") then polls = polls + 1 end
    end
    assert.is_true(polls > 5)
    assert.equal(3, #logged "warn")
    assert.same({}, logged "error")
  end)

  it("refuses a level that there is not", function()
    assert.has_error(function() require "taskqueue.logger" { level = "loud" } end)
  end)
end)

describe("taskqueue.metrics", function()
  local metrics = require "taskqueue.metrics"
  after_each(support.finish)

  -- Reads the text format, strictly: a metric by its labels, and what was said of its type.
  local function parse(text)
    local values, types, helped = {}, {}, {}
    assert.equal("\n", text:sub(-1))
    for line in text:gmatch("([^\n]*)\n") do
      local kind, name, rest = line:match("^# (%u+) ([%a_][%w_]*) (.+)$")
      if kind == "HELP" then
        helped[name] = true
      elseif kind then
        assert.equal("TYPE", kind)
        assert.is_true(helped[name])
        types[name] = rest
      else
        local metric, labels, value = line:match('^([%a_][%w_]*){(.*)} ([^ ]+)$')
        assert.is_truthy(types[metric], line)
        assert.is_truthy(tonumber(value), line)
        assert.is_nil(values[metric .. labels], "twice: " .. line)
        values[metric .. labels] = tonumber(value)
      end
    end
    return values, types
  end

  it("gives the numbers of stats, as Prometheus reads them", function()
    testing.run(function(world)
      local sms = world:mobizon { rate = 1 }
      world:fault { http_status = 502, body = "" }
      assert(sms:wait_until_done(world:task { duration = 10 }))
      taskqueue.spawn(function() assert(sms:wait_until_done(world:task { duration = 10 })) end)
      taskqueue.sleep(3)
      local values, types = parse(metrics())
      local labels = 'method="taskqueue/getStatus",url="https://mobizon.test"'
      assert.equal(1, values["taskqueue_waits" .. labels])
      assert.equal(1, values["taskqueue_tasks" .. labels])
      assert.equal(1, values["taskqueue_poll_retries_total" .. labels])
      assert.equal(taskqueue.stats().budgets[1].polls, values["taskqueue_polls_total" .. labels])
      assert.equal("counter", types.taskqueue_polls_total)
      assert.equal("gauge", types.taskqueue_waits)
    end)
  end)

  it("adds up the budgets of several keys at one place, and shows no key", function()
    testing.run(function(world)
      for _, key in ipairs { "secret0one", "secret0two" } do
        assert(world:mobizon { api_key = key }:get_status(world:task()))
      end
      local text = metrics()
      local values = parse(text)
      local place = 'method="taskqueue/getStatus",url="https://mobizon.test"'
      assert.equal(2, values["taskqueue_clients" .. place])
      support.holds_no("secret0", text)
    end)
  end)

  it("adds labels, escaped", function()
    testing.run(function(world)
      world:cnode()
      local text = metrics { labels = { worker = 3, place = 'a"b\\c\nd' } }
      assert.is_truthy(text:find('place="a\\"b\\\\c\\nd",', 1, true))
      assert.is_truthy(text:find('worker="3"', 1, true))
    end)
    assert.has_error(function() metrics { labels = { ["a-b"] = 1 } } end)
  end)
end)
