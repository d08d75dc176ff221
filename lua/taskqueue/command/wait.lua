-- SPDX-License-Identifier: MIT
-- `taskqueue wait`: until tasks have ended, with what is known of them before the eyes.
local advise = require "taskqueue.command.advise"
local exit = require "taskqueue.command.exit"
local taskqueue = require "taskqueue"
local view = require "taskqueue.command.view"

local wait = {}

-- How often what is shown is brought up to date when nothing happens.
local TICK = 0.25

local function follow(entry, timeout, shown)
  local status, message, kind, detail = entry.task:wait_until_done {
    timeout = timeout,
    on_progress = function(status)
      entry.status = status
      shown:changed(entry)
    end,
  }
  entry.is_over = true
  entry.status = status or entry.task:last_status()
  entry.message, entry.kind, entry.detail = message, kind, detail
end

local function is_over(entries, left, any)
  return left == 0 or (any and left < #entries)
end

-- Ctrl-C ends the wait and not the work: says how to go on.
local function give_up(entries, message)
  if not tostring(message):find("interrupted!", 1, true) then error(message, 0) end
  local labels = {}
  for _, entry in ipairs(entries) do
    if not entry.is_over then labels[#labels + 1] = entry.label end
  end
  advise(("interrupted; the work goes on at the service. To wait again: taskqueue wait %s"):format(
    table.concat(labels, " ")))
  return exit.INTERRUPTED
end

--- Waits for tasks and shows what becomes of them.
-- @tparam table entries a list of `{ label =, task =, service = }`
-- @tparam table given `timeout`, `any`, and what a view takes
-- @treturn number exit status
function wait.run(entries, given)
  local shown, left, statuses = view.new_for_wait(given), #entries, {}
  if shown.begin then shown:begin(entries) end
  for _, entry in ipairs(entries) do
    taskqueue.spawn(function()
      follow(entry, given.timeout, shown)
      left = left - 1
      statuses[#statuses + 1] = exit.of(entry.kind)
      shown:ended(entry)
    end)
  end
  local ok, message = pcall(function()
    while not is_over(entries, left, given.any) do
      taskqueue.step(TICK)
      shown:tick()
    end
  end)
  shown:close()
  if not ok then return give_up(entries, message) end
  return given.any and statuses[1] or exit.of_all(statuses)
end

return wait
