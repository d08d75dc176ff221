-- SPDX-License-Identifier: MIT
-- Runs before all specs. Busted gives each file modules of its own, but luv cannot be loaded twice
-- in one Lua state; what is loaded here is shared.
pcall(require, "luv")
