-- SPDX-License-Identifier: MIT
-- What the command's exit statuses mean, for scripts.
local kind = require("taskqueue").kind

local exit = {
  OK = 0,
  FAILED = 1,
  USAGE = 2,
  TIMEOUT = 3,
  UNKNOWN = 4,
  DENIED = 5,
  -- As a shell has it for a program that SIGINT ended.
  INTERRUPTED = 130,
}

local by_kind = {
  [kind.FAILED] = exit.FAILED,
  [kind.TIMEOUT] = exit.TIMEOUT,
  [kind.STALLED] = exit.TIMEOUT,
  [kind.AUTH] = exit.DENIED,
}

--- The status for one outcome.
-- @tparam ?string of the kind of a failure; nil for a success
function exit.of(of)
  if of == nil then return exit.OK end
  return by_kind[of] or exit.UNKNOWN
end

-- Of several outcomes the most certain bad news comes first.
local ORDER = { exit.FAILED, exit.DENIED, exit.UNKNOWN, exit.TIMEOUT }

--- The status for several: `statuses` is a list.
function exit.of_all(statuses)
  local seen = {}
  for _, status in ipairs(statuses) do seen[status] = true end
  for _, status in ipairs(ORDER) do
    if seen[status] then return status end
  end
  return exit.OK
end

return exit
