/* SPDX-License-Identifier: MIT */
/*
 * File descriptors that somebody in Lua reads or writes, watched by the engine beside its own. The
 * owners are in a table by fd, which take() has at hand.
 */
#include <limits.h>

#include "base/err.h"
#include "binding/binding.h"

static int check_fd(lua_State *L)
{
    lua_Integer fd = luaL_checkinteger(L, 2);
    luaL_argcheck(L, fd >= 0 && fd <= INT_MAX, 2, "no file descriptor");
    return (int)fd;
}

static void forget_owner(lua_State *L, int owners, int fd)
{
    lua_pushnil(L);
    lua_rawseti(L, owners, fd);
}

void tq_fds_take(lua_State *L, int owners, int fd)
{
    lua_rawgeti(L, owners, fd);
    forget_owner(L, owners, fd);
}

/* watch_fd(fd, "r"|"w"|"rw", owner): take() gives the owner and "ready" when it is; once. Replaces
 * what was asked of the fd before. */
static int engine_watch_fd(lua_State *L)
{
    static const char *const modes[] = {"r", "w", "rw", NULL};
    static const int wanted[] = {TQ_FD_IN, TQ_FD_OUT, TQ_FD_IN | TQ_FD_OUT};
    tq_engine *engine = tq_engine_check(L);
    int fd = check_fd(L), mode = luaL_checkoption(L, 3, NULL, modes);
    luaL_checkany(L, 4);
    lua_settop(L, 4);
    lua_rawseti(L, lua_upvalueindex(1), fd);
    int err = tq_http_watch_fd(engine->http, fd, wanted[mode]);
    if (err != TQ_OK)
        forget_owner(L, lua_upvalueindex(1), fd);
    tq_check(L, err, "cannot watch a file descriptor");
    return 0;
}

/* unwatch_fd(fd): to be called before it is closed. What is not watched is let pass. */
static int engine_unwatch_fd(lua_State *L)
{
    tq_engine *engine = tq_engine_check(L);
    int fd = check_fd(L);
    forget_owner(L, lua_upvalueindex(1), fd);
    tq_http_unwatch_fd(engine->http, fd);
    return 0;
}

void tq_fds_push(lua_State *L, int methods)
{
    methods = lua_absindex(L, methods);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_pushcclosure(L, engine_watch_fd, 1);
    lua_setfield(L, methods, "watch_fd");
    lua_pushvalue(L, -1);
    lua_pushcclosure(L, engine_unwatch_fd, 1);
    lua_setfield(L, methods, "unwatch_fd");
}
