-- SPDX-License-Identifier: MIT

--- A file as a parameter of a call. It is read from disk while it is sent.
-- @module taskqueue.file
local core = require "taskqueue.core"
local options = require "taskqueue.options"

local mt = core.file_type
mt.__name = "taskqueue.file"

function mt:__tostring()
  return ("taskqueue.file (%s)"):format(self.path)
end

local spec = {
  path = { is = "string", required = true },
  name = { is = "string" },
  type = { is = "string" },
}

--- A file to be uploaded by `client:call`.
-- @function file
-- @tparam table file
-- @tparam string file.path where it is
-- @tparam[opt] string file.name what the service is told; default: the path's last part
-- @tparam[opt] string file.type its media type; default: by the name's ending
-- @treturn table a value for a parameter
-- @raise for an unknown or missing field
local function new_file(file)
  if type(file) ~= "table" then
    error("taskqueue.file: the argument must be a table with the field 'path'", 2)
  end
  return setmetatable(options.check("taskqueue.file", file, spec), mt)
end

return new_file
