#!/bin/sh
# SPDX-License-Identifier: MIT
# Starts nginx with fixed replies, a server that answers late and one that never does, on one
# processor, and compares the clients on the other: bench/polls/run.sh BUILD OUT [ROUNDS [SECONDS]]
set -eu
build=$1
mkdir -p "$2"
here=$(mktemp -d)
port=18750
silent_port=18751
late_port=18752
nginx_pid=
silent_pid=
late_pid=
finish() {
  [ -z "$nginx_pid" ] || kill "$nginx_pid" 2>/dev/null || :
  [ -z "$silent_pid" ] || kill "$silent_pid" 2>/dev/null || :
  [ -z "$late_pid" ] || kill "$late_pid" 2>/dev/null || :
  wait
  rm -rf "$here"
}
trap finish EXIT
trap 'exit 1' INT TERM

awk -v port="$port" '
  FILENAME ~ /reply/ { reply = reply $0 "\n"; next }
  /@SOAP_HEAD@/ {
    split(reply, part, "@ID@")
    sub(/@SOAP_HEAD@/, part[1])
    sub(/@SOAP_TAIL@/, part[2])
  }
  { sub(/@PORT@/, port); print }
' bench/polls/reply.soap bench/polls/nginx.conf >"$here/nginx.conf"
PATH=$PATH:/usr/sbin
# shellcheck disable=SC3045 # dash and bash have it
ulimit -n "$(ulimit -H -n)"
taskset -c 0 nginx -p "$here" -c nginx.conf &
nginx_pid=$!
taskset -c 0 "$build/bench/polls/silent" "$silent_port" &
silent_pid=$!
taskset -c 0 "$build/bench/polls/late" "$late_port" 50 &
late_pid=$!
until curl -s -o "$here/reply" "http://127.0.0.1:$port/json/"; do
  kill -0 "$nginx_pid"
  sleep 0.1
done

export NODE_PATH=/usr/share/nodejs
taskset -c 1 lua5.4 bench/polls/compare.lua "$build" "$2" \
  "http://127.0.0.1:$port" "http://127.0.0.1:$silent_port/" \
  "http://127.0.0.1:$late_port" "${3:-7}" "${4:-1}"

taskset -c 1 /usr/bin/python3 bench/polls/start.py "http://127.0.0.1:$port/same/json"

for lua in lua5.4 luajit; do
  echo "On $lua"
  footprint() { taskset -c 1 "$lua" bench/polls/footprint.lua "$@"; }
  footprint all 100000 "http://127.0.0.1:$silent_port/"
  footprint coroutines 100000 "http://127.0.0.1:$silent_port/"
  footprint bare 100000 "http://127.0.0.1:$silent_port/"
  footprint polls 1000 "http://127.0.0.1:$port/same/json"
  footprint polls 1000000 "http://127.0.0.1:$port/same/json"
done
