-- SPDX-License-Identifier: MIT
--[[
The one place that knows how a failure looks: a table { kind, message, detail, transient } inside,
`nil, message, kind, detail` for the caller. `transient` means that the same poll may succeed later.
]]
local strict = require "taskqueue.strict"

local failure = {}

--- The closed list of kinds (`taskqueue.kind`).
failure.kind = strict("taskqueue.kind", {
  TIMEOUT = "timeout",
  CANCELLED = "cancelled",
  CLOSED = "closed",
  NETWORK = "network",
  TLS = "tls",
  HTTP = "http",
  PROTOCOL = "protocol",
  AUTH = "auth",
  NOT_FOUND = "not_found",
  EXPIRED = "expired",
  THROTTLED = "throttled",
  SERVICE = "service",
  FAILED = "failed",
  STALLED = "stalled",
})

local kind = failure.kind

--- Makes a failure.
-- @tparam string of one of `failure.kind`
-- @tparam string message what and where
-- @tparam[opt] table detail see `docs/errors.md`
-- @tparam[opt=false] boolean transient
function failure.new(of, message, detail, transient)
  return { kind = of, message = message, detail = detail or {}, transient = transient or false }
end

--- What the caller of a public function gets.
-- @treturn nil
-- @treturn string message
-- @treturn string kind
-- @treturn table detail
function failure.values(self)
  return nil, self.message, self.kind, self.detail
end

--- What is told of a task whose client is closed.
-- @treturn nil, message, kind, detail
function failure.closed(task)
  return failure.values(failure.new(kind.CLOSED, ("task %s: the client is closed"):format(task.id),
    { status = task.status, attempts = 0 }))
end

--- Of a task that was seen before, "not found" means that nobody will ever know its outcome.
function failure.expired(id, detail)
  return failure.new(kind.EXPIRED,
    ("task %s: not known to the service any more, its outcome is unknown"):format(id), detail)
end

return failure
