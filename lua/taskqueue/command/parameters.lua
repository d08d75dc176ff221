-- SPDX-License-Identifier: MIT
-- Parameters of a call as words: name=value, name[inner]=value, name[]=item, name=@file to upload,
-- name:=json.
local cjson = require "cjson.safe"
local file = require "taskqueue.file"

local parameters = {}

-- "a[b][]" as { "a", "b", "" }; nil when it is no such name.
local function path_of(name)
  local first, rest = name:match("^([^%[%]]+)(.*)$")
  if not first then return nil end
  local path = { first }
  local left = rest:gsub("%[([^%[%]]*)%]", function(step)
    path[#path + 1] = step
    return ""
  end)
  return left == "" and path or nil
end

local function put(tree, path, value)
  for i = 1, #path - 1 do
    local step = path[i] == "" and #tree + 1 or path[i]
    if type(tree[step]) ~= "table" then tree[step] = {} end
    tree = tree[step]
  end
  local last = path[#path]
  tree[last == "" and #tree + 1 or last] = value
end

local function value_of(word, sign, text)
  if sign == "=" then return text:sub(1, 1) == "@" and file { path = text:sub(2) } or text end
  local value, why = cjson.decode(text)
  if why then error(("'%s': what follows := is no JSON: %s"):format(word, why), 0) end
  return value
end

local function add(tree, word)
  local name, sign, text = word:match("^([^=:]+)(:?=)(.*)$")
  local path = name and path_of(name)
  if not path then
    error(("'%s' is no parameter; write name=value, name[inner]=value, name[]=item, name=@file or "
      .. "name:=json"):format(word), 0)
  end
  put(tree, path, value_of(word, sign, text))
end

local function read_json(path)
  local stream, why = io.stdin, nil
  if path ~= "-" then stream, why = io.open(path) end
  if not stream then error("--data: " .. why, 0) end
  local tree, problem = cjson.decode(stream:read("*a"))
  if type(tree) ~= "table" then
    error(("--data: %s has to hold a JSON object: %s"):format(path, problem or "it holds none"), 0)
  end
  return tree
end

--- Reads the parameters of a call.
-- @tparam table words
-- @tparam ?string path of a file with a JSON object to begin with; "-" for the standard input
-- @treturn table
-- @raise text that names the word and how to write it
function parameters.read(words, path)
  local tree = path and read_json(path) or {}
  for _, word in ipairs(words) do add(tree, word) end
  return tree
end

return parameters
