/* SPDX-License-Identifier: MIT */
/*
 * Lua tables as SOAP arguments, and SOAP replies as Lua tables. A table goes in the order of its
 * keys' bytes, so that the same arguments always give the same request; a list of { name, value }
 * pairs keeps its own order; any other list repeats its element.
 */
#include <math.h>
#include <string.h>

#include "base/err.h"
#include "binding/binding.h"
#include "cnode/cnode.h"
#include "xml/writer.h"

enum { DEEPEST = 32 };

static void add_fields(lua_State *L, tq_buf *out, int depth);

static void refuse(lua_State *L, const char *name, const char *why)
{
    tq_raise(L, "%s: %s", name, why);
}

static void add_text(lua_State *L, tq_buf *out, const char *name, const char *text, size_t len)
{
    int err = tq_cnode_add_argument(out, name, text, len);
    if (err == TQ_ERR_INVALID)
        refuse(L, name,
               "holds what XML cannot carry: a control character, or bytes that are no UTF-8");
    tq_check(L, err, "cannot encode the arguments");
}

static void add_number(lua_State *L, tq_buf *out, const char *name)
{
    char number[TQ_LONGEST_NUMBER];
    if (!isfinite(lua_tonumber(L, -1)))
        refuse(L, name, "not a finite number");
    add_text(L, out, name, number, tq_number_format(L, -1, number));
}

/* The value on top as one element. */
static void add_element(lua_State *L, tq_buf *out, const char *name, int depth)
{
    size_t len;
    const char *text;
    switch (lua_type(L, -1)) {
    case LUA_TSTRING:
        text = lua_tolstring(L, -1, &len);
        add_text(L, out, name, text, len);
        return;
    case LUA_TNUMBER:
        add_number(L, out, name);
        return;
    case LUA_TBOOLEAN:
        text = lua_toboolean(L, -1) ? "true" : "false";
        add_text(L, out, name, text, strlen(text));
        return;
    case LUA_TTABLE:
        if (depth >= DEEPEST)
            refuse(L, name, "nested too deep, or a table within itself");
        tq_check(L, tq_xml_open(out, name), "cannot encode the arguments");
        add_fields(L, out, depth + 1);
        tq_check(L, tq_xml_shut(out, name), "cannot encode the arguments");
        return;
    default:
        if (!tq_is_null(L, -1))
            refuse(L, name, lua_pushfstring(L, "a %s cannot be sent", luaL_typename(L, -1)));
    }
}

/* Is the value on top { name, value }? */
static bool is_pair(lua_State *L)
{
    if (!lua_istable(L, -1) || lua_rawlen(L, -1) != 2)
        return false;
    lua_rawgeti(L, -1, 1);
    bool is = lua_type(L, -1) == LUA_TSTRING;
    lua_pop(L, 1);
    return is;
}

static bool is_list_of_pairs(lua_State *L)
{
    size_t length;
    bool all = tq_is_list(L, -1, &length);
    for (size_t i = 1; all && i <= length; i++) {
        lua_rawgeti(L, -1, (int)i);
        all = is_pair(L);
        lua_pop(L, 1);
    }
    return all;
}

/* The value on top under a name; a list that is no list of pairs gives one element an item. */
static void add_named(lua_State *L, tq_buf *out, const char *name, int depth)
{
    size_t length;
    if (!tq_xml_is_name(name, strlen(name)))
        refuse(L, name, "cannot be the name of an element");
    luaL_checkstack(L, 8, "arguments");
    if (!lua_istable(L, -1) || !tq_is_list(L, -1, &length) || is_list_of_pairs(L)) {
        add_element(L, out, name, depth);
        return;
    }
    for (size_t i = 1; i <= length; i++) {
        lua_rawgeti(L, -1, (int)i);
        add_element(L, out, name, depth);
        lua_pop(L, 1);
    }
}

static void add_pairs(lua_State *L, tq_buf *out, int depth)
{
    size_t length = lua_rawlen(L, -1);
    for (size_t i = 1; i <= length; i++) {
        lua_rawgeti(L, -1, (int)i);
        lua_rawgeti(L, -1, 1);
        lua_rawgeti(L, -2, 2);
        add_named(L, out, lua_tostring(L, -2), depth);
        lua_pop(L, 3);
    }
}

static void add_map(lua_State *L, tq_buf *out, int depth)
{
    int table = lua_gettop(L);
    if (!tq_keys_push(L, table))
        tq_raise(L, "the name of an argument must be a string");
    size_t count = lua_rawlen(L, -1);
    for (size_t i = 1; i <= count; i++) {
        lua_rawgeti(L, table + 1, (int)i);
        if (lua_type(L, -1) != LUA_TSTRING)
            tq_raise(L, "the name of an argument must be a string");
        lua_pushvalue(L, -1);
        lua_rawget(L, table);
        add_named(L, out, lua_tostring(L, -2), depth);
        lua_pop(L, 2);
    }
    lua_pop(L, 1);
}

/* The table on top as a run of elements. */
static void add_fields(lua_State *L, tq_buf *out, int depth)
{
    luaL_checkstack(L, 8, "arguments");
    if (is_list_of_pairs(L))
        add_pairs(L, out, depth);
    else
        add_map(L, out, depth);
}

void tq_soap_write(lua_State *L, int index, tq_buf *out)
{
    lua_pushvalue(L, index);
    add_fields(L, out, 0);
    lua_pop(L, 1);
}

/* encode_soap(arguments): their elements as text. */
int tq_soap_encode(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    tq_buf *out = tq_text_push(L);
    tq_soap_write(L, 1, out);
    lua_pushlstring(L, out->data != NULL ? out->data : "", out->len);
    return 1;
}

static void push_field(lua_State *L, const tq_xml_element *element, const char *name)
{
    size_t len;
    const char *text = tq_cnode_text(element, name, &len);
    if (len > 0) {
        lua_pushlstring(L, text, len);
        lua_setfield(L, -2, name);
    }
}

static void push_fault(lua_State *L, const tq_xml_element *fault)
{
    const tq_xml_element *detail = tq_xml_child(fault, "detail");
    lua_createtable(L, 0, 3);
    push_field(L, fault, "faultcode");
    push_field(L, fault, "faultstring");
    if (detail != NULL) {
        tq_xml_push(L, detail);
        lua_setfield(L, -2, "detail");
    }
}

/* decode_soap(text): the fields of the answer and nil, or nil and the fields of a Fault; or nil,
 * nil and why the text is neither. */
int tq_soap_decode(lua_State *L)
{
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    const tq_xml_element *root = tq_xml_parse(L, text, len);
    const tq_xml_element *payload = tq_cnode_payload(root);
    lua_pushnil(L);
    if (payload == NULL) {
        lua_pushnil(L);
        lua_pushstring(L, root != NULL ? "no SOAP envelope with a body"
                                       : tq_xml_error(tq_xml_reader_of(L)));
        return 3;
    }
    if (tq_cnode_is_fault(payload)) {
        push_fault(L, payload);
        return 2;
    }
    lua_pop(L, 1);
    tq_xml_push(L, tq_cnode_fields(payload));
    return 1;
}
