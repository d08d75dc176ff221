-- SPDX-License-Identifier: MIT
-- Those who wait for one task: a chain in the order of their coming, so that they are always told
-- in it. A waiter is in one chain at most, and may leave while the chain is walked.

local methods = {}
local mt = { __name = "taskqueue.waiters", __index = methods }

function methods:add(waiter)
  waiter.preceding, waiter.following = self.last, nil
  if self.last then self.last.following = waiter else self.first = waiter end
  self.last = waiter
  waiter.is_waiting = true
  self.count = self.count + 1
end

--- Takes a waiter out; one that is not in stays as it is.
function methods:remove(waiter)
  if not waiter.is_waiting then return end
  local before, after = waiter.preceding, waiter.following
  if before then before.following = after else self.first = after end
  if after then after.preceding = before else self.last = before end
  waiter.is_waiting = false
  self.count = self.count - 1
end

--- Iterates over the waiters.
function methods:each()
  local nearest = self.first
  return function()
    local waiter = nearest
    nearest = waiter and waiter.following
    return waiter
  end
end

return function()
  return setmetatable({ count = 0 }, mt)
end
