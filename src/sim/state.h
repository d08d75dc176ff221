/* SPDX-License-Identifier: MIT */
#ifndef TQ_SIM_STATE_H
#define TQ_SIM_STATE_H
/*
 * The second Lua state, in which the service lives. The thread that serves HTTP and the user's
 * thread both enter it, one at a time: one mutex, held for the length of one call and never while
 * waiting for anything. Nothing that happens in it can raise in, or touch, the user's state.
 */
#include <pthread.h>
#include <stdbool.h>

#include "compat/lua_compat.h"

typedef struct tq_sim_state {
    lua_State *lua;
    pthread_mutex_t lock;
} tq_sim_state;

/*
 * Opens the state, with the parent's package.path and package.cpath, requires the module named by
 * `options.service` and calls its `new(options.config, clock)`; the object that gives is the
 * service. `options` is the index of a table in `parent`. Raises in `parent` on failure, after
 * which the state is to be closed as after success.
 */
void tq_sim_state_open(tq_sim_state *state, lua_State *parent, int options);

/*
 * Calls the service's method whose name is `parent[2]` with the values above it, and pushes what it
 * returns. Returns their number; raises in `parent` what the method raised.
 */
int tq_sim_state_call(tq_sim_state *state, lua_State *parent);

/*
 * Runs `function` in the state, protected and under the lock, with `data` as its light userdata
 * argument; `service:answer` and the like are reached with tq_sim_state_method(). False when it
 * raised. For the server's thread.
 */
bool tq_sim_state_run(tq_sim_state *state, lua_CFunction function, void *data);

/* Inside tq_sim_state_run: pushes the service's method and the service itself. */
void tq_sim_state_method(lua_State *lua, const char *name);

/* Frees everything; harmless on a zeroed or closed state. */
void tq_sim_state_close(tq_sim_state *state);

#endif
