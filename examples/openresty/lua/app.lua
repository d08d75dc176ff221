-- SPDX-License-Identifier: MIT
-- The endpoints of nginx.conf. Nothing here blocks the worker: a wait suspends its own request.
local board = require "board"
local json = require "cjson.safe"
local taskqueue = require "taskqueue"

local app = {}

taskqueue.use("openresty", { shared_dict = "taskqueue" })

-- Making a client opens nothing, so that it can be made before the workers are.
local sms = taskqueue.mobizon.new {
  url = os.getenv "TASKQUEUE_URL", api_key = os.getenv "TASKQUEUE_API_KEY",
}

-- Seconds: the longest that a request waits, and how often a stream looks for changes.
local LONGEST, LOOK = 60, 0.2

local function answer(http_status, body)
  ngx.status = http_status
  ngx.say(json.encode(body))
end

local function note(id, status, message, kind)
  board.put(id, {
    state = kind or (status and status.state) or "pending",
    progress = status and status.progress, message = message,
  })
end

-- Follows a task to its end in the background, whoever has asked for it and gone.
local function follow(task)
  note(task.id)
  taskqueue.watch(task, function(_, status, message, kind, detail)
    note(task.id, status or detail.status, message, kind)
  end, {
    timeout = 3600,
    on_progress = function(status) note(task.id, status) end,
  })
end

--- For each worker: one of them takes up the tasks that have begun elsewhere.
function app.begin()
  if ngx.worker.id() ~= 0 or board.last_change() > 0 then return end
  for id in (os.getenv "TASKQUEUE_TASKS" or ""):gmatch "%d+" do follow(sms:task(id)) end
end

--- Starts a task and answers with its id.
function app.start()
  if ngx.req.get_method() ~= "POST" then
    ngx.header.Allow = "POST"
    return answer(405, { message = "POST starts a task" })
  end
  local task, message, kind = sms:call("campaign", "addRecipients",
    { id = 7, recipientGroups = { 1, 2 } })
  if not task then return answer(502, { message = message, kind = kind }) end
  follow(task)
  answer(202, { id = task.id })
end

--- Waits for a task: 200 when it has succeeded, 202 while it goes on, else a failure.
function app.wait(id)
  local timeout = math.min(tonumber(ngx.var.arg_timeout) or 30, LONGEST)
  local status, message, kind, detail = sms:wait_until_done(id, { timeout = math.max(timeout, 0) })
  if status then return answer(200, status) end
  local http_status = kind == "timeout" and 202 or kind == "not_found" and 404 or 502
  answer(http_status, { message = message, kind = kind, status = detail.status })
end

local function begin_stream()
  ngx.header["Content-Type"] = "text/event-stream"
  ngx.header["Cache-Control"] = "no-store"
  ngx.header["X-Accel-Buffering"] = "no"
  ngx.say "retry: 1000\n"
  ngx.flush(true)
end

local function send(event, data)
  ngx.print("event: ", event, "\ndata: ", json.encode(data), "\n\n")
  return ngx.flush(true)
end

--- Streams the progress of a task, then its end.
function app.stream(id)
  begin_stream()
  local status, message, kind = sms:wait_until_done(id, {
    timeout = LONGEST, on_progress = function(seen) send("progress", seen) end,
  })
  send("end", { status = status, message = message, kind = kind })
end

--- Streams what is known of all tasks, and what becomes of them.
function app.stream_all()
  begin_stream()
  local seen, quiet = 0, 0
  while not ngx.worker.exiting() do
    local last = board.last_change()
    if last ~= seen then
      for _, fields in ipairs(board.changes_after(seen)) do send("task", fields) end
      seen, quiet = last, 0
    elseif quiet >= 5 then
      -- By this the page knows that the connection stands.
      send("beat", {})
      quiet = 0
    end
    ngx.sleep(LOOK)
    quiet = quiet + LOOK
  end
end

return app
