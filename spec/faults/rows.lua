-- SPDX-License-Identifier: MIT
--[[
The faults that a network and a server can show, and what becomes of a wait that meets them. Each
row is met by both services in all formats and on both Luas (spec/faults_spec.lua), and is a row of
docs/faults.md. A row is a sentence and

  fault     a rule of the simulator for each poll and call; {body} and the like are filled in with
            those of a good reply of the service (spec/faults/matrix.lua)
  place     or a server of another kind, by its name there
  world     or a process of its own with these settings of spec/faults/world.c
  options   of the client that meets it
  kind      what one look at a task gives; nil when it gives the status
  attempts  the requests after which a wait ends that survives one failed poll, when the fault
            stays: 1 when it ends at once
  passes    how a wait ends when the fault has passed after one poll, unless that follows
  call      what a call gives that meets it, unless it is the same as for a look
  is_warm   on a connection that has been used before
  task      options of the tasks that are waited for
  roles     in place of the usual ones
  spares_nobody  the fault is for the whole process: there are no other waits beside it
]]
local SHORT = { request_timeout = 0.25 }
local GOOD = "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"
local CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
local HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
local PAST = "Sun, 06 Nov 1994 08:49:37 GMT"
local HTTP2 = "\0\0\0\4\0\0\0\0\0\0\0\8\7\0\0\0\0\0\0\0\0\0\0\0"

local function network(fields) fields.kind, fields.attempts = "network", 2 return fields end
local function protocol(fields) fields.kind, fields.attempts = "protocol", 2 return fields end
local function tls(fields) fields.kind, fields.attempts = "tls", 2 return fields end
local function http(fields) fields.kind, fields.attempts = "http", 2 return fields end
local function at_once(kind, fields) fields.kind, fields.attempts = kind, 1 return fields end
local function throttled(fields) fields.kind = "throttled" return fields end

local function status(number, body)
  return { http_status = number, body = body or "" }
end

local function refusal(number, retry_after)
  return { http_status = number, body = "", headers = { ["Retry-After"] = retry_after } }
end

