-- SPDX-License-Identifier: MIT
--[[
Those who wait for one task: a chain in the order of their coming, so that they are always told in
it. A waiter is in one chain at most, and may leave while the chain is walked.

There may be a million watches, most with one waiter. The chain is therefore no object but its first
waiter, whose `preceding` is the last one if there are others; and that is no field of the watch,
which would need a table for it, but stands in `firsts`, by watch. The only waiter may be no more
than a place in a group (`many.lua`), as long as there is nothing to tell it.
]]
local waiters = {}

--- The first waiter of a watch, nil when there is none.
function waiters.first(watch)
  local place = watch:place()
  if place == 0 then return watch.firsts[watch] end
  local waiter = watch.group.new_member(place, watch)
  if not waiter then return watch.firsts[watch] end
  watch.firsts[watch] = waiter
  watch:set_place(0)
  return waiter
end

function waiters.add(watch, waiter)
  local first = waiters.first(watch)
  -- What needs memory comes first.
  waiter.is_waiting, waiter.preceding, waiter.following = false, nil, nil
  if first then
    local last = first.preceding or first
    last.following, waiter.preceding, first.preceding = waiter, last, waiter
  else
    watch.firsts[watch] = waiter
  end
  waiter.is_waiting = true
end

local function remove_first(watch, first)
  local last, after = first.preceding, first.following
  watch.firsts[watch] = after
  if after then after.preceding = last ~= after and last or nil end
end

local function remove_other(first, waiter)
  local before, after = waiter.preceding, waiter.following
  before.following = after
  if after then
    after.preceding = before
  else
    first.preceding = before ~= first and before or nil
  end
end

--- Takes a waiter out; one that is not in stays as it is.
function waiters.remove(watch, waiter)
  if not waiter.is_waiting then return end
  local first = watch.firsts[watch]
  if waiter == first then remove_first(watch, first) else remove_other(first, waiter) end
  waiter.is_waiting = false
end

function waiters.is_any(watch)
  return watch:place() > 0 or watch.firsts[watch] ~= nil
end

local function chain(nearest)
  return function()
    local waiter = nearest
    nearest = waiter and waiter.following
    return waiter
  end
end

--- Iterates over the waiters.
function waiters.each(watch)
  return chain(waiters.first(watch))
end

--- Iterates over what says their `options` and their `deadline`: themselves, or their group.
function waiters.terms(watch)
  return chain(watch:place() > 0 and watch.group or watch.firsts[watch])
end

function waiters.count(watch)
  local count = 0
  for _ in waiters.terms(watch) do count = count + 1 end
  return count
end

return waiters
