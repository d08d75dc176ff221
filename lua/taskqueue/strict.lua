-- SPDX-License-Identifier: MIT
-- Tables of constants in which a typo is an error instead of nil.

--- Makes a table of constants strict: reading or setting an unknown name raises.
-- @tparam string name what the constants are, for the error
-- @tparam table constants name to value
-- @treturn table the same table
return function(name, constants)
  return setmetatable(constants, {
    __index = function(_, key)
      error(("%s has no constant '%s'"):format(name, tostring(key)), 2)
    end,
    __newindex = function(_, key)
      error(("%s is constant: '%s' cannot be set"):format(name, tostring(key)), 2)
    end,
  })
end
