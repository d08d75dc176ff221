-- SPDX-License-Identifier: MIT
-- `taskqueue doctor`: what the module runs with, and what is missing or wrong, each with its cure.
local core = require "taskqueue.core"
local exit = require "taskqueue.command.exit"
local cure_of = require "taskqueue.command.cure"
local taskqueue = require "taskqueue"
local text = require "taskqueue.command.text"

local doctor = {}

local function say(mark, what, cure)
  print(("%-8s%s"):format(mark, text.plain(what)))
  if cure then print((" "):rep(8) .. cure) end
  return mark ~= "wrong"
end

local function is_readable(path)
  local file = io.open(path)
  if file then file:close() end
  return file ~= nil
end

-- What the module runs with; nil when libcurl cannot be loaded.
local function find_libraries()
  local lua = rawget(_G, "jit") and jit.version or _VERSION
  say("ok", ("taskqueue %s on %s"):format(taskqueue._VERSION, lua))
  local is_loaded, libraries = pcall(core.libraries)
  if is_loaded then return libraries end
  say("wrong", "libcurl cannot be loaded: " .. libraries:gsub("%s+", " "),
    "install libcurl (Debian: libcurl4), or taskqueue again where it is taskqueue's own file")
end

local function check_libraries(libraries)
  say("ok", ("libcurl %s, %s, lua-cjson %s"):format(
    libraries.curl, libraries.expat:gsub("_", " "), require("cjson")._VERSION))
  if not libraries.can_wait_for_dns then
    say("note", "libcurl looks names up by blocking", "a slow name server stalls all waits; "
      .. "install a libcurl with a threaded resolver or c-ares")
  end
  if libraries.tls then return say("ok", "TLS by " .. libraries.tls) end
  return say("wrong", "libcurl has no TLS", "install a libcurl with TLS, as libcurl4-openssl-dev")
end

local function check_authorities(given, libraries)
  local path = given.ca_file or libraries.ca_file
  if not path then return say("note", "libcurl has no file of trusted authorities of its own") end
  if is_readable(path) then return say("ok", "trusted authorities in " .. path) end
  return say("wrong", "cannot read the trusted authorities in " .. path,
    "install them (Debian: ca-certificates), or name a file with --ca-file")
end

local OPTIONAL = {
  { "luv", "loop of libuv" }, { "cqueues", "loop of cqueues" }, { "copas", "loop of copas" },
  { "taskqueue.sim", "simulator", "luarocks install taskqueue-sim" },
}

local function check_optional()
  for _, entry in ipairs(OPTIONAL) do
    local is_found = pcall(require, entry[1])
    local cure = not is_found and entry[3] or nil
    say(is_found and "ok" or "none", ("%s (%s)"):format(entry[1], entry[2]), cure)
  end
end

local function check_key(given)
  local is_given = given.key_file or (os.getenv "MOBIZON_API_KEY" or "") ~= ""
  if is_given then return say("ok", "a Mobizon API key is given") end
  return say("none", "no Mobizon API key is given", "set MOBIZON_API_KEY, or name a file that has "
    .. "it with --key-file; on a terminal it is asked for")
end

-- A task that cannot be there: whoever says so was reached, trusted, and let us in.
local function check_service(clients, service)
  local made, client = pcall(clients.client, clients, service)
  if not made then return say("wrong", client) end
  local status, message, kind, detail = client:get_status("1")
  local is_answer = kind == taskqueue.kind.NOT_FOUND or kind == taskqueue.kind.SERVICE
  if status or is_answer then
    return say("ok", service .. " answers at " .. client.url)
  end
  return say("wrong", ("%s at %s: %s"):format(service, client.url, message), cure_of(kind, detail))
end

--- Looks at everything.
-- @treturn number exit status
function doctor.run(clients, given)
  local libraries = find_libraries()
  if not libraries then return exit.FAILED end
  local good = check_libraries(libraries)
  good = check_authorities(given, libraries) and good
  check_optional()
  check_key(given)
  if given.connect then
    good = check_service(clients, "mobizon") and good
    good = check_service(clients, "cnode") and good
  end
  return good and exit.OK or exit.FAILED
end

return doctor
