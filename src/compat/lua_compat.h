/* SPDX-License-Identifier: MIT */
#ifndef TQ_LUA_COMPAT_H
#define TQ_LUA_COMPAT_H
/*
 * The few names of the Lua 5.4 C API that LuaJIT lacks, so that the bindings are written once.
 * Every userdata has one user value; on LuaJIT it has to be a table.
 */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#if LUA_VERSION_NUM < 502

#define lua_rawlen(L, i) lua_objlen((L), (i))
#define lua_getuservalue(L, i) lua_getfenv((L), (i))
#define lua_setuservalue(L, i) lua_setfenv((L), (i))
#define lua_isinteger(L, i) ((void)(L), (void)(i), 0)

static inline int lua_absindex(lua_State *L, int i)
{
    return i > 0 || i <= LUA_REGISTRYINDEX ? i : lua_gettop(L) + i + 1;
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
