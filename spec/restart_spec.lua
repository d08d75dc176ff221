-- SPDX-License-Identifier: MIT
-- A process that is killed in the middle of its waits, and the next one, which takes them up.
local support = require "support"
local taskqueue = require "taskqueue"

local OUTCOMES = { completed = "succeeded", rejected = "failed" }

describe("a restart", function()
  after_each(support.finish)

  it("after kill -9 in the middle of 100 waits loses none of them", function()
    local sim = support.sim()
    local path = support.file("")
    local expected, ids = {}, {}
    for i = 1, 100 do
      local outcome = i % 3 == 0 and "rejected" or "completed"
      local service = i % 2 == 0 and "node" or "mobizon"
      local id = sim:task {
        service = service, outcome = outcome, duration = 4 + i * 0.03,
      }
      ids[i], expected[id] = id, OUTCOMES[outcome]
    end
    local forgotten = ids[50]
    local function start(role)
      return assert(io.popen(("echo $$; exec %s spec/restart/child.lua %s %s %s %s %s %s"):format(
        arg[-1], role, path, sim.url, sim.node_url, sim.api_key,
        role == "first" and table.concat(ids, " ") or "")))
    end

    local first = start("first")
    local pid = first:read("*l")
    -- If it were left running, closing its pipe would wait for it for ever.
    finally(function() os.execute("kill -9 " .. pid .. " 2>/dev/null") end)
    -- Until everything is known to the file: the process is in the middle of its waits then.
    local function is_written()
      local file = io.open(path)
      local text = file:read("*a")
      file:close()
      return select(2, text:gsub('"state"', "")) == #ids
    end
    for _ = 1, 400 do
      if is_written() then break end
      taskqueue.sleep(0.05)
    end
    assert.is_true(is_written())
    assert(os.execute("kill -9 " .. pid))
    first:close()
    sim:forget(forgotten)
    expected[forgotten] = "expired"

    local second = start("second")
    second:read("*l")
    local count = 0
    for line in second:lines() do
      local id, state = line:match("^(%S+)%s+(%S+)$")
      assert.equal(expected[id], state, line)
      count = count + 1
    end
    second:close()
    os.remove(path .. ".new")
    assert.equal(#ids, count)
  end)
end)
