-- SPDX-License-Identifier: MIT
-- Whole replies that are JSON or nearly so: a name, a text with {good} for a good reply, and what a
-- look at the task makes of it. A status that is not documented means that the task goes on.
local R, N = "succeeded", "protocol"

local function utf16(text, is_big)
  return (text:gsub(".", is_big and "\0%0" or "%0\0"))
end

return {
  { "a good reply", "{good}", R },
  { "space around it", " \r\n\t{good}\n \r", R },
  { "a byte order mark", "\239\187\191{good}", N },
  { "UTF-16, little end first", "{good}", N, recode = utf16 },
  { "UTF-16, big end first", "{good}", N, recode = function(text) return utf16(text, true) end },
  { "UTF-16 with its mark", "\255\254{good}", N, recode = utf16 },
  { "NUL before it", "\0{good}", N },
  { "NUL behind it", "{good}\0", N },
  { "NUL and rubbish behind it", "{good}\0rubbish", N },
  { "two replies", "{good}{good}", N },
  { "two replies on two lines", "{good}\n{good}", N },
  { "a comma behind it", "{good},", N },
  { "a bracket too many", "{good}}", N },
  { "a comment behind it", "{good} // a", N },
  { "a form feed behind it", "{good}\f", N },
  { "a prefix against hijacking", ")]}',\n{good}", N },
  { "a function around it", "callback({good})", N },
  { "a list around it", "[{good}]", N },
  { "quotes around it", '"{good}"', N },
  { "nothing", "", N },
  { "space alone", " ", N },
  { "a number", "0", N },
  { "null", "null", N },
  { "the code twice, of which the last counts", '{"code":8,"code":0,"data":{"status":2}}', R },
  { "the status twice, of which the last counts",
    '{"code":0,"data":{"status":2,"status":1}}', "running" },
  { "a code of minus zero", '{"code":-0,"data":{"status":2}}', R },
  { "a code with a fraction of 0", '{"code":0.0,"data":{"status":2e0}}', R },
  { "a code as text", '{"code":"0","data":{"status":"2"}}', R },
  { "a code as text with a fraction", '{"code":"0.0","data":{"status":2}}', N },
  { "a code as hexadecimal text", '{"code":"0x0","data":{"status":2}}', N },
  { "a code as an empty text", '{"code":"","data":{"status":2}}', N },
  { "a code that is false", '{"code":false,"data":{"status":2}}', N },
  { "a code in a list", '{"code":[0],"data":{"status":2}}', N },
  { "a status as hexadecimal text", '{"code":0,"data":{"status":"0x2"}}', N },
  { "a status as text with a NUL", [[{"code":0,"data":{"status":"2\u0000"}}]], N },
  { "a status as text with an exponent", '{"code":0,"data":{"status":"2e0"}}', N },
  { "a status of a long integer", '{"code":0,"data":{"status":18446744073709551618}}', N },
  { "a status beyond 32 bits", '{"code":0,"data":{"status":4294967298}}', "running" },
  { "a status in an object", '{"code":0,"data":{"status":{"status":2}}}', N },
  { "names of another case", '{"Code":0,"Data":{"Status":2}}', N },
  { "a status outside of the data", '{"code":0,"status":2,"data":{}}', N },
  { "data in a list", '{"code":0,"data":[{"status":2}]}', N },
  { "a long integer for a key", '{"code":0,"data":{"status":2},9007199254740993:1}', N },
}
