-- SPDX-License-Identifier: MIT

--- Many processes, on one host or several, that share budgets through Redis.
-- @module taskqueue.fleet
local new_sharing = require("taskqueue.sharing").new
local new_store = require("taskqueue.fleet.store").new
local options = require "taskqueue.options"
local url = require "taskqueue.fleet.url"

local fleet = {}

local methods = {}
local mt = { __name = "taskqueue.fleet", __index = methods }

local spec = {
  redis = { is = "string", required = true },
  name = { is = "string", required = true },
  lease = { is = "positive number", default = 3 },
  when_away = { is = { "share", "fail" }, default = "share" },
  secret = { is = "string" },
}

function mt:__tostring()
  local closed = self.is_closed and " closed" or ""
  return ("taskqueue.fleet %s on %s%s"):format(self.name, self.where, closed)
end

--- Lets a client's budget be shared with the other processes of the fleet; a client does it by its
-- option `fleet`.
function methods:share(client, credential, method)
  self.sharing:share(client, credential, method)
end

--- What this process is for each budget that it shares.
-- @treturn table a list of `{ url =, method =, role =, waits =, guests =, problem = }`
function methods:stats()
  return self.sharing:stats()
end

--- Leaves the fleet: others take over at once. Can be repeated.
function methods:close()
  if self.is_closed then return end
  self.is_closed = true
  self.sharing:close()
end

mt.__close = methods.close

local function check_lease(lease)
  if lease < 0.2 or lease > 60 then
    error("fleet.new: option 'lease' must be from 0.2 to 60 seconds", 3)
  end
end

--- Joins a fleet. Does no I/O before the first wait of a client that has it.
-- @tparam table given `redis` (required, `redis://[[user]:password@]host[:port][/db]` or
-- `redis+unix:///path`), `name` of the fleet (required), `lease` (seconds after which another
-- process takes over from one that is gone, default 3), `when_away` (what waits do while Redis is
-- away: `"share"`, go on at a share of the rate, or `"fail"`), `secret` (a key for the names of
-- credentials, the same in all processes; the password of Redis when there is none)
-- @treturn fleet
-- @raise for an unknown, missing or wrong option
function fleet.new(given)
  local checked = options.check("fleet.new", given, spec)
  check_lease(checked.lease)
  if not checked.name:find("^[%w_.-]+$") then
    error("fleet.new: option 'name' must be of letters, digits, dots, dashes and underscores", 2)
  end
  local ok, address = pcall(url.parse, checked.redis)
  if not ok then error(address, 2) end
  local store = new_store(address, checked.name, checked.lease)
  local self = { name = checked.name, where = url.describe(address) }
  self.sharing = new_sharing(store, {
    secret = checked.secret or address.password or "", when_away = checked.when_away,
  })
  return setmetatable(self, mt)
end

return fleet
