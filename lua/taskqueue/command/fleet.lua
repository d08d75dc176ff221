-- SPDX-License-Identifier: MIT
-- `taskqueue fleet status`: what Redis knows of the processes that share budgets.
local cjson = require "cjson"
local exit = require "taskqueue.command.exit"
local text = require "taskqueue.command.text"

local fleet = {}

local function load_fleet()
  local found, module = pcall(require, "taskqueue.fleet")
  if found then return module end
  error("the fleet cannot be loaded; install it with LuaRocks, the rock is taskqueue-fleet: "
    .. tostring(module):match("^[^\n]*"), 0)
end

-- A password is not for the command line, which every user of a machine can read.
local function redis_of(given)
  if given.redis and given.redis:find("@", 1, true) then
    error("a password is not for the command line: put the URL into TASKQUEUE_REDIS", 0)
  end
  local url = given.redis or os.getenv "TASKQUEUE_REDIS"
  if url and url ~= "" then return url end
  error("no Redis: set TASKQUEUE_REDIS in the environment, or name one without a password with "
    .. "--redis", 0)
end

local function say(...)
  print(text.plain((...):format(select(2, ...))))
end

local function say_budget(budget)
  say("budget %s  %s %s", budget.name:sub(1, 12), budget.url or "?", budget.method or "")
  if budget.is_held then
    say("  owner    %s, for %s, its lease has %.1f s left", budget.owner:sub(1, 12),
      text.duration(budget.since or 0), budget.lease)
  else
    say("  owner    none")
  end
  say("  wanted   %d tasks by processes, %d durable waits", budget.wants, budget.waits)
end

local function say_all(overview)
  say("%d processes alive", overview.processes)
  for _, budget in ipairs(overview.budgets) do say_budget(budget) end
  say("%d ends in the stream", overview.completions.length)
  for _, group in ipairs(overview.completions.groups) do
    say("  group %s: %d consumers, %d held, %s to come", group.name, group.consumers, group.pending,
      group.lag and ("%d"):format(group.lag) or "?")
  end
end

--- Looks at a fleet.
-- @treturn number exit status
function fleet.run(given)
  local ok, one = pcall(load_fleet().new, { redis = redis_of(given), name = given.name })
  if not ok then error((one:gsub("^.-fleet%.new: ", "")), 0) end
  local overview, why = one:overview()
  one:close()
  if not overview then
    io.stderr:write("taskqueue: ", text.plain(why), "\n")
    return exit.UNKNOWN
  end
  if given.json then print(cjson.encode(overview)) else say_all(overview) end
  return exit.OK
end

return fleet
