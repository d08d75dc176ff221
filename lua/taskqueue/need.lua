-- SPDX-License-Identifier: MIT
--[[
Loads a module of ours at the moment when it is needed. One for which there was no memory is tried
anew: LuaJIT's `require` would take it, and those that it needs, for being loaded still, for ever.
]]
local loaded = package.loaded

local function forget_unfinished()
  for name, value in pairs(loaded) do
    if type(value) == "userdata" and name:find "^taskqueue%." then loaded[name] = nil end
  end
end

return function(name)
  local module = loaded[name]
  if module and type(module) ~= "userdata" then return module end
  forget_unfinished()
  return require(name)
end
