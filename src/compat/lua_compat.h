/* SPDX-License-Identifier: MIT */
#ifndef TQ_LUA_COMPAT_H
#define TQ_LUA_COMPAT_H
/*
 * The few names of the Lua 5.4 C API that 5.1 lacks, so that the bindings are written once. LuaJIT
 * has some of them, the headers of plain 5.1 have none: what is built with either runs on both.
 * Every userdata has one user value; on 5.1 it has to be a table.
 */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#if LUA_VERSION_NUM < 502

#define lua_rawlen(L, i) lua_objlen((L), (i))
#define lua_getuservalue(L, i) lua_getfenv((L), (i))
#define lua_setuservalue(L, i) lua_setfenv((L), (i))
#define lua_isinteger(L, i) ((void)(L), (void)(i), 0)

#undef LUA_OK
#undef luaL_setfuncs
#undef luaL_setmetatable
#undef luaL_newlib
#define LUA_OK 0
#define luaL_setfuncs tq_setfuncs
#define luaL_setmetatable(L, name) (luaL_getmetatable((L), (name)), (void)lua_setmetatable((L), -2))
#define luaL_newlib(L, functions) (lua_newtable(L), tq_setfuncs((L), (functions), 0))

static inline int lua_absindex(lua_State *L, int i)
{
    return i > 0 || i <= LUA_REGISTRYINDEX ? i : lua_gettop(L) + i + 1;
}

static inline void tq_setfuncs(lua_State *L, const luaL_Reg *functions, int upvalues)
{
    for (; functions->name != NULL; functions++) {
        for (int i = 0; i < upvalues; i++)
            lua_pushvalue(L, -upvalues);
        lua_pushcclosure(L, functions->func, upvalues);
        lua_setfield(L, -(upvalues + 2), functions->name);
    }
    lua_pop(L, upvalues);
}

#elif LUA_VERSION_NUM >= 504

#undef lua_newuserdata
#define lua_newuserdata(L, size) lua_newuserdatauv((L), (size), 1)
#undef lua_getuservalue
#define lua_getuservalue(L, i) ((void)lua_getiuservalue((L), (i), 1))
#undef lua_setuservalue
#define lua_setuservalue(L, i) ((void)lua_setiuservalue((L), (i), 1))

#endif

#endif
