rockspec_format = "3.0"
package = "taskqueue"
version = "scm-1"

source = {
  url = "git+file://.",
}

description = {
  summary = "Waits for work that a remote service does in the background",
  detailed = [[
Starts work on a remote service, gets a task id back and waits until it is done: one rate budget for
all waits of a process, polls that are shared and repeated, honest deadlines, coroutines or none.
HTTP by libcurl, JSON by lua-cjson, in C.]],
  labels = { "http", "api", "async", "coroutine" },
  license = "MIT",
}

supported_platforms = { "linux" }

dependencies = {
  "lua >= 5.1, < 5.5",
  "lua-cjson >= 2.1.0",
}

-- The libraries, not the headers: those lie in multiarch folders on Debian.
external_dependencies = {
  CURL = { library = "curl" },
}

build = {
  type = "builtin",
  modules = {
    ["taskqueue"] = "lua/taskqueue/init.lua",
    ["taskqueue.client"] = "lua/taskqueue/client.lua",
    ["taskqueue.engine"] = "lua/taskqueue/engine.lua",
    ["taskqueue.failure"] = "lua/taskqueue/failure.lua",
    ["taskqueue.file"] = "lua/taskqueue/file.lua",
    ["taskqueue.loop.builtin"] = "lua/taskqueue/loop/builtin.lua",
    ["taskqueue.mobizon"] = "lua/taskqueue/mobizon.lua",
    ["taskqueue.options"] = "lua/taskqueue/options.lua",
    ["taskqueue.strict"] = "lua/taskqueue/strict.lua",
    ["taskqueue.task"] = "lua/taskqueue/task.lua",
    ["taskqueue.version"] = "lua/taskqueue/version.lua",
    ["taskqueue.wait"] = "lua/taskqueue/wait.lua",
    ["taskqueue.watch"] = "lua/taskqueue/watch.lua",
    ["taskqueue.core"] = {
      sources = {
        "src/base/buf.c",
        "src/binding/call.c",
        "src/binding/client.c",
        "src/binding/core.c",
        "src/binding/engine.c",
        "src/binding/form.c",
        "src/binding/json.c",
        "src/binding/lane.c",
        "src/binding/mobizon.c",
        "src/binding/reply.c",
        "src/binding/watch.c",
        "src/budget/budget.c",
        "src/clock/clock.c",
        "src/engine/engine.c",
        "src/engine/watch.c",
        "src/form/form.c",
        "src/http/peer.c",
        "src/http/poller.c",
        "src/http/transfer.c",
        "src/http/transport.c",
        "src/json/wide.c",
        "src/mobizon/mobizon.c",
        "src/sched/heap.c",
        "src/sched/sched.c",
      },
      defines = { "_GNU_SOURCE" },
      incdirs = { "src", "$(CURL_INCDIR)" },
      libdirs = { "$(CURL_LIBDIR)" },
      libraries = { "curl", "m", "pthread" },
    },
  },
}
