/* SPDX-License-Identifier: MIT */
/*
 * taskqueue.sim.core: what the Lua part of the simulator cannot do by itself.
 *
 *   core.start { host =, port =, path =, cpath =, service =, config =, tls = }
 *                             a server, or nil, message; `tls` = { cert =, key =, client_ca =,
 *                             priority = }
 *   server:call(name, ...)    the service's method of that name, in the server's own Lua state
 *   server:port()  server:connections()  server:is_running()  server:stop()
 *   core.hold_interrupts()    from now on SIGINT and SIGTERM only end core.interrupted()
 *   core.interrupted(seconds) waits so long at most; true when one of the two came
 */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <string.h>

#include "sim/server.h"

#define SERVER "taskqueue.sim.server"

#if defined(__GNUC__)
#define EXPORTED __attribute__((visibility("default")))
#else
#define EXPORTED
#endif

EXPORTED int luaopen_taskqueue_sim_core(lua_State *L);

static tq_sim_server *check_server(lua_State *L)
{
    return luaL_checkudata(L, 1, SERVER);
}

static tq_sim_server *check_running(lua_State *L)
{
    tq_sim_server *server = check_server(L);

    if (!server->is_open) {
        luaL_error(L, "simulator is stopped");
    }
    return server;
}

static int server_call(lua_State *L)
{
    tq_sim_server *server = check_running(L);

    luaL_checktype(L, 2, LUA_TSTRING);
    return tq_sim_state_call(&server->state, L);
}

static int server_port(lua_State *L)
{
    lua_pushinteger(L, check_running(L)->port);
    return 1;
}

static int server_connections(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)atomic_load(&check_running(L)->connections));
    return 1;
}

static int server_is_running(lua_State *L)
{
    lua_pushboolean(L, check_server(L)->is_open);
    return 1;
}

static int server_stop(lua_State *L)
{
    tq_sim_server_stop(check_server(L));
    return 0;
}

static int server_tostring(lua_State *L)
{
    tq_sim_server *server = check_server(L);

    if (server->is_open) {
        lua_pushfstring(L, SERVER ": port %d", server->port);
    } else {
        lua_pushliteral(L, SERVER ": stopped");
    }
    return 1;
}

/* False without TLS. The texts stay on the stack. */
static bool read_tls(lua_State *L, tq_sim_tls *tls)
{
    lua_getfield(L, 1, "tls");
    if (lua_isnil(L, -1)) {
        return false;
    }
    lua_getfield(L, 4, "cert");
    lua_getfield(L, 4, "key");
    lua_getfield(L, 4, "client_ca");
    lua_getfield(L, 4, "priority");
    tls->cert = luaL_checkstring(L, 5);
    tls->key = luaL_checkstring(L, 6);
    tls->client_ca = luaL_optstring(L, 7, NULL);
    tls->priority = luaL_optstring(L, 8, NULL);
    return true;
}

static int core_start(lua_State *L)
{
    tq_sim_tls tls;
    bool is_tls;
    tq_sim_server *server;
    const char *failure;
    const char *host;
    int port;

    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_getfield(L, 1, "host");
    lua_getfield(L, 1, "port");
    host = luaL_checkstring(L, 2);
    port = (int)luaL_checknumber(L, 3);
    is_tls = read_tls(L, &tls);
    server = lua_newuserdata(L, sizeof *server);
    tq_sim_server_init(server);
    luaL_getmetatable(L, SERVER);
    lua_setmetatable(L, -2);
    tq_sim_state_open(&server->state, L, 1);
    failure = tq_sim_server_start(server, host, port, is_tls ? &tls : NULL);
    if (failure == NULL) {
        return 1;
    }
    lua_pushnil(L);
    if (errno != 0) {
        lua_pushfstring(L, "%s on %s:%d: %s", failure, host, port, strerror(errno));
    } else {
        lua_pushfstring(L, "cannot listen on %s:%d: %s", host, port, failure);
    }
    tq_sim_server_stop(server);
    return 2;
}

static void interrupts(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
}

static int core_hold_interrupts(lua_State *L)
{
    sigset_t set;

    (void)L;
    interrupts(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    return 0;
}

static int core_interrupted(lua_State *L)
{
    double seconds = luaL_checknumber(L, 1);
    struct timespec wait = {.tv_sec = (time_t)seconds};
    sigset_t set;

    wait.tv_nsec = (long)((seconds - floor(seconds)) * 1e9);
    interrupts(&set);
    lua_pushboolean(L, sigtimedwait(&set, NULL, &wait) > 0);
    return 1;
}

static const luaL_Reg METHODS[] = {
    {"call", server_call},
    {"port", server_port},
    {"connections", server_connections},
    {"is_running", server_is_running},
    {"stop", server_stop},
    {NULL, NULL},
};

static const luaL_Reg METAMETHODS[] = {
    {"__gc", server_stop},
    {"__close", server_stop},
    {"__tostring", server_tostring},
    {NULL, NULL},
};

static const luaL_Reg FUNCTIONS[] = {
    {"start", core_start},
    {"hold_interrupts", core_hold_interrupts},
    {"interrupted", core_interrupted},
    {NULL, NULL},
};

static void set_functions(lua_State *L, const luaL_Reg *functions)
{
    for (; functions->name != NULL; functions++) {
        lua_pushcfunction(L, functions->func);
        lua_setfield(L, -2, functions->name);
    }
}

int luaopen_taskqueue_sim_core(lua_State *L)
{
    if (luaL_newmetatable(L, SERVER)) {
        set_functions(L, METAMETHODS);
        lua_newtable(L);
        set_functions(L, METHODS);
        lua_setfield(L, -2, "__index");
    }
    lua_newtable(L);
    set_functions(L, FUNCTIONS);
    return 1;
}
