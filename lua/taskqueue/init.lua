-- SPDX-License-Identifier: MIT

--- Waits for work that a remote service does in the background.
-- @module taskqueue
if _VERSION == "Lua 5.1" and not rawget(_G, "jit") then
  error("taskqueue needs Lua 5.4 or LuaJIT, and this is plain Lua 5.1; LuaRocks takes LuaJIT after "
    .. "luarocks --lua-version 5.1 config lua_interpreter luajit", 0)
end

-- What a look at one task does not need is loaded by what needs it.
local client = require "taskqueue.client"
local core = require "taskqueue.core"
local engine = require "taskqueue.engine"
local failure = require "taskqueue.failure"
local loops = require "taskqueue.loop"
local need = require "taskqueue.need"
local options = require "taskqueue.options"
local strict = require "taskqueue.strict"
local task = require "taskqueue.task"

local taskqueue = {
  _VERSION = require "taskqueue.version",
  --- Kinds of failures.
  kind = failure.kind,
  --- What a service's `null` is.
  null = core.null,
}

--- States of a task.
taskqueue.state = strict("taskqueue.state", {
  PENDING = "pending",
  RUNNING = "running",
  SUCCEEDED = "succeeded",
  FAILED = "failed",
})

-- The services, each loaded by whoever uses it first.
local SERVICES = { mobizon = "taskqueue.mobizon", cnode = "taskqueue.cnode" }

setmetatable(taskqueue, {
  __index = function(self, name)
    if not SERVICES[name] then return nil end
    self[name] = need(SERVICES[name])
    return self[name]
  end,
})

--- A file to be uploaded by `client:call`; see `taskqueue.file`.
function taskqueue.file(file)
  -- A tail call: an error blames the caller.
  return need "taskqueue.file"(file)
end

local unpack = table.unpack or unpack

local function check_function(what, fn)
  if type(fn) == "function" then return end
  error(("taskqueue.%s: the first argument must be a function"):format(what), 3)
end

--- Runs a function as a coroutine on the built-in loop, until it and all that was spawned have
-- ended. An error in one of them disturbs no other; when all have ended it is raised here, with its
-- traceback.
-- @tparam function fn
-- @param ... its arguments
-- @return what it returns
function taskqueue.run(fn, ...)
  check_function("run", fn)
  local results = { n = 0 }
  local function pack(...) results = { n = select("#", ...), ... } end
  need("taskqueue.run").run(function(...) pack(fn(...)) end, ...)
  return unpack(results, 1, results.n)
end

--- Adds a coroutine to the built-in loop.
-- @tparam function fn
-- @param ... its arguments
function taskqueue.spawn(fn, ...)
  check_function("spawn", fn)
  need("taskqueue.run").spawn(fn, ...)
end

local function check_tasks(what, tasks)
  if type(tasks) ~= "table" then
    error(("%s: the first argument must be a list of tasks"):format(what), 3)
  end
  for i, item in ipairs(tasks) do
    if not task.is_task(item) then
      error(("%s: item %d of the list is no task"):format(what, i), 3)
    end
  end
end

local function check_wait(what, given)
  return (need("taskqueue.wait").check(what, given, 3))
end

--- Waits for all tasks, of any services together.
-- @tparam table tasks a list of handles
-- @tparam[opt] table given options of the wait; the timeout covers the whole call
-- @treturn table a list of `{ task =, status =, message =, kind =, detail = }` in the given order
function taskqueue.wait_all(tasks, given)
  check_tasks("wait_all", tasks)
  return (need("taskqueue.many").all(tasks, check_wait("wait_all", given)))
end

--- Waits for the first of several tasks to end, however it ends.
-- @tparam table tasks a list of handles
-- @tparam[opt] table given options of the wait
-- @treturn task the one that ended; nil when the list is empty
-- @treturn ?table its status, when it succeeded
-- @treturn ?string message
-- @treturn ?string kind
-- @treturn ?table detail
function taskqueue.wait_any(tasks, given)
  check_tasks("wait_any", tasks)
  local checked = check_wait("wait_any", given)
  return need("taskqueue.many").any(tasks, checked)
end

--- Iterates over tasks in the order of their ends:
-- `for task, status, message, kind in taskqueue.as_completed(tasks) do`.
-- @param tasks a list of handles; or a function that gives the next one, or nil when there is none
-- at present. It is asked at the begin, after each end, and once a second; the loop is over when
-- it gives nil and no task is left. It may wait itself
-- @tparam[opt] table given options of the wait; the timeout counts from the first turn of the loop
-- @treturn function
function taskqueue.as_completed(tasks, given)
  if not options.is_callable(tasks) then check_tasks("as_completed", tasks) end
  local checked = check_wait("as_completed", given)
  return need("taskqueue.many").as_completed(tasks, checked)
end

