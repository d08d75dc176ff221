/* SPDX-License-Identifier: MIT */
/*
 * Calls on a stack of their own. Lua hardly ever makes the stack of a coroutine smaller again; what
 * is called from very many of them, once in each, need not make it larger.
 */
#include <string.h>

#include "binding/binding.h"

enum { RESULTS = 2 };

/* Did the user interrupt the program, which happened to be in there? That is no failure of what was
 * called, and callers that try again must not swallow it. As loop/builtin.lua's `is_interrupt`. */
static bool is_interrupt(lua_State *L, int index)
{
    static const char text[] = ": interrupted!";
    size_t len, text_len = sizeof text - 1;
    if (lua_type(L, index) != LUA_TSTRING)
        return false;
    const char *message = lua_tolstring(L, index, &len);
    return len >= text_len && memcmp(message + len - text_len, text, text_len) == 0;
}

/* Leaves nothing on the other stack that would be kept alive by it. */
static int give(lua_State *L, lua_State *stack, int err)
{
    int count = err == 0 ? RESULTS : 1;
    lua_settop(L, 0);
    lua_pushboolean(L, err == 0);
    lua_xmove(stack, L, count);
    if (err != 0 && is_interrupt(L, -1))
        return lua_error(L);
    return 1 + count;
}

/* aside(fn, ...): true and two results, or false and what was raised. Nothing in there can wait or
 * call this. */
static int aside(lua_State *L)
{
    lua_State *stack = lua_tothread(L, lua_upvalueindex(1));
    int count = lua_gettop(L);
    luaL_checkany(L, 1);
    if (lua_gettop(stack) != 0 || !lua_checkstack(stack, count)) {
        lua_pushboolean(L, false);
        lua_pushliteral(L, "no stack to call something aside");
        return 2;
    }
    lua_xmove(L, stack, count);
    return give(L, stack, lua_pcall(stack, count - 1, RESULTS, 0));
}

void tq_aside_register(lua_State *L, int module)
{
    lua_newthread(L);
    lua_pushcclosure(L, aside, 1);
    lua_setfield(L, module, "aside");
}
