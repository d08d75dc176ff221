-- SPDX-License-Identifier: MIT
-- What services' replies have in common that hold no status, and how their words are passed on.
local failure = require "taskqueue.failure"

local kind = failure.kind
local replies = {}

-- Outcomes of the transport: their kind, and whether trying again makes sense.
local outcomes = {
  network = { kind.NETWORK, true },
  tls = { kind.TLS, true },
  untrusted = { kind.TLS, false },
  unreadable = { kind.PROTOCOL, true },
  unsent = { kind.NETWORK, true },
}

local transient_status = { [408] = true, [425] = true }

local function by_status(status)
  if status == 401 or status == 403 or status == 407 then return kind.AUTH, false end
  if status >= 200 and status < 300 then return kind.PROTOCOL, true end
  return kind.HTTP, status >= 500 or transient_status[status] or false
end

--- Is that HTTP's way to say "too often"?
function replies.is_refusal(reply)
  return reply.status == 429 or (reply.status == 503 and reply.retry_after ~= nil)
end

--- The failure that a reply is which holds nothing of the service.
-- @tparam table reply as the core gives it
-- @tparam string what what was asked, for the message
-- @tparam[opt] string why why a reply with a good HTTP status cannot be read
function replies.failure(reply, what, why)
  local detail = { http_status = reply.status }
  local outcome = outcomes[reply.outcome]
  if outcome then
    return failure.new(outcome[1], ("%s: %s"):format(what, reply.error), detail, outcome[2])
  end
  if replies.is_refusal(reply) then
    local message = ("%s: too many requests (HTTP %d)"):format(what, reply.status)
    return failure.new(kind.THROTTLED, message, detail, true)
  end
  local of, transient = by_status(reply.status)
  local message
  if of == kind.PROTOCOL then
    message = ("%s: the reply cannot be read: %s"):format(what, why or "not as documented")
  elseif reply.status >= 300 and reply.status < 400 then
    message = ("%s: HTTP %d (redirects are not followed)"):format(what, reply.status)
  else
    message = ("%s: HTTP %d"):format(what, reply.status)
  end
  return failure.new(of, message, detail, transient)
end

local LONGEST_QUOTE = 200

--- A text of the service's as one line that is not too long.
function replies.line(text)
  local line = text:gsub("[%z\1-\31\127]+", " ")
  if #line > LONGEST_QUOTE then line = line:sub(1, LONGEST_QUOTE) .. "..." end
  return line
end

--- The service's own words, in whatever language, as the end of a message.
-- @param text nothing is quoted unless it is a string
function replies.quote(text)
  if type(text) ~= "string" or text == "" then return "" end
  return (': "%s"'):format(replies.line(text))
end

--- Takes a secret out of what a service sent, wherever it may have echoed it.
-- @param value text, or a table that is copied however deep the decoder let it be
-- @tparam function redact text to text
-- @return the value without the secret
function replies.redact(value, redact)
  if type(value) == "string" then return redact(value) end
  if type(value) ~= "table" then return value end
  local clean = {}
  for key, item in pairs(value) do
    clean[replies.redact(key, redact)] = replies.redact(item, redact)
  end
  return clean
end

return replies
