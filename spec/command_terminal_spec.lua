-- SPDX-License-Identifier: MIT
-- The program on a terminal: what is seen, at several widths.
local support = require "support"
local terminal = require "terminal"

local AT_80 = [[
task                        progress                   %  state      left  seen
5000000001                  [##..................]   12%  running
5000000002                  [####................]   24%  running
5000000003                  [####################]  100%  succeeded
5000000004                  [#########...........]   48%  running
5000000005                  [############........]   60%  failed
5000000006                  [##############......]   72%  running
5000000007                  [################....]   84%  running
5000000008                  [###################.]   96%  running
cnode:7W3A0N..1TKLS54A9PTR  [####################]  100%  failed
cnode:ECTZ6M..NG8XVHA02SQS  [....................]    0%  running]]

local AT_40 = [[
task       bar        % state left seen
5000000001 [.....]  12% run
5000000002 [#....]  24% run
5000000003 [#####] 100% ok
5000000004 [##...]  48% run
5000000005 [###..]  60% FAIL
5000000006 [###..]  72% run
5000000007 [####.]  84% run
5000000008 [####.]  96% run
cnod..9PTR [#####] 100% FAIL
cnod..2SQS [.....]   0% run]]

local AT_30 = [[
task       % state left seen
500..01  12% run
500..02  24% run
500..03 100% ok
500..04  48% run
500..05  60% FAIL
500..06  72% run
500..07  84% run
500..08  96% run
cno..TR 100% FAIL
cno..QS   0% run]]

describe("taskqueue on a terminal", function()
  local sim, environment, opened

  before_each(function()
    sim = support.sim()
    environment = {
      MOBIZON_URL = sim.url, MOBIZON_API_KEY = sim.api_key, CNODE_URL = sim.node_url,
    }
  end)
  after_each(function()
    if opened then opened:close() end
    opened = nil
    support.finish()
  end)

  local function open(columns, rows, script)
    opened = terminal.open(columns, rows, script, environment)
    return opened
  end

  -- Ten tasks in which nothing moves any more: their table is the same each time.
  local function ten_tasks()
    local labels = {}
    for i = 1, 8 do
      local percent = 12 * i
      labels[i] = sim:task {
        id = tostring(5000000000 + i), progress = { { 0, percent }, { 1, percent } },
        outcome = i == 3 and "completed" or i == 5 and "rejected" or "stuck",
      }
    end
    labels[9] = "cnode:" .. sim:task { service = "node", outcome = "FINISHED_ERR_USER_REJECTED" }
    labels[10] = "cnode:" .. sim:task { service = "node", outcome = "stuck", progress = "none" }
    return "taskqueue wait --rate 100 " .. table.concat(labels, " ")
  end

  -- The times in the last two columns depend on the machine.
  local function without_times(screen)
    return ((screen .. "\n"):gsub(" +%d+[smhd]%f[\n ]", ""):gsub("\n$", ""))
  end

  -- Fails, with the screen, unless the table comes.
  local function wait_for_table(expected)
    opened:wait_for(function(screen) return without_times(screen) == expected end)
  end

  it("shows ten tasks as a table with bars at 80 columns", function()
    open(80, 24, ten_tasks())
    wait_for_table(AT_80)
  end)

  it("shows the same at 40 columns", function()
    open(40, 24, ten_tasks())
    wait_for_table(AT_40)
  end)

  it("leaves the bars out at 30", function()
    open(30, 24, ten_tasks())
    wait_for_table(AT_30)
  end)

  it("tells when the end is expected, and how old that knowledge is", function()
    local id = sim:task { duration = 300 }
    open(80, 24, "taskqueue wait --rate 5 " .. id)
    local screen = opened:wait_for(" %d+%%  running +%d+[sm] +[0-9]s")
    assert.matches("\n" .. id .. "  %[#*%.+%] +%d+%%  running +%d+[sm] +%ds", screen)
  end)

  it("keeps to the rows there are, and shows first what goes on", function()
    open(80, 8, ten_tasks())
    local screen = opened:wait_for("0000007 .* 84%%.*and 5 more")
    assert.not_matches("failed", screen)
    assert.not_matches("succeeded", screen)
  end)

  it("redraws in place, and begins anew below when the width changes", function()
    open(80, 40, ten_tasks())
    wait_for_table(AT_80)
    -- The next frames go over it.
    os.execute("sleep 1.2")
    wait_for_table(AT_80)
    opened:resize(60, 40)
    opened:wait_for("\n5000000001            %[.*cnode:ECT..XVHA02SQS  %[")
  end)

  it("ends with what went wrong, the summary and the status", function()
    local good, bad = sim:task(), sim:task { outcome = "rejected" }
    open(80, 24, ("taskqueue wait --rate 100 %s %s 77"):format(good, bad))
    local screen = opened:wait_for "ended with 1"
    assert.matches("\ntaskqueue: task " .. bad .. ": rejected by the service\n", screen)
    assert.matches("\n1 of 3 succeeded\n", screen)
    assert.matches("77 +%[.*%] +not_found\n", screen)
  end)

  it("leaves on Ctrl-C, and says how to go on", function()
    -- Lua's own interpreters make an error of SIGINT, which the sanitizers' host does not.
    if support.interpreter():find("host$") then return end
    local id = sim:task { outcome = "stuck" }
    open(80, 24, ("taskqueue wait --rate 100 %s %s"):format(sim:task(), id))
    opened:wait_for "running"
    opened:type "C-c"
    local screen = opened:wait_for "ended with 130"
    assert.matches("To wait again: taskqueue wait " .. id, (screen:gsub("\n", "")))
  end)

  it("colours states, unless NO_COLOR is set", function()
    local script = "taskqueue wait " .. sim:task()
    open(80, 24, script)
    opened:wait_for "ended with 0"
    assert.matches("\27%[32msucceeded", opened:screen "-e")
    opened:close()
    open(80, 24, "NO_COLOR=1 " .. script:gsub("^taskqueue", "export NO_COLOR; taskqueue"))
    opened:wait_for "ended with 0"
    assert.not_matches("\27%[3", opened:screen "-e")
  end)

  it("writes plain lines where the terminal cannot do better", function()
    open(80, 24, "export TERM=dumb; taskqueue wait " .. sim:task())
    assert.matches("^%d+ succeeded\nended", opened:wait_for "ended with 0")
  end)

  it("asks for the key, and does not show it", function()
    environment.MOBIZON_API_KEY = nil
    open(80, 24, "taskqueue wait " .. sim:task() .. "; stty -a | grep -o '.echo '")
    opened:wait_for "Mobizon API key:"
    opened:type("-l " .. sim.api_key)
    opened:type "Enter"
    local screen = opened:wait_for "ended with"
    assert.matches("succeeded", screen)
    assert.not_matches(sim.api_key:sub(1, 10), screen)
    assert.matches("\n echo\n", screen)
  end)
end)
