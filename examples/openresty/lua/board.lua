-- SPDX-License-Identifier: MIT
-- What all workers know of their tasks, in a shared dict: each task has a place, each change a
-- number, so that whoever streams the changes finds out with one look whether there are any.
local json = require "cjson.safe"

local board = {}

local dict = ngx.shared.board
-- How many tasks are shown, and how many seconds after they were heard of last.
local PLACES, KEPT = 50, 3600

local function place_of(id)
  local place = dict:get("place:" .. id)
  if place then return place end
  place = dict:incr("places", 1, 0)
  -- Of two workers that hear of a task at once the first one places it.
  if not dict:add("place:" .. id, place, KEPT) then return dict:get("place:" .. id) end
  return place
end

--- Writes down what is known of a task.
-- @tparam string id
-- @tparam table fields
function board.put(id, fields)
  fields.id, fields.worker = id, ngx.worker.pid()
  fields.place = place_of(id)
  fields.change = dict:incr("changes", 1, 0)
  dict:set("task:" .. fields.place, json.encode(fields), KEPT)
end

--- The number of the last change.
function board.last_change()
  return dict:get "changes" or 0
end

--- What has changed after the change of this number, oldest place first.
-- @treturn table a list
function board.changes_after(number)
  local list, places = {}, dict:get "places" or 0
  for place = math.max(1, places - PLACES + 1), places do
    local text = dict:get("task:" .. place)
    local fields = text and json.decode(text)
    if fields and fields.change > number then list[#list + 1] = fields end
  end
  return list
end

return board
