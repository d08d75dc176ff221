-- SPDX-License-Identifier: MIT
--- A status as plain data, to be kept or sent: without `info`, which is made of `info_text` again.
-- @tparam ?table status
-- @treturn ?table
return function(status)
  if not status then return nil end
  local plain = {}
  for name, value in pairs(status) do
    if name ~= "info" then plain[name] = value end
  end
  return plain
end
