/* SPDX-License-Identifier: MIT */
/*
 * JSON by lua-cjson's decoder, called from C, with settings of our own (the program's are its own).
 * Integers too long for a double arrive as decimal text, and on Lua 5.4 those that fit are
 * integers.
 */
#include <math.h>
#include <string.h>

#include "base/err.h"
#include "binding/binding.h"
#include "json/wide.h"

#define DECODER "taskqueue.core.json"
#define NULL_VALUE DECODER ".null"
enum { DEEPEST = 128 };

/* A want of memory is no property of the text: it is raised. */
static bool decode(lua_State *L)
{
    lua_getfield(L, LUA_REGISTRYINDEX, DECODER);
    lua_insert(L, -2);
    int status = lua_pcall(L, 1, 1, 0);
    if (status == LUA_ERRMEM)
        lua_error(L);
    return status == LUA_OK;
}

/* The text with its wide integers in quotes; leaves a string on the stack. */
static void push_quoted(lua_State *L, const char *text, size_t len)
{
    if (!tq_json_has_wide(text, len)) {
        lua_pushlstring(L, text, len);
        return;
    }
    tq_buf *quoted = tq_text_push(L);
    tq_check(L, tq_json_quote_wide(text, len, quoted), "JSON");
    lua_pushlstring(L, quoted->data, quoted->len);
    tq_buf_free(quoted);
    lua_remove(L, -2);
}

#if LUA_VERSION_NUM >= 503
/* The decoder's depth is bounded, and so is this one's. */
static void make_integers(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    luaL_checkstack(L, 3, "JSON");
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        lua_Integer integer;
        if (lua_istable(L, -1)) {
            make_integers(L, -1);
        } else if (lua_isnumber(L, -1) && lua_type(L, -1) == LUA_TNUMBER &&
                   lua_numbertointeger(lua_tonumber(L, -1), &integer) &&
                   (lua_Number)integer == lua_tonumber(L, -1)) {
            lua_pushvalue(L, -2);
            lua_pushinteger(L, integer);
            lua_rawset(L, index);
        }
        lua_pop(L, 1);
    }
}
#else
static void make_integers(lua_State *L, int index)
{
    (void)L;
    (void)index;
}
#endif

bool tq_json_push(lua_State *L, const char *text, size_t len)
{
    /* The decoder would take it for the end of the text, whatever comes behind. */
    if (len > 0 && memchr(text, '\0', len) != NULL) {
        lua_pushliteral(L, "a NUL byte");
        return false;
    }
    push_quoted(L, text, len);
    return decode(L);
}

bool tq_json_push_value(lua_State *L, const char *text, size_t len)
{
    lua_createtable(L, 1, 0);
    int box = lua_gettop(L);
    bool is_decoded = tq_json_push(L, text, len);
    if (is_decoded) {
        lua_rawseti(L, box, 1);
        make_integers(L, box);
        lua_rawgeti(L, box, 1);
    }
    lua_remove(L, box);
    return is_decoded;
}

/* decode_json(text): the value, or nil and why not. */
int tq_json_decode(lua_State *L)
{
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    lua_settop(L, 1);
    if (tq_json_push_value(L, text, len))
        return 1;
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
}

bool tq_is_null(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    lua_getfield(L, LUA_REGISTRYINDEX, NULL_VALUE);
    bool is = lua_rawequal(L, index, -1);
    lua_pop(L, 1);
    return is;
}

static void configure(lua_State *L, int cjson, const char *option)
{
    lua_getfield(L, cjson, option);
    lua_insert(L, -2);
    lua_call(L, 1, 0);
}

void tq_json_register(lua_State *L, int module)
{
    lua_getglobal(L, "require");
    lua_pushliteral(L, "cjson");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "null");
    lua_pushvalue(L, -1);
    lua_setfield(L, LUA_REGISTRYINDEX, NULL_VALUE);
    lua_setfield(L, module, "null");
    lua_getfield(L, -1, "new");
    lua_call(L, 0, 1);
    int cjson = lua_gettop(L);
    lua_pushboolean(L, 0);
    configure(L, cjson, "decode_invalid_numbers");
    lua_pushinteger(L, DEEPEST);
    configure(L, cjson, "decode_max_depth");
    lua_getfield(L, cjson, "decode");
    lua_setfield(L, LUA_REGISTRYINDEX, DECODER);
    lua_settop(L, module);
}
