-- SPDX-License-Identifier: MIT
-- Debian's Lua-cURL knows the easy interface alone: one request at a time.
local common = dofile "bench/polls/common.lua"
local curl = require "curl"

local service, url, _, seconds = common.arguments()
local body, content_type = common.request(service)
local read = common.reader(service)

local pieces
local easy = curl.easy_init()
easy:setopt(curl.OPT_URL, url)
easy:setopt(curl.OPT_POSTFIELDS, body)
easy:setopt(curl.OPT_HTTPHEADER, { "Content-Type: " .. content_type, 'SOAPAction: ""' })
easy:setopt(curl.OPT_WRITEFUNCTION, function(piece)
  pieces[#pieces + 1] = piece
  return #piece
end)

common.run_one(seconds, function()
  pieces = {}
  easy:perform()
  read(table.concat(pieces))
end)
