/* SPDX-License-Identifier: MIT */
/* Nothing here may raise in `from`: no lua_tolstring on numbers, no metamethods, no allocation. */
#include "sim/copy.h"

static void copy_value(lua_State *from, int index, lua_State *to, int depth);

static void copy_number(lua_State *from, int index, lua_State *to)
{
    if (lua_isinteger(from, index)) {
        lua_pushinteger(to, lua_tointeger(from, index));
    } else {
        lua_pushnumber(to, lua_tonumber(from, index));
    }
}

static void copy_string(lua_State *from, int index, lua_State *to)
{
    size_t size;
    const char *bytes = lua_tolstring(from, index, &size);

    lua_pushlstring(to, bytes, size);
}

static void copy_table(lua_State *from, int index, lua_State *to, int depth)
{
    if (depth >= TQ_SIM_COPY_DEPTH) {
        luaL_error(to, "tables are nested too deep to be handed to the simulator");
    }
    lua_newtable(to);
    lua_pushnil(from);
    while (lua_next(from, index)) {
        int value = lua_gettop(from);

        copy_value(from, value - 1, to, depth + 1);
        copy_value(from, value, to, depth + 1);
        lua_rawset(to, -3);
        lua_settop(from, value - 1);
    }
}

static void copy_value(lua_State *from, int index, lua_State *to, int depth)
{
    switch (lua_type(from, index)) {
    case LUA_TNIL:
        lua_pushnil(to);
        break;
    case LUA_TBOOLEAN:
        lua_pushboolean(to, lua_toboolean(from, index));
        break;
    case LUA_TNUMBER:
        copy_number(from, index, to);
        break;
    case LUA_TSTRING:
        copy_string(from, index, to);
        break;
    case LUA_TTABLE:
        copy_table(from, index, to, depth);
        break;
    default:
        luaL_error(to, "a %s cannot be handed to the simulator",
                   lua_typename(from, lua_type(from, index)));
    }
}

void tq_sim_copy(lua_State *from, int index, lua_State *to)
{
    luaL_checkstack(to, TQ_SIM_COPY_ROOM, "copying a value");
    copy_value(from, lua_absindex(from, index), to, 0);
}
