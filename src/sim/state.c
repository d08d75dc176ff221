/* SPDX-License-Identifier: MIT */
/*
 * A call crosses two states and must not raise in either outside a protected call: whatever may
 * raise in the user's state before the lock is taken is done before, and what comes after (copying
 * the results) runs in a pcall of that state, nested in one of the service's.
 */
#include "sim/state.h"

#include "sim/clock.h"
#include "sim/copy.h"

#define SERVICE_KEY "taskqueue.sim.service"

typedef struct crossing {
    lua_State *parent;
    lua_State *own;
    int first; /* of the arguments, in parent */
    int last;
    bool is_ok;      /* the service's method returned */
    bool is_fetched; /* the parent's stack holds the results, or what the method raised */
} crossing;

static bool run_protected(lua_State *lua, lua_CFunction function, void *data)
{
    int top = lua_gettop(lua);
#if LUA_VERSION_NUM < 502
    int status = lua_cpcall(lua, function, data);
#else
    int status;

    lua_pushcfunction(lua, function);
    lua_pushlightuserdata(lua, data);
    status = lua_pcall(lua, 1, 0, 0);
#endif
    lua_settop(lua, top);
    return status == LUA_OK;
}

static int clock_now(lua_State *lua)
{
    lua_pushnumber(lua, tq_sim_now());
    return 1;
}

void tq_sim_state_method(lua_State *lua, const char *name)
{
    lua_getfield(lua, LUA_REGISTRYINDEX, SERVICE_KEY);
    lua_getfield(lua, -1, name);
    lua_insert(lua, -2);
}

/* Runs in the parent's state: copies everything that the call left in the service's. */
static int fetch(lua_State *parent)
{
    crossing *c = lua_touserdata(parent, 1);
    int count = lua_gettop(c->own) - 1;

    luaL_checkstack(parent, count + TQ_SIM_COPY_ROOM, "too many results");
    for (int i = 2; i <= count + 1; i++) {
        tq_sim_copy(c->own, i, parent);
    }
    return count;
}

static int call_method(lua_State *own)
{
    crossing *c = lua_touserdata(own, 1);

    lua_settop(own, 0);
    tq_sim_state_method(own, lua_tostring(c->parent, c->first));
    luaL_checkstack(own, c->last - c->first + TQ_SIM_COPY_ROOM, "too many arguments");
    for (int i = c->first + 1; i <= c->last; i++) {
        tq_sim_copy(c->parent, i, own);
    }
    lua_call(own, c->last - c->first + 1, LUA_MULTRET);
    return lua_gettop(own);
}

static void set_package_path(crossing *c, const char *name, int index)
{
    lua_getglobal(c->own, "package");
    tq_sim_copy(c->parent, index, c->own);
    lua_setfield(c->own, -2, name);
    lua_pop(c->own, 1);
}

/* The parent's values from `first` on: path, cpath, service, config. */
static int load_service(lua_State *own)
{
    crossing *c = lua_touserdata(own, 1);

    luaL_openlibs(own);
    set_package_path(c, "path", c->first);
    set_package_path(c, "cpath", c->first + 1);
    lua_getglobal(own, "require");
    tq_sim_copy(c->parent, c->first + 2, own);
    lua_call(own, 1, 1);
    lua_getfield(own, -1, "new");
    tq_sim_copy(c->parent, c->first + 3, own);
    lua_pushcfunction(own, clock_now);
    lua_call(own, 2, 1);
    lua_setfield(own, LUA_REGISTRYINDEX, SERVICE_KEY);
    return 0;
}

/* The stack of `own` here: the crossing, then what `function` returned or raised. */
static void run_crossing(lua_State *own, lua_CFunction function)
{
    crossing *c = lua_touserdata(own, 1);

    lua_pushcfunction(own, function);
    lua_pushvalue(own, 1);
    c->is_ok = lua_pcall(own, 1, LUA_MULTRET, 0) == LUA_OK;
    luaL_checkstack(own, TQ_SIM_COPY_ROOM, "copying results");
    c->is_fetched = lua_pcall(c->parent, 1, LUA_MULTRET, 0) == LUA_OK;
}

static int cross_to_call(lua_State *own)
{
    run_crossing(own, call_method);
    return 0;
}

static int cross_to_load(lua_State *own)
{
    run_crossing(own, load_service);
    return 0;
}

/* Leaves the results above `top` of the parent's stack and gives their number, or raises. */
static int cross(tq_sim_state *state, crossing *c, lua_CFunction function)
{
    int top = lua_gettop(c->parent);

    luaL_checkstack(c->parent, TQ_SIM_COPY_ROOM, "calling the simulator");
    lua_pushcfunction(c->parent, fetch);
    lua_pushlightuserdata(c->parent, c);
    if (!tq_sim_state_run(state, function, c)) {
        return luaL_error(c->parent, "not enough memory in the simulator");
    }
    if (!c->is_ok || !c->is_fetched) {
        return lua_error(c->parent);
    }
    return lua_gettop(c->parent) - top;
}

/* Recursive: copying results may collect garbage, and a finalizer may call the simulator. */
static void init_lock(pthread_mutex_t *lock)
{
    pthread_mutexattr_t attributes;

    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
}

static void push_options(lua_State *parent, int options)
{
    lua_getfield(parent, options, "path");
    lua_getfield(parent, options, "cpath");
    lua_getfield(parent, options, "service");
    lua_getfield(parent, options, "config");
}

void tq_sim_state_open(tq_sim_state *state, lua_State *parent, int options)
{
    int top = lua_gettop(parent);
    crossing c = {.parent = parent, .first = top + 1, .last = top + 4};

    push_options(parent, options);
    c.own = luaL_newstate();
    if (c.own == NULL) {
        luaL_error(parent, "not enough memory for the simulator");
    }
    init_lock(&state->lock);
    state->lua = c.own;
    cross(state, &c, cross_to_load);
    lua_settop(parent, top);
}

int tq_sim_state_call(tq_sim_state *state, lua_State *parent)
{
    crossing c = {.parent = parent, .own = state->lua, .first = 2, .last = lua_gettop(parent)};

    return cross(state, &c, cross_to_call);
}

bool tq_sim_state_run(tq_sim_state *state, lua_CFunction function, void *data)
{
    bool is_ok;

    pthread_mutex_lock(&state->lock);
    is_ok = run_protected(state->lua, function, data);
    pthread_mutex_unlock(&state->lock);
    return is_ok;
}

void tq_sim_state_close(tq_sim_state *state)
{
    if (state->lua != NULL) {
        lua_close(state->lua);
        pthread_mutex_destroy(&state->lock);
        state->lua = NULL;
    }
}
