-- SPDX-License-Identifier: MIT
--[[
A dozen tasks on the built-in simulator, all under Mobizon's limit of one status poll a second.
On a terminal their bars are redrawn in place; piped, each change is a line. Ends with a summary,
and with exit status 0 only when every task was told to have ended as it really did.
]]
local taskqueue = require "taskqueue"
local simulator = require "taskqueue.sim"

local RATE = 1
local TASKS = {
  { "upload of recipients, spring", 3.0 },
  { "upload of recipients, summer", 9.0, progress = "uneven" },
  { "import of contacts", 5.0 },
  { "import of contacts, bad file", 2.0, outcome = "rejected" },
  { "report on campaign 1", 1.0, progress = "none" },
  { "report on campaign 2", 4.0 },
  { "report on campaign 3", 12.0 },
  { "report on messages", 6.5, progress = "uneven" },
  { "report on messages, no access", 7.0, outcome = "rejected" },
  { "upload of recipients, autumn", 2.5 },
  { "upload of recipients, winter", 8.0 },
  { "import of contacts, duplicates", 10.0, outcome = "rejected", progress = "uneven" },
}

local is_terminal = os.execute("test -t 1 2>/dev/null")
is_terminal = is_terminal == true or is_terminal == 0

local COLOURS = { succeeded = "\27[32m", failed = "\27[31m", running = "\27[36m" }
local function colour(state, text)
  if not is_terminal or os.getenv "NO_COLOR" or not COLOURS[state] then return text end
  return COLOURS[state] .. text .. "\27[0m"
end

-- Starts the tasks as a script would: calls that the service sends to the background.
local function start_tasks(sim, client)
  local started = {}
  for i, script in ipairs(TASKS) do
    sim:next_task { duration = script[2], outcome = script.outcome, progress = script.progress }
    local task = assert(client:call("campaign", "addRecipients", {
      id = i, recipientGroups = { i },
    }))
    started[i] = { name = script[1], task = task, state = "pending", wanted = script.outcome }
  end
  return started
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
local function draw(entries)
  if drawn then io.write(("\27[%dA"):format(#entries)) end
  drawn = true
  for _, entry in ipairs(entries) do io.write("\27[2K", line_of(entry), "\n") end
  io.flush()
end

local function show(entries, entry)
  if is_terminal then
    draw(entries)
  else
    print(line_of(entry))
  end
end

local function wait_for(sim, entries, entry)
  local status, message, kind = entry.task:wait_until_done {
    timeout = 120,
    on_progress = function(status)
      entry.state, entry.progress = status.state, status.progress
      show(entries, entry)
    end,
  }
  entry.known = sim:now()
  entry.outcome = status and "completed" or kind == "failed" and "rejected" or message
end

local function summarise(sim, entries)
  local by_id, right, late = {}, 0, 0
  for _, truth in ipairs(sim:tasks()) do by_id[truth.id] = truth end
  print(("\n%-31s %-10s %s"):format("task", "outcome", "known after its end"))
  for _, entry in ipairs(entries) do
    local truth = by_id[entry.task.id]
    local delay = entry.known - truth.ended
    local is_right = entry.outcome == truth.outcome
    print(("%-31s %-10s %5.1f s%s"):format(entry.name, entry.outcome, delay,
      is_right and "" or "   WRONG: it was " .. truth.outcome))
    late = late + delay
    if is_right then right = right + 1 end
  end
  local polls = 0
  for _, request in ipairs(sim:log()) do
    if request.method == "taskqueue/getstatus" then polls = polls + 1 end
  end
  print(("\n%d of %d outcomes right, known %.1f s after the end on average"):format(
    right, #entries, late / #entries))
  print(("%d polls over %d connection%s"):format(polls, sim:connections(),
    sim:connections() == 1 and "" or "s"))
  return right == #entries
end

local sim = simulator.start { rate = RATE }
local client = taskqueue.mobizon.new { url = sim.url, api_key = sim.api_key, rate = RATE }
print(("%d tasks on %s, one status poll a second for all of them together\n")
  :format(#TASKS, sim.url))
local entries = start_tasks(sim, client)
if is_terminal then draw(entries) end
taskqueue.run(function()
  for _, entry in ipairs(entries) do taskqueue.spawn(wait_for, sim, entries, entry) end
end)
local all_right = summarise(sim, entries)
client:close()
sim:stop()
os.exit(all_right and 0 or 1)
