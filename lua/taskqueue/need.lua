-- SPDX-License-Identifier: MIT
--[[
Loads a module of ours at the moment when it is needed. One for which there was no memory is tried
anew: LuaJIT's `require` would take it, and those that it needs, for being loaded still, for ever,
or has put down what no module is.
]]
local loaded = package.loaded

local MODULES = { ["table"] = true, ["function"] = true, string = true }

local function forget_unfinished()
  for name, value in pairs(loaded) do
    if not MODULES[type(value)] and tostring(name):find "^taskqueue%." then loaded[name] = nil end
  end
end

return function(name)
  local module = loaded[name]
  if MODULES[type(module)] then return module end
  forget_unfinished()
  return require(name)
end
