-- SPDX-License-Identifier: MIT
-- Runs before all specs. Busted gives each file modules of its own, but luv cannot be loaded twice
-- in one Lua state; what is loaded here is shared.
pcall(require, "luv")

-- The same specs over a transport with a thread of its own.
if os.getenv "TASKQUEUE_TEST_THREAD" == "1" then
  assert(require("taskqueue.core").use_thread(), "the engine is open already")
end
