#!/bin/sh
# SPDX-License-Identifier: MIT
# wrk, which is no library: the floor. Prints what common.lua says, without the memory.
set -eu
script=$(mktemp)
trap 'rm -f "$script"' EXIT
type="application/x-www-form-urlencoded"
[ "$1" = json ] || type="text/xml; charset=utf-8"
cat >"$script" <<LUA
wrk.method = "POST"
wrk.body = io.open("bench/polls/request.$1"):read "*a"
wrk.headers = { ["Content-Type"] = "$type", SOAPAction = '""' }
function done(summary)
  io.stderr:write(summary.requests, " ", summary.duration / 1e6, "\\n")
end
LUA
seconds=$(awk -v s="$4" 'BEGIN { print int(s + 0.999) }')
counts=$(wrk -t 1 -c "$3" -d "${seconds}s" -s "$script" "$2" 2>&1 >/dev/null)
times >"$script"
awk -v counts="$counts" 'NR == 2 {
  for (i = 1; i <= 2; i++) { split($i, part, /[ms]/); cpu += part[1] * 60 + part[2] }
  split(counts, c, " "); print c[1], cpu, c[2], 0 }' "$script"
