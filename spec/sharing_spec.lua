-- SPDX-License-Identifier: MIT
-- A shared budget and a store that takes its time; what real stores do is in fleet/ and openresty/.
local outside = require "outside"
local sharing = require "taskqueue.sharing"
local support = require "support"
local taskqueue = require "taskqueue"

local LEASE = 0.3

-- Gives every lease that is asked for, and keeps the answers to signs of life until it is told.
local function new_store()
  local store = { lease = LEASE, name = "slow store", answers = {} }
  for _, name in ipairs { "open", "close", "join", "part", "note", "release", "withdraw", "publish",
    "tell" } do
    store[name] = function() end
  end
  function store:claim(_, _, done)
    done { is_owner = true, members = 1, was = "none", hold = 0 }
  end
  function store:want(_, _, _, _, done) done {} end
  function store:wants(_, done) done {} end
  function store:beat(units, done)
    local held = {}
    for _, unit in ipairs(units) do held[unit] = true end
    if #units > 0 then
      self.answers[#self.answers + 1] = function() done { members = 1, held = held } end
    end
  end
  return store
end

local function count(map)
  local entries = 0
  for _ in pairs(map) do entries = entries + 1 end
  return entries
end

describe("a shared budget without a rate", function()
  after_each(support.finish)

  it("lets a lease be renewed when its task has been forgotten meanwhile", function()
    local sim, store = support.sim(), new_store()
    local shared = sharing.new(store, { secret = "secret", when_away = "share" })
    local client = support.node(sim, { rate = math.huge })
    shared:share(client, "nobody", "getTaskStatus")
    local id = sim:task { service = "node", duration = 0.3 }
    assert.equal("succeeded", client:wait_until_done(id, { timeout = 20 }).state)
    local units = count(shared.units)
    assert.is_true(#store.answers > 0)
    outside.await("the unit being forgotten", function() return count(shared.units) < units end)
    for _, answer in ipairs(store.answers) do answer() end
    assert.equal("succeeded", client:wait_until_done(id, { timeout = 20 }).state)
    shared:close()
    -- What was put off to the next step.
    taskqueue.step(0)
  end)
end)
