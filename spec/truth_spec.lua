-- SPDX-License-Identifier: MIT
-- A wait never ends wrong: two thousand at once, with one poll in five faulty. SEED=n in the
-- environment has a run again.
local core = require "taskqueue.core"
local support = require "support"
local taskqueue = require "taskqueue"

local WAITS = 2000
local SEED = tonumber(os.getenv "SEED") or os.time() % 2 ^ 31

-- Of a task that has not ended each of these would be a lie, were it believed. They come to one
-- poll in five.
local function faults_for(service)
  local done = service.text(service.SUCCEEDED, 100)
  local ended_badly = service.text(service.FAILED, 50)
  return {
    { reset = "before" }, { reset = "headers" }, { reset = "body" }, { truncate = 15 },
    { http_status = 502, body = "<html>Bad Gateway</html>" }, { http_status = 500, body = done },
    { http_status = 429, body = done, headers = { ["Retry-After"] = 0 } },
    { body = done .. done }, { body = done:sub(1, -2) }, { body = ended_badly:sub(1, -2) },
    { http_status = 503, body = ended_badly }, { body = "" }, service.transient,
    { raw = "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" .. done },
    { raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n" .. done },
    { raw = done },
  }
end
local CHANCE_OF_EACH = 1 - 0.8 ^ (1 / 16)

local function add_faults(sim, service)
  for i, fault in ipairs(faults_for(service)) do
    local rule = {}
    for name, value in pairs(fault) do rule[name] = value end
    rule.method, rule.times = service.POLL, math.huge
    rule.chance, rule.seed = CHANCE_OF_EACH, (SEED + i) % 2 ^ 31
    sim:fault(rule)
  end
end

-- What becomes of a task, how its wait has to end, and the wait's own options.
local scripts = {
  { of = 12, task = { outcome = "completed" }, ends = "succeeded" },
  { of = 4, task = { outcome = "rejected" }, ends = "failed" },
  { of = 1, task = { outcome = "stuck" }, ends = "timeout", wait = { timeout = 1.5 } },
  { of = 1, task = { outcome = "stuck" }, ends = "stalled", wait = { stall_timeout = 1 } },
  { of = 1, task = { duration = 600 }, ends = "expired", is_forgotten = true },
  { of = 1, ends = "not_found" },
}

local function pick_script()
  local ticket = math.random(20)
  for _, script in ipairs(scripts) do
    ticket = ticket - script.of
    if ticket <= 0 then return script end
  end
end

-- Failed polls in a row, of which thirty never come.
local SURVIVED = { 0, 1, 30, 30 }

local function plan(place)
  local script = pick_script()
  local wait = { timeout = 120, interval = 0.05, max_poll_errors = SURVIVED[math.random(4)] }
  for name, value in pairs(script.wait or {}) do wait[name] = value end
  local id = ("%d"):format(900000000 + math.random(99999999))
  if script.task then
    local task = { delay = 0.1 * math.random(), duration = 0.5 * math.random(), progress = "none" }
    for name, value in pairs(script.task) do task[name] = value end
    id = place.service.task(place.sim, task)
  end
  if script.is_forgotten then
    wait.on_progress = function() place.sim:forget(id) end
  end
  return { id = id, script = script, wait = wait, place = place }
end

local function follow(wait)
  local status, message, kind, detail = wait.place.client:wait_until_done(wait.id, wait.wait)
  wait.told_at = core.now()
  wait.ended = status and status.state or kind
  wait.message, wait.detail = message, detail
end

-- The polls of a wait, as the simulator saw them.
local function polls_by_id(sim)
  local polls = {}
  for _, entry in ipairs(sim:log()) do
    if entry.id then
      polls[entry.id] = polls[entry.id] or {}
      table.insert(polls[entry.id], entry)
    end
  end
  return polls
end

local PASSING = { network = true, protocol = true, http = true, service = true }

-- A wait may give up, but only when more polls than it survives were faulty, one after the other.
local function gave_up_rightly(wait, polls)
  local allowed = wait.wait.max_poll_errors
  if not PASSING[wait.ended] or #polls <= allowed then return false end
  for i = #polls - allowed, #polls do
    if not polls[i].fault then return false end
  end
  return true
end

-- What is wrong with how a wait ended, if anything is.
local function problem(wait, polls, ends)
  if wait.ended ~= wait.script.ends then
    return not gave_up_rightly(wait, polls) and "ended wrong" or nil
  end
  local is_end = wait.ended == "succeeded" or wait.ended == "failed"
  if is_end and ends[wait.id] > wait.told_at then return "told as ended before it had" end
end

-- Places with one service each, which misbehaves.
local function open_places()
  local places = {}
  for i, service in ipairs(support.services) do
    local sim = support.sim()
    local client = service.client(sim, { rate = math.huge })
    places[i] = { sim = sim, service = service, client = client }
    add_faults(sim, service)
  end
  return places
end

local function ends_by_id(sim)
  local ends = {}
  for _, task in ipairs(sim:tasks()) do ends[task.id] = task.ended end
  return ends
end

-- Fails when a wait ended wrong; counts how they ended.
local function check(place, waits, counts)
  local ends, polls = ends_by_id(place.sim), polls_by_id(place.sim)
  for _, wait in ipairs(waits) do
    if wait.place == place then
      local wrong = problem(wait, polls[wait.id] or {}, ends)
      assert.is_nil(wrong, ("SEED=%d: task %s of %s: %s: %s (%s) in place of %s"):format(SEED,
        wait.id, place.service.name, wrong or "", wait.ended, wait.message or "", wait.script.ends))
      local how = wait.ended == wait.script.ends and wait.ended or "gave up"
      counts[how] = (counts[how] or 0) + 1
    end
  end
end

describe("a wait among two thousand", function()
  after_each(support.finish)

  it("ends with its task's outcome, or gives up after faults alone #slow", function()
    math.randomseed(SEED)
    local places, waits, counts = open_places(), {}, {}
    for i = 1, WAITS do waits[i] = plan(places[i % #places + 1]) end
    taskqueue.run(function()
      for _, wait in ipairs(waits) do taskqueue.spawn(follow, wait) end
    end)
    for _, place in ipairs(places) do check(place, waits, counts) end
    for _, script in ipairs(scripts) do assert.is_true(counts[script.ends] > 20, script.ends) end
    assert.is_true(counts["gave up"] > 20)
  end)
end)
