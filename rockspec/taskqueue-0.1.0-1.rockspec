rockspec_format = "3.0"
package = "taskqueue"
version = "0.1.0-1"

source = {
  url = "git+file://.",
  tag = "v0.1.0",
}

description = {
  summary = "Waits for work that a remote service does in the background",
  detailed = [[
Starts work on a remote service, gets a task id back and waits until it is done: one rate budget for
all waits of a process, polls that are shared and repeated, honest deadlines, coroutines or none.
Speaks to Mobizon and to the Billon Corporate Node. HTTP by libcurl, JSON by lua-cjson, XML by expat,
in C.]],
  labels = { "http", "api", "async", "coroutine" },
  license = "MIT",
}

supported_platforms = { "linux" }

dependencies = {
  "lua >= 5.1, < 5.5",
  "lua-cjson >= 2.1.0",
  "argparse >= 0.7.1",
}

-- The libraries, not the headers: those lie in multiarch folders on Debian.
external_dependencies = {
  CURL = { library = "curl" },
  EXPAT = { library = "expat" },
}

build = {
  type = "builtin",
  modules = {
    ["taskqueue.budgets"] = "lua/taskqueue/budgets.lua",
    ["taskqueue.client"] = "lua/taskqueue/client.lua",
    ["taskqueue.cnode"] = "lua/taskqueue/cnode.lua",
    ["taskqueue.command.advise"] = "lua/taskqueue/command/advise.lua",
    ["taskqueue.command.arguments"] = "lua/taskqueue/command/arguments.lua",
    ["taskqueue.command.call"] = "lua/taskqueue/command/call.lua",
    ["taskqueue.command.cure"] = "lua/taskqueue/command/cure.lua",
    ["taskqueue.command.doctor"] = "lua/taskqueue/command/doctor.lua",
    ["taskqueue.command.exit"] = "lua/taskqueue/command/exit.lua",
    ["taskqueue.command"] = "lua/taskqueue/command/init.lua",
    ["taskqueue.command.key"] = "lua/taskqueue/command/key.lua",
    ["taskqueue.command.parameters"] = "lua/taskqueue/command/parameters.lua",
    ["taskqueue.command.row"] = "lua/taskqueue/command/row.lua",
    ["taskqueue.command.services"] = "lua/taskqueue/command/services.lua",
    ["taskqueue.command.status"] = "lua/taskqueue/command/status.lua",
    ["taskqueue.command.text"] = "lua/taskqueue/command/text.lua",
    ["taskqueue.command.view"] = "lua/taskqueue/command/view.lua",
    ["taskqueue.command.view_bars"] = "lua/taskqueue/command/view_bars.lua",
    ["taskqueue.command.view_json"] = "lua/taskqueue/command/view_json.lua",
    ["taskqueue.command.view_lines"] = "lua/taskqueue/command/view_lines.lua",
    ["taskqueue.command.wait"] = "lua/taskqueue/command/wait.lua",
    ["taskqueue.engine"] = "lua/taskqueue/engine.lua",
    ["taskqueue.events"] = "lua/taskqueue/events.lua",
    ["taskqueue.export"] = "lua/taskqueue/export.lua",
    ["taskqueue.failure"] = "lua/taskqueue/failure.lua",
    ["taskqueue.file"] = "lua/taskqueue/file.lua",
    ["taskqueue"] = "lua/taskqueue/init.lua",
    ["taskqueue.logger"] = "lua/taskqueue/logger.lua",
    ["taskqueue.look"] = "lua/taskqueue/look.lua",
    ["taskqueue.loop"] = "lua/taskqueue/loop/init.lua",
    ["taskqueue.loop.builtin"] = "lua/taskqueue/loop/builtin.lua",
    ["taskqueue.loop.copas"] = "lua/taskqueue/loop/copas.lua",
    ["taskqueue.loop.cqueues"] = "lua/taskqueue/loop/cqueues.lua",
    ["taskqueue.loop.luv"] = "lua/taskqueue/loop/luv.lua",
    ["taskqueue.many"] = "lua/taskqueue/many.lua",
    ["taskqueue.meta"] = "lua/taskqueue/meta.lua",
    ["taskqueue.metrics"] = "lua/taskqueue/metrics.lua",
    ["taskqueue.mobizon"] = "lua/taskqueue/mobizon.lua",
    ["taskqueue.options"] = "lua/taskqueue/options.lua",
    ["taskqueue.run"] = "lua/taskqueue/run.lua",
    ["taskqueue.stats"] = "lua/taskqueue/stats.lua",
    ["taskqueue.strict"] = "lua/taskqueue/strict.lua",
    ["taskqueue.task"] = "lua/taskqueue/task.lua",
    ["taskqueue.testing"] = "lua/taskqueue/testing/init.lua",
    ["taskqueue.testing.script"] = "lua/taskqueue/testing/script.lua",
    ["taskqueue.testing.wire"] = "lua/taskqueue/testing/wire.lua",
    ["taskqueue.version"] = "lua/taskqueue/version.lua",
    ["taskqueue.wait"] = "lua/taskqueue/wait.lua",
    ["taskqueue.waiters"] = "lua/taskqueue/waiters.lua",
    ["taskqueue.watch"] = "lua/taskqueue/watch.lua",
    ["taskqueue.core"] = {
      sources = {
        "src/base/buf.c",
        "src/base/fence.c",
        "src/base/siphash.c",
        "src/binding/call.c",
        "src/binding/client.c",
        "src/binding/cnode.c",
        "src/binding/core.c",
        "src/binding/engine.c",
        "src/binding/fds.c",
        "src/binding/form.c",
        "src/binding/hearing.c",
        "src/binding/json.c",
        "src/binding/keys.c",
        "src/binding/knowledge.c",
        "src/binding/lane.c",
        "src/binding/libcurl.c",
        "src/binding/machine.c",
        "src/binding/mobizon.c",
        "src/binding/number.c",
        "src/binding/play.c",
        "src/binding/reply.c",
        "src/binding/soap.c",
        "src/binding/watch.c",
        "src/binding/xml.c",
        "src/budget/budget.c",
        "src/clock/clock.c",
        "src/cnode/cnode.c",
        "src/engine/engine.c",
        "src/engine/watch.c",
        "src/form/form.c",
        "src/http/header.c",
        "src/http/driver_epoll.c",
        "src/http/foreign.c",
        "src/http/library.c",
        "src/http/peer.c",
        "src/http/play.c",
        "src/http/poller.c",
        "src/http/target.c",
        "src/http/transfer.c",
        "src/http/transport.c",
        "src/http/url.c",
        "src/json/wide.c",
        "src/mobizon/mobizon.c",
        "src/sched/forecast.c",
        "src/sched/heap.c",
        "src/sched/history.c",
        "src/sched/sched.c",
        "src/xml/arena.c",
        "src/xml/encoding.c",
        "src/xml/reader.c",
        "src/xml/writer.c",
      },
      defines = { "_GNU_SOURCE" },
      incdirs = { "src", "$(CURL_INCDIR)", "$(EXPAT_INCDIR)" },
      libdirs = { "$(EXPAT_LIBDIR)" },
      libraries = { "expat", "m", "pthread" },
    },
    ["taskqueue.libcurl"] = {
      sources = { "src/libcurl/libcurl.c" },
      defines = { "_GNU_SOURCE" },
      incdirs = { "src", "$(CURL_INCDIR)" },
      libdirs = { "$(CURL_LIBDIR)" },
      libraries = { "curl", "dl" },
    },
  },
  install = {
    bin = { taskqueue = "lua/bin/taskqueue" },
  },
  copy_directories = { "docs" },
}

test = {
  type = "command",
  command = "make -s test-c spec",
}