--- Waits for a task in the background: inside nginx in a timer, which outlives the request, and
-- elsewhere in a coroutine of the built-in loop. Inside nginx, where the workers share a
-- dictionary, a wait whose handler has a name outlives its worker too: see docs/openresty.md.
-- @tparam task handle
-- @tparam function|string handler called with the handle, what `wait_until_done` gives (status, or
-- nil, message, kind, detail; four values in any case) and `data`; it may wait itself. Or the name
-- of a module that gives such a function
-- @tparam[opt] table given options of the wait, and `data`, a table for the handler
-- @treturn[1] boolean true
-- @treturn[2] nil when nginx can begin no timer
-- @treturn[2] string message
-- @raise when there is no such module, too
function taskqueue.watch(handle, handler, given)
  local background = need "taskqueue.background"
  if not task.is_task(handle) then error("watch: the first argument must be a task", 2) end
  local fn, problem = background.handler(handler)
  if not fn then error("watch: " .. problem, 2) end
  local checked = options.check("watch", given, background.options)
  if type(handler) == "string" then
    problem = background.problem_of(checked)
    if problem then error("watch: " .. problem, 2) end
  end
  return background.watch(handle, handler, fn, checked)
end

--- Has this worker of nginx take up the waits in the background that others leave, those whose
-- handlers have names: in `init_worker_by_lua`.
-- @treturn[1] boolean true
-- @treturn[2] nil when nginx can begin no timer
-- @treturn[2] string message
-- @raise where the workers share no dictionary, or there are no timers yet
function taskqueue.resume_watches()
  local keeper = loops.keeper()
  if not keeper then
    error('resume_watches: taskqueue.use("openresty", { shared_dict = NAME }) has to come first', 2)
  end
  local ok, is_begun, problem = pcall(keeper.begin, keeper)
  if not ok then
    error("resume_watches: it belongs into init_worker_by_lua: " .. tostring(is_begun), 2)
  end
  return is_begun, problem
end

--- Sleeps: inside a coroutine of the loop only that one, elsewhere by blocking.
-- @tparam number seconds
function taskqueue.sleep(seconds)
  if not options.is_span(seconds) then
    error("taskqueue.sleep: the argument must be a number of seconds, not negative", 2)
  end
  return engine.sleep(seconds)
end

--- What is known of all tasks that are waited for, as plain data: each client of another process
-- takes up its own by `client:import`, and no wait and no knowledge is lost.
-- @treturn table strings, numbers, booleans and tables of them, without a secret
function taskqueue.export()
  return need("taskqueue.export").all(client.open_ones())
end

--- Tells what is going on.
-- @treturn table `clients` and `budgets`, two lists. Each entry has `url`, `waits` (in progress),
-- `tasks` (that they are for), `polls` (begun), `refused` (by the service), `retries`, `in_flight`,
-- `next_slot` (seconds until the budget lets a poll go; nil while that depends on one that is just
-- being sent) and `mean_age` (seconds since the tasks were looked at, on average; nil when none
-- was). A client has its `service`, a budget its `method`, `rate`, `burst` and number of `clients`
function taskqueue.stats()
  return need "taskqueue.stats"()
end

local function settle_watches()
  for _, one in ipairs(client.open_ones()) do
    for _, watch in ipairs(one:watch_list()) do watch:settle() end
  end
end

--- Listens to what happens to tasks: see docs/events.md.
-- @tparam string event `"poll"`, `"retry"`, `"throttle"`, `"state"`, `"done"`, `"sharing"` or
-- `"error"`
-- @tparam function fn gets a table; it must not wait. An error in it disturbs no wait
-- @treturn function ends the listening; may be called again
-- @raise for an unknown event
function taskqueue.on(event, fn)
  local stop = need("taskqueue.events").on(event, fn)
  settle_watches()
  return function()
    stop()
    settle_watches()
  end
end

--- Chooses the loop in whose coroutines waits suspend from now on. Waits in progress stay with the
-- loop in which they began.
-- @tparam string|table loop `"builtin"` (the default), `"copas"`, `"cqueues"`, `"luv"`,
-- `"openresty"` (inside nginx, by itself), or the functions of another one: see docs/loops.md
-- @tparam[opt] table given options of `"openresty"`, before clients are made: `shared_dict`, the
-- name of a `lua_shared_dict` through which the workers share the budgets of their clients
-- @raise when there is no such loop, or it cannot be loaded
function taskqueue.use(loop, given)
  local _, problem = loops.use(loop, given)
  if problem then error("taskqueue.use: " .. problem, 2) end
end

--- The engine as one pollable object, for a loop of one's own: watch `pollfd` for reading, call
-- `step` when it is ready or after `timeout` seconds. The module itself is that object.
taskqueue.pollfd = engine.pollfd
taskqueue.events = engine.events
taskqueue.timeout = engine.timeout

--- Does what is due and gives the coroutines of the built-in loop a turn.
-- @tparam[opt=0] number timeout how many seconds to wait for something to do
function taskqueue.step(timeout, ...)
  -- `taskqueue:step(timeout)` is the same: the module is a pollable object.
  if timeout == taskqueue then timeout = ... end
  if timeout ~= nil and not options.is_span(timeout) then
    error("taskqueue.step: the argument must be a number of seconds, not negative", 2)
  end
  engine.step(timeout)
end

return taskqueue
