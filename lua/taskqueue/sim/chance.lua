-- SPDX-License-Identifier: MIT
-- Chance that can be had again: whether a call is hit follows from a seed, the call's id and how
-- many calls of that id came before, whatever the order in which calls of several ids arrive.

local chance = {}

-- Park and Miller's generator: its products are exact in doubles.
local MODULUS, FACTOR, ROUNDS = 2147483647, 16807, 4

local function mix(state, value)
  state = (state + value) % MODULUS
  if state == 0 then state = 1 end
  for _ = 1, ROUNDS do state = state * FACTOR % MODULUS end
  return state
end

local function hash(seed, text)
  local state = mix(1, seed)
  for i = 1, #text do state = mix(state, text:byte(i)) end
  return state
end

--- Makes a function that says for a call's id whether this call is hit.
-- @tparam number fraction of the calls that are hit, over 0 up to 1
-- @tparam integer seed
-- @treturn function takes ?string id, gives a boolean
function chance.new(fraction, seed)
  local seen = {}
  return function(id)
    id = id or ""
    local count = (seen[id] or 0) + 1
    seen[id] = count
    return mix(hash(seed, id), count) <= fraction * MODULUS
  end
end

return chance
