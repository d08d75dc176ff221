-- SPDX-License-Identifier: MIT
--[[
Tasks of both services on the built-in simulator, waited for in one loop. Mobizon's share one status
poll a second, as its documentation asks; the node's have no such limit. On a terminal their bars
are redrawn in place; piped, each change is a line. Ends with a summary, and with exit status 0 only
when every task was told to have ended as it really did.
]]
local taskqueue = require "taskqueue"
local simulator = require "taskqueue.sim"

local RATE = 1
local MOBIZON = {
  { "upload of recipients, spring", 7.0 },
  { "upload of recipients, summer", 22.0, progress = "uneven" },
  { "import of contacts", 12.0 },
  { "import of contacts, bad file", 5.0, outcome = "rejected" },
  { "report on campaign 1", 3.0, progress = "none" },
  { "report on campaign 2", 9.5 },
  { "report on campaign 3", 25.0 },
  { "report on messages", 16.0, progress = "uneven" },
  { "report on messages, no access", 17.5, outcome = "rejected" },
  { "upload of recipients, autumn", 6.0 },
  { "upload of recipients, winter", 19.0 },
  { "import of contacts, duplicates", 14.0, outcome = "rejected", progress = "uneven" },
}
local NODE = {
  { "log-in of Ann", 2.0, operation = "startLogin", progress = "none" },
  { "money for Bob", 6.0, operation = "giveMoneyRequest" },
  { "money for Eve", 4.5, operation = "giveMoneyRequest", outcome = "FINISHED_ERR_USER_REJECTED" },
}

local is_terminal = os.execute("test -t 1 2>/dev/null")
is_terminal = is_terminal == true or is_terminal == 0

local COLOURS = { succeeded = "\27[32m", failed = "\27[31m", running = "\27[36m" }
local function colour(state, text)
  if not is_terminal or os.getenv "NO_COLOR" or not COLOURS[state] then return text end
  return COLOURS[state] .. text .. "\27[0m"
end

local BAR = 24
local function line_of(entry)
  local percent = entry.progress or 0
  local filled = math.floor(percent * BAR / 100)
  local bar = ("#"):rep(filled) .. ("."):rep(BAR - filled)
  return ("%-31s [%s] %3d%% %s"):format(entry.name, colour(entry.state, bar), percent,
    colour(entry.state, entry.state))
end

local drawn = false
local function show(entries, entry)
  if not is_terminal then
    if entry then print(line_of(entry)) end
    return
  end
  if drawn then io.write(("\27[%dA"):format(#entries)) end
  drawn = true
  for _, each in ipairs(entries) do io.write("\27[2K", line_of(each), "\n") end
  io.flush()
end

-- Starts the tasks as a script would: calls that the services send to the background.
local function start(sim, service, scripts, call)
  local entries = {}
  for i, script in ipairs(scripts) do
    sim:next_task {
      service = service, duration = script[2], outcome = script.outcome, progress = script.progress,
    }
    local task = assert(call(i, script))
    entries[i] = { name = script[1], task = task, state = "pending" }
  end
  return entries
end

local function start_all(sim)
  local sms = taskqueue.mobizon.new { url = sim.url, api_key = sim.api_key, rate = RATE }
  local node = taskqueue.cnode.new { url = sim.node_url, max_connections = 1 }
  local entries = start(sim, "mobizon", MOBIZON, function(i)
    return sms:call("campaign", "addRecipients", { id = i, recipientGroups = { i } })
  end)
  for _, entry in ipairs(start(sim, "node", NODE, function(_, script)
    return node:call(script.operation, { requestData = { title = script[1] } })
  end)) do
    entries[#entries + 1] = entry
  end
  return entries
end

local function wait_for_all(sim, entries)
  local by_id, tasks = {}, {}
  for i, entry in ipairs(entries) do
    by_id[entry.task.id], tasks[i] = entry, entry.task
  end
  local function on_progress(status)
    local entry = by_id[status.id]
    entry.state, entry.progress = status.state, status.progress
    show(entries, entry)
  end
  for task, status, message, kind in taskqueue.as_completed(tasks, {
    timeout = 120, on_progress = on_progress,
  }) do
    local entry = by_id[task.id]
    entry.known = sim:now()
    entry.outcome = (status or kind == "failed") and task:last_status().code or message
  end
end

-- What the simulator's outcomes are called on the wire.
local CODES = {
  completed = taskqueue.mobizon.status.COMPLETED,
  rejected = taskqueue.mobizon.status.REJECTED,
}
local function summarise(sim, entries)
  local by_id, right, late = {}, 0, 0
  for _, truth in ipairs(sim:tasks()) do by_id[truth.id] = truth end
  print(("\n%-31s %-27s %s"):format("task", "outcome", "known after its end"))
  for _, entry in ipairs(entries) do
    local truth = by_id[entry.task.id]
    local is_node = truth.service == "node"
    local expected = is_node and truth.outcome == "completed" and "FINISHED_OK"
      or CODES[truth.outcome] or truth.outcome
    local name = taskqueue.mobizon.status_name(entry.outcome) or entry.outcome
    local is_right = entry.outcome == expected
    print(("%-31s %-27s %5.1f s%s"):format(entry.name, name, entry.known - truth.ended,
      is_right and "" or "   WRONG: it was " .. truth.outcome))
    late = late + entry.known - truth.ended
    if is_right then right = right + 1 end
  end
  print(("\n%d of %d outcomes right, known %.1f s after the end on average"):format(
    right, #entries, late / #entries))
  return right == #entries
end

local function count_polls(sim)
  local polls, last, closest = { mobizon = 0, node = 0 }, nil, math.huge
  for _, request in ipairs(sim:log()) do
    if request.method == "taskqueue/getstatus" then
      polls.mobizon = polls.mobizon + 1
      if last then closest = math.min(closest, request.time - last) end
      last = request.time
    elseif request.method == "gettaskstatus" then
      polls.node = polls.node + 1
    end
  end
  print(("%d polls of Mobizon, never closer than %.3f s, and %d of the node"):format(
    polls.mobizon, closest, polls.node))
  print(("2 clients, %d connections"):format(sim:connections()))
end

local sim = assert(simulator.start { rate = RATE })
print(("%d tasks of Mobizon and %d of a Corporate Node on %s,\none status poll a second for all "
  .. "of Mobizon's together\n"):format(#MOBIZON, #NODE, sim.url))
local entries = start_all(sim)
show(entries)
wait_for_all(sim, entries)
local all_right = summarise(sim, entries)
count_polls(sim)
sim:stop()
os.exit(all_right and 0 or 1)
