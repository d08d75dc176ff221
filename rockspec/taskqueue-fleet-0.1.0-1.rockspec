rockspec_format = "3.0"
package = "taskqueue-fleet"
version = "0.1.0-1"

source = {
  url = "git+file://.",
  tag = "v0.1.0",
}

description = {
  summary = "Lets processes on many hosts share taskqueue's budgets through Redis",
  detailed = [[
For users of taskqueue who have outgrown one machine: one process polls under a budget, all others are told, and
another one takes over when it dies. The rate of a service holds for all of them together.]],
  labels = { "redis", "distributed", "client", "api" },
  license = "MIT",
}

supported_platforms = { "linux" }

dependencies = {
  "lua >= 5.1, < 5.5",
  "lua-cjson >= 2.1.0",
  "taskqueue",
}

external_dependencies = {
  HIREDIS = { header = "hiredis/hiredis.h", library = "hiredis" },
}

build = {
  type = "builtin",
  modules = {
    ["taskqueue.fleet"] = "lua/taskqueue/fleet/init.lua",
    ["taskqueue.fleet.completions"] = "lua/taskqueue/fleet/completions.lua",
    ["taskqueue.fleet.link"] = "lua/taskqueue/fleet/link.lua",
    ["taskqueue.fleet.overview"] = "lua/taskqueue/fleet/overview.lua",
    ["taskqueue.fleet.scripts"] = "lua/taskqueue/fleet/scripts.lua",
    ["taskqueue.fleet.store"] = "lua/taskqueue/fleet/store.lua",
    ["taskqueue.fleet.url"] = "lua/taskqueue/fleet/url.lua",
    ["taskqueue.fleet.waits"] = "lua/taskqueue/fleet/waits.lua",
    ["taskqueue.fleet.core"] = {
      sources = {
        "src/fleet/connection.c",
        "src/fleet/core.c",
        "src/fleet/resolve.c",
      },
      defines = { "_GNU_SOURCE" },
      incdirs = { "src", "$(HIREDIS_INCDIR)", "$(HIREDIS_INCDIR)/hiredis" },
      libdirs = { "$(HIREDIS_LIBDIR)" },
      libraries = { "hiredis", "pthread", "dl" },
    },
  },
}
