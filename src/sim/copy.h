/* SPDX-License-Identifier: MIT */
#ifndef TQ_SIM_COPY_H
#define TQ_SIM_COPY_H
/*
 * Copies plain values between two Lua states that share nothing: nil, booleans, numbers (integers
 * stay integers), strings and tables of these. Shared tables are copied once for each mention; a
 * cycle runs into the depth limit.
 */
#include "compat/lua_compat.h"

enum { TQ_SIM_COPY_DEPTH = 16, TQ_SIM_COPY_ROOM = 4 * TQ_SIM_COPY_DEPTH };

/*
 * Pushes a copy of `from[index]` onto `to`. Raises in `to`, and only there, for any other type or
 * for tables nested deeper than TQ_SIM_COPY_DEPTH. `from` must have room for TQ_SIM_COPY_ROOM more
 * values (luaL_checkstack) and may be in an unprotected call; `to` must be in a protected one.
 */
void tq_sim_copy(lua_State *from, int index, lua_State *to);

#endif
