rockspec_format = "3.0"
package = "taskqueue-sim"
version = "0.1.0-1"

source = {
  url = "git+file://.",
  tag = "v0.1.0",
}

description = {
  summary = "Simulates the services that taskqueue waits for",
  detailed = [[
A real HTTP server inside the process, with Mobizon's service and the Billon Corporate Node behind it: to
try scripts without an account, and to test them against a service that misbehaves.]],
  labels = { "http", "test", "simulator" },
  license = "MIT",
}

supported_platforms = { "linux" }

dependencies = {
  "lua >= 5.1, < 5.5",
  "lua-cjson >= 2.1.0",
}

external_dependencies = {
  MICROHTTPD = { library = "microhttpd" },
}

build = {
  type = "builtin",
  modules = {
    ["taskqueue.sim.basic"] = "lua/taskqueue/sim/basic.lua",
    ["taskqueue.sim.chance"] = "lua/taskqueue/sim/chance.lua",
    ["taskqueue.sim.faults"] = "lua/taskqueue/sim/faults.lua",
    ["taskqueue.sim.form"] = "lua/taskqueue/sim/form.lua",
    ["taskqueue.sim"] = "lua/taskqueue/sim/init.lua",
    ["taskqueue.sim.mobizon"] = "lua/taskqueue/sim/mobizon.lua",
    ["taskqueue.sim.node"] = "lua/taskqueue/sim/node.lua",
    ["taskqueue.sim.options"] = "lua/taskqueue/sim/options.lua",
    ["taskqueue.sim.program"] = "lua/taskqueue/sim/program.lua",
    ["taskqueue.sim.script"] = "lua/taskqueue/sim/script.lua",
    ["taskqueue.sim.settings"] = "lua/taskqueue/sim/settings.lua",
    ["taskqueue.sim.soap"] = "lua/taskqueue/sim/soap.lua",
    ["taskqueue.sim.tasks"] = "lua/taskqueue/sim/tasks.lua",
    ["taskqueue.sim.wire"] = "lua/taskqueue/sim/wire.lua",
    ["taskqueue.sim.world"] = "lua/taskqueue/sim/world.lua",
    ["taskqueue.sim.xml"] = "lua/taskqueue/sim/xml.lua",
    ["taskqueue.sim.xml_reader"] = "lua/taskqueue/sim/xml_reader.lua",
    ["taskqueue.sim.core"] = {
      sources = {
        "src/sim/answer.c",
        "src/sim/copy.c",
        "src/sim/core.c",
        "src/sim/exchange.c",
        "src/sim/listener.c",
        "src/sim/server.c",
        "src/sim/state.c",
      },
      defines = { "_GNU_SOURCE" },
      incdirs = { "src", "$(MICROHTTPD_INCDIR)" },
      libdirs = { "$(MICROHTTPD_LIBDIR)" },
      libraries = { "microhttpd", "m", "pthread" },
    },
  },
  install = {
    bin = { ["taskqueue-sim"] = "lua/bin/taskqueue-sim" },
  },
}
