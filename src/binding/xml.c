/* SPDX-License-Identifier: MIT */
/* One XML reader for a Lua state: its tree is valid until the next document is read. */
#include "base/err.h"
#include "binding/binding.h"

#define READER "taskqueue.core.xml"

tq_xml_reader *tq_xml_reader_of(lua_State *L)
{
    lua_getfield(L, LUA_REGISTRYINDEX, READER ".instance");
    tq_xml_reader **box = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return *box;
}

const tq_xml_element *tq_xml_parse(lua_State *L, const char *text, size_t len)
{
    tq_xml_reader *reader = tq_xml_reader_of(L);
    int err = tq_xml_read(reader, text, len);
    if (err == TQ_ERR_MEMORY)
        tq_check(L, err, "XML");
    return err == TQ_OK ? tq_xml_root(reader) : NULL;
}

/*
 * The value on top becomes the field `name` of the table below it. A second one of that name makes
 * a list of both; `lists` is the stack index of a table that tells which names have one.
 */
static void add_field(lua_State *L, const tq_xml_element *field, int lists)
{
    int value = lua_gettop(L), table = value - 1;
    lua_pushlstring(L, field->name, field->name_len);
    lua_pushvalue(L, -1);
    lua_rawget(L, table);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_pushvalue(L, value);
        lua_rawset(L, table);
        lua_settop(L, table);
        return;
    }
    lua_pushvalue(L, -2);
    lua_rawget(L, lists);
    if (lua_isnil(L, -1)) {
        lua_newtable(L);
        lua_pushvalue(L, -3);
        lua_rawseti(L, -2, 1);
        for (int keep = 0; keep < 2; keep++) {
            lua_pushvalue(L, value + 1);
            lua_pushvalue(L, -2);
            lua_rawset(L, keep == 0 ? table : lists);
        }
    }
    lua_pushvalue(L, value);
    lua_rawseti(L, -2, (int)lua_rawlen(L, -2) + 1);
    lua_settop(L, table);
}

/* References can make a small document a large tree, or one without end. */
static void push_element(lua_State *L, const tq_xml_element *element, int depth, int *elements)
{
    element = tq_xml_value(element);
    if (++*elements > TQ_XML_ELEMENTS || depth > TQ_XML_DEPTH)
        tq_raise(L, "more elements than %d, or nested deeper than %d, by references",
                 (int)TQ_XML_ELEMENTS, (int)TQ_XML_DEPTH);
    if (element == NULL || element->first_child == NULL) {
        lua_pushlstring(L, element != NULL ? element->text : "",
                        element != NULL ? element->text_len : 0);
        return;
    }
    luaL_checkstack(L, 12, "XML");
    lua_newtable(L);
    int lists = lua_gettop(L);
    lua_createtable(L, 0, (int)(element->child_count < 64 ? element->child_count : 64));
    for (const tq_xml_element *field = element->first_child; field != NULL; field = field->next) {
        push_element(L, field, depth + 1, elements);
        add_field(L, field, lists);
    }
    lua_remove(L, lists);
}

void tq_xml_push(lua_State *L, const tq_xml_element *element)
{
    int elements = 0;
    push_element(L, element, 1, &elements);
}

/* decode_xml(text): the root as tq_xml_push gives it, or nil and why not. */
int tq_xml_decode(lua_State *L)
{
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    const tq_xml_element *root = tq_xml_parse(L, text, len);
    if (root != NULL) {
        tq_xml_push(L, root);
        return 1;
    }
    lua_pushnil(L);
    lua_pushstring(L, tq_xml_error(tq_xml_reader_of(L)));
    return 2;
}

static int reader_gc(lua_State *L)
{
    tq_xml_reader **box = luaL_checkudata(L, 1, READER);
    tq_xml_reader_close(*box);
    *box = NULL;
    return 0;
}

void tq_xml_register(lua_State *L)
{
    static const luaL_Reg none[] = {{NULL, NULL}};
    static const luaL_Reg meta[] = {{"__gc", reader_gc}, {NULL, NULL}};
    tq_new_type(L, READER, none, meta);
    tq_xml_reader **box = lua_newuserdata(L, sizeof *box);
    *box = NULL;
    luaL_setmetatable(L, READER);
    tq_check(L, tq_xml_reader_open(box, NULL), "XML");
    lua_setfield(L, LUA_REGISTRYINDEX, READER ".instance");
}
