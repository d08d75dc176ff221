-- SPDX-License-Identifier: MIT
-- Ctrl-C, as the interpreter makes it an error: with a process of its own and a real signal.
local support = require "support"

-- The host of the sanitizers does not make it one.
if not support.interpreter():find("lua[^/]*$") then return end

describe("an interrupted program", function()
  local sim

  before_each(function() sim = support.sim() end)
  after_each(support.finish)

  local BEGIN = [[
    local taskqueue = require "taskqueue"
    local client = taskqueue.mobizon.new { url = url, api_key = key, rate = 200 }
    local function ready()
      print "ready"
      io.stdout:flush()
    end
  ]]

  -- The script gets SIGINT once it has printed "ready", and is killed if that does not end it.
  local function ends_at_once(script)
    local path = support.file(("local url, key = %q, %q\n%s%s"):format(
      sim.url, sim.api_key, BEGIN, script))
    local output, status = support.shell(([[
      out=$(mktemp); timeout --foreground -s KILL 30 %s %s > $out 2>&1 & pid=$!
      for n in $(seq 200); do grep -q ready $out && break; sleep 0.05; done
      sleep 0.1; kill -INT $pid; wait $pid; status=$?
      cat $out; rm $out; exit $status]]):format(support.interpreter(), path))
    assert.matches("interrupted!", output)
    assert.not_matches("went on", output)
    assert.equal(1, status)
  end

  it("ends while it blocks in a wait", function()
    local id = sim:task { outcome = "stuck" }
    ends_at_once(([[
      client:wait_until_done("%s", { on_progress = ready })
      print "went on"]]):format(id))
  end)

  it("ends while it sleeps", function()
    ends_at_once [[
      ready()
      taskqueue.sleep(60)
      print "went on"]]
  end)

  it("ends while it waits for an answer", function()
    sim:fault { method = "report/create", delay = 60 }
    ends_at_once [[
      ready()
      client:call("report", "create")
      print "went on"]]
  end)

  it("ends while coroutines of the built-in loop wait", function()
    local id = sim:task { outcome = "stuck" }
    ends_at_once(([[
      taskqueue.run(function()
        for _ = 1, 5 do
          taskqueue.spawn(function() client:wait_until_done("%s") print "went on" end)
        end
        client:wait_until_done("%s", { on_progress = ready })
        print "went on"
      end)
      print "went on"]]):format(id, id))
  end)
end)