return {
  { name = "Connections",
    network { "the connection is refused", place = "refused" },
    network { "nobody answers the first packet of a connection", world = { BLACKHOLE = "1" },
      options = { connect_timeout = 0.25 } },
    network { "a reset before the first byte", fault = { reset = "before" } },
    network { "a close before the first byte", fault = { raw = "" } },
    network { "a reset in the status line", fault = { raw = "HTTP/1.", after = "reset" } },
    network { "a close in the status line", fault = { raw = "HTTP/1." } },
    network { "a reset in the headers", fault = { raw = HEAD .. "X-A: ", after = "reset" } },
    network { "a close in the headers", fault = { raw = HEAD .. "X-A: " } },
    network { "a reset after the headers", fault = { reset = "headers" } },
    network { "a close after the headers", fault = { truncate = 0 } },
    network { "a reset in the body", fault = { reset = "body" } },
    network { "a close in the body", fault = { truncate = 10 } },
    { "a reset after the whole answer", fault = { raw = GOOD, after = "reset" } },
    { "a close after the whole answer that was not announced", fault = { raw = GOOD } },
    { "a close after each answer", fault = { close = true } },
    { "a kept connection that is reset under the next request", is_warm = true,
      fault = { reset = "before" }, call = "network" },
    { "a kept connection that is closed under the next request", is_warm = true,
      fault = { raw = "" }, call = "network" },
    network { "a kept connection that is reset in the next answer", is_warm = true,
      fault = { reset = "body" } },
  },
  { name = "Silence and slowness, past `request_timeout`",
    network { "silence instead of an answer", options = SHORT, fault = { silent = true } },
    network { "silence in the status line", options = SHORT,
      fault = { raw = "HTTP/1.", after = "silence" } },
    network { "silence in the headers", options = SHORT,
      fault = { raw = HEAD .. "X-A: ", after = "silence" } },
    network { "silence after the headers", options = SHORT,
      fault = { truncate = 0, after = "silence" } },
    network { "silence in the body", options = SHORT,
      fault = { truncate = 10, after = "silence" } },
    network { "silence in a chunk", options = SHORT,
      fault = { raw = CHUNKED .. "{hex}\r\n{half}", after = "silence" } },
    network { "headers that drip", options = SHORT, fault = { raw = GOOD, drip = 0.02 } },
    network { "a body that drips", options = SHORT, fault = { drip = 0.05 } },
    { "a body that drips, but in time", fault = { body = "{body}", drip = 0.0005 } },
    { "an answer that comes late, but in time", fault = { delay = 0.05 } },
  },
  { name = "Lengths and chunks",
    network { "a length that is too long", fault = {
      raw = "HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n{body}" } },
    protocol { "a length that is too short", fault = {
      raw = "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{body}" } },
    protocol { "a length of 0 before a body", fault = {
      raw = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n{body}" } },
    protocol { "a length below 0", fault = {
      raw = "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{body}" } },
    protocol { "a length that is no number", fault = {
      raw = "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{body}" } },
    protocol { "a length beyond 64 bits", fault = {
      raw = "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n{body}" } },
    protocol { "a body larger than `max_response_bytes`", options = { max_response_bytes = 100000 },
      fault = { body = (" "):rep(100001) } },
    protocol { "such a body in chunks", options = { max_response_bytes = 100000 },
      fault = { raw = CHUNKED .. ("10000\r\n" .. (" "):rep(65536) .. "\r\n"):rep(4) } },
    { "no length, and the connection's end for the body's", fault = {
      raw = "HTTP/1.1 200 OK\r\n\r\n{body}" } },
    { "a good answer in chunks", fault = { raw = CHUNKED .. "{hex}\r\n{body}\r\n0\r\n\r\n" } },
    { "chunks of one byte, with trailers", fault = {
      raw = CHUNKED .. "{bytes}0\r\nX-A: b\r\n\r\n" } },
    network { "a close in a chunk", fault = { raw = CHUNKED .. "{hex}\r\n{half}" } },
    network { "a close before the last chunk", fault = { raw = CHUNKED .. "{hex}\r\n{body}\r\n" } },
    network { "a reset before the last chunk",
      fault = { raw = CHUNKED .. "{hex}\r\n{body}\r\n", after = "reset" } },
    network { "a chunk without a size", fault = { raw = CHUNKED .. "\r\n{body}\r\n0\r\n\r\n" } },
    network { "a chunk whose size is no number", fault = { raw = CHUNKED .. "xyz\r\n{body}\r\n" } },
    network { "a chunk larger than 64 bits", fault = {
      raw = CHUNKED .. "fffffffffffffffff\r\n{body}\r\n0\r\n\r\n" } },
  },
  { name = "Encodings",
    protocol { "gzip, which was not asked for", fault = {
      body = "{gzip}", headers = { ["Content-Encoding"] = "gzip" } } },
    protocol { "broken gzip", fault = {
      body = "\31\139\8\0{half}", headers = { ["Content-Encoding"] = "gzip" } } },
    protocol { "gzip in the transfer", fault = {
      raw = HEAD .. "Transfer-Encoding: gzip, chunked\r\n\r\n{hex}\r\n{body}\r\n0\r\n\r\n" } },
    { "an encoding that is none", fault = { headers = { ["Content-Encoding"] = "identity" } } },
  },
  { name = "Versions of HTTP",
    { "HTTP/1.0", fault = { raw = "HTTP/1.0 200 OK\r\n\r\n{body}" } },
    protocol { "HTTP/0.9, a body and nothing else", fault = { raw = "{body}" } },
    protocol { "frames of HTTP/2", fault = { raw = HTTP2 } },
    { "HTTP/2 in a status line", fault = { raw = "HTTP/2 200\r\n\r\n{body}" } },
    protocol { "a version that there is not", fault = { raw = "HTTP/7.3 200 OK\r\n\r\n{body}" } },
    protocol { "a status that is no number", fault = { raw = "HTTP/1.1 OK\r\n\r\n{body}" } },
    protocol { "a record of TLS", fault = { raw = "\21\3\3\0\2\2\40" } },
    protocol { "text of another protocol", fault = { raw = "SSH-2.0-OpenSSH_9.2\r\n" } },
  },
  { name = "Headers",
    protocol { "a header of 200 KB", fault = {
      raw = HEAD .. "X-A: " .. ("a"):rep(200000) .. "\r\n\r\n{body}" } },
    protocol { "headers without end", fault = {
      raw = HEAD .. ("X-A: " .. ("a"):rep(1000) .. "\r\n"):rep(500) .. "\r\n{body}" } },
    protocol { "a NUL in a header", fault = { raw = HEAD .. "X-A: a\0b\r\n\r\n{body}" } },
    protocol { "a header without a colon", fault = { raw = HEAD .. "nonsense\r\n\r\n{body}" } },
    { "a header that is folded", fault = { raw = HEAD .. "X-A: b\r\n c\r\n\r\n{body}" } },
    { "lines that end in LF alone", fault = { raw = "HTTP/1.1 200 OK\nX-A: b\n\n{body}" } },
  },
  { name = "Statuses of HTTP",
    { "100 Continue before the answer", fault = { raw = "HTTP/1.1 100 Continue\r\n\r\n" .. GOOD } },
    { "103 Early Hints before the answer", fault = {
      raw = "HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n" .. GOOD } },
    { "100 a hundred times", fault = { raw = ("HTTP/1.1 100 Continue\r\n\r\n"):rep(100) .. GOOD } },
    network { "100 and a close", fault = { raw = "HTTP/1.1 100 Continue\r\n\r\n" } },
    network { "101 Switching Protocols, which was not asked for", fault = {
      raw = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n" } },
    protocol { "204 without a body", fault = status(204) },
    { "206 with a whole answer", fault = { http_status = 206 } },
    protocol { "200 without a body", fault = status(200) },
    protocol { "200 with a page", fault = status(200, "<html><body>Welcome</body></html>") },
    at_once("http", { "301 with a place to go to", fault = {
      http_status = 301, body = "", headers = { Location = "http://127.0.0.1:1/" } } }),
    at_once("http", { "302 with a page", fault = status(302, "<html>") }),
    at_once("http", { "307 with a place to go to", fault = {
      http_status = 307, body = "", headers = { Location = "/elsewhere" } } }),
    at_once("http", { "304 without a body", fault = status(304) }),
    at_once("http", { "400 without a body", fault = status(400) }),
    at_once("http", { "400 with a page", fault = status(400, "<html>Bad Request</html>") }),
    at_once("auth", { "401", fault = {
      http_status = 401, body = "", headers = { ["WWW-Authenticate"] = 'Basic realm="x"' } } }),
    at_once("auth", { "403 with a page", fault = status(403, "<html>Forbidden</html>") }),
    at_once("http", { "404 with a page", fault = status(404, "<html>Not Found</html>") }),
    at_once("auth", { "407", fault = status(407) }),
    http { "408, which is worth another try", fault = status(408) },
    at_once("http", { "410", fault = status(410) }),
    http { "425, which is worth another try", fault = status(425) },
    protocol { "404 with the answer of a success", fault = { http_status = 404 } },
    http { "500 without a body", fault = status(500) },
    http { "500 with a page", fault = status(500, "<html>Internal Server Error</html>") },
    protocol { "500 with the answer of a success", fault = { http_status = 500 } },
    http { "502 with a page", fault = status(502, "<html>Bad Gateway</html>") },
    http { "503 without Retry-After", fault = status(503) },
    http { "503 with a Retry-After that is no time", fault = refusal(503, "soon") },
    http { "504 with a page", fault = status(504, "<html>Gateway Time-out</html>") },
    http { "599", fault = status(599) },
  },
  { name = "Too many requests: no wait pays for it, and none goes on before its time",
    throttled { "429 without Retry-After", fault = status(429) },
    throttled { "429 with a page", fault = status(429, "<html>Slow down</html>") },
    throttled { "429 to come again at once", fault = refusal(429, "0") },
    throttled { "429 to come again in a second", fault = refusal(429, "1") },
    throttled { "429 with a date that is over", fault = refusal(429, PAST) },
    throttled { "429 to come again in 30 years", passes = "timeout",
      fault = refusal(429, "946080000") },
    throttled { "429 with a number beyond 64 bits", passes = "timeout",
      fault = refusal(429, "99999999999999999999") },
    throttled { "429 with a date in the year 9999", passes = "timeout",
      fault = refusal(429, "Fri, 31 Dec 9999 23:59:59 GMT") },
    throttled { "429 with words for a time", fault = refusal(429, "soon") },
    throttled { "429 with a time below 0", fault = refusal(429, "-5") },
    throttled { "429 with an empty time", fault = {
      raw = "HTTP/1.1 429 No\r\nRetry-After: \r\nContent-Length: 0\r\n\r\n" } },
    throttled { "429 with a date that is near by the server's clock, which is wrong", fault = {
      raw = "HTTP/1.1 429 No\r\nDate: Wed, 01 Jan 2098 00:00:00 GMT\r\n"
        .. "Retry-After: Wed, 01 Jan 2098 00:00:01 GMT\r\nContent-Length: 0\r\n\r\n" } },
    throttled { "503 to come again at once", fault = refusal(503, "0") },
    throttled { "503 with a page and a date that is over", fault = {
      http_status = 503, body = "<html>", headers = { ["Retry-After"] = PAST } } },
  },
  { name = "TLS",
    at_once("tls", { "a certificate that has expired", place = "expired" }),
    at_once("tls", { "a certificate that is not valid yet", place = "not_yet" }),
    at_once("tls", { "a certificate of another host", place = "elsewhere" }),
    at_once("tls", { "a certificate of an unknown authority", place = "unknown" }),
    at_once("tls", { "a file of authorities that cannot be read", place = "no_authorities" }),
    tls { "no version in common", place = "old" },
    tls { "a client certificate that is refused, in TLS 1.2", place = "refuses_1_2" },
    network { "a client certificate that is refused, in TLS 1.3", place = "refuses_1_3" },
    tls { "a client certificate that is missing, in TLS 1.2", place = "wants_1_2" },
    network { "a client certificate that is missing, in TLS 1.3", place = "wants_1_3" },
    tls { "a server without TLS where TLS is expected", place = "plain" },
    network { "a server with TLS where none is expected", place = "secure" },
  },
  { name = "Names, clocks and limits",
    network { "a name that nobody knows", world = { RESOLVER = "unknown" } },
    network { "a resolver that fails for now", world = { RESOLVER = "fails" } },
    network { "a resolver that is dead", options = { connect_timeout = 0.25 },
      world = { RESOLVER = "dead" } },
    { "a name that moves to another address", world = { RESOLVER = "moves" },
      roles = { "passes" } },
    { "the wall clock is set forward by a day, again and again", world = { CLOCK = "86400" },
      task = { duration = 0.4 } },
    { "the wall clock is set back by a day, again and again", world = { CLOCK = "-86400" },
      task = { duration = 0.4 } },
    network { "no file descriptor is free", world = { FILES = "1000000" }, spares_nobody = true },
    { "no file descriptor is free for a while", world = { FILES = "12" }, spares_nobody = true,
      roles = { "passes" } },
  },
}
