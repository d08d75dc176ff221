/* SPDX-License-Identifier: MIT */
/*
 * Lua tables as form fields. Keys of a table that is no list go in the order of their bytes, so
 * that the same parameters always give the same body. A file anywhere makes the body multipart.
 */
#include "form/form.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "binding/binding.h"

enum { DEEPEST = 32, LONGEST_NAME = 4096 };

typedef struct walk {
    lua_State *L;
    tq_form form;
    tq_transfer *multipart; /* NULL for a plain form */
    int file_type;          /* stack index of the metatable of files */
} walk;

/* The walk's name buffer is freed when the userdata that holds it is collected. */
static int walk_gc(lua_State *L)
{
    walk *w = luaL_checkudata(L, 1, "taskqueue.core.walk");
    tq_form_free(&w->form);
    return 0;
}

static void refuse(walk *w, const char *why)
{
    tq_raise(w->L, "%s: %s", w->form.name.data != NULL ? w->form.name.data : "parameters", why);
}

static void check_form(walk *w)
{
    if (w->form.err == TQ_ERR_TOO_BIG)
        refuse(w, "the name is too long");
    tq_check(w->L, w->form.err, "cannot encode the parameters");
}

static void add_value(walk *w, const char *value, size_t len)
{
    if (w->multipart == NULL) {
        tq_form_add(&w->form, value, len);
        check_form(w);
    } else if (memchr(w->form.name.data, '\0', w->form.name.len) != NULL) {
        refuse(w, "a name with a NUL byte cannot be sent beside a file");
    } else {
        tq_check(w->L, tq_transfer_add_text(w->multipart, w->form.name.data, value, len),
                 "cannot encode the parameters");
    }
}

static const char *file_field(lua_State *L, const char *name)
{
    lua_getfield(L, -1, name);
    const char *value = lua_tostring(L, -1);
    lua_pop(L, 1);
    return value;
}

static void add_file(walk *w)
{
    const char *path = file_field(w->L, "path");
    int err = tq_transfer_add_file(w->multipart, w->form.name.data, path, file_field(w->L, "name"),
                                   file_field(w->L, "type"));
    if (err == TQ_ERR_INVALID) {
        lua_pushfstring(w->L, "cannot read the file '%s'", path);
        refuse(w, lua_tostring(w->L, -1));
    }
    tq_check(w->L, err, "cannot add a file");
}

static bool is_file(const walk *w, int index)
{
    if (!lua_istable(w->L, index) || !lua_getmetatable(w->L, index))
        return false;
    bool is = lua_rawequal(w->L, -1, w->file_type);
    lua_pop(w->L, 1);
    return is;
}

static void add_any(walk *w, int depth);

/* The value on top under one more key. */
static void add_under(walk *w, const char *key, size_t len, int depth)
{
    size_t mark = tq_form_enter(&w->form, key, len);
    check_form(w);
    add_any(w, depth);
    tq_form_leave(&w->form, mark);
}

static void add_list(walk *w, size_t length, int depth)
{
    char key[TQ_LONGEST_NUMBER];
    for (size_t i = 0; i < length; i++) {
        int len = snprintf(key, sizeof key, "%zu", i);
        lua_rawgeti(w->L, -1, (int)(i + 1));
        add_under(w, key, (size_t)len, depth);
        lua_pop(w->L, 1);
    }
}

static size_t key_text(lua_State *L, int index, const char **text, char digits[TQ_LONGEST_NUMBER])
{
    size_t len;
    if (lua_type(L, index) == LUA_TSTRING) {
        *text = lua_tolstring(L, index, &len);
        return len;
    }
    *text = digits;
    return tq_number_format(L, index, digits);
}

static void add_map(walk *w, int depth)
{
    lua_State *L = w->L;
    int table = lua_gettop(L);
    if (!tq_keys_push(L, table))
        refuse(w, "a key that is neither a string nor a number cannot be sent");
    size_t count = lua_rawlen(L, -1);
    for (size_t i = 1; i <= count; i++) {
        const char *text;
        char digits[TQ_LONGEST_NUMBER];
        lua_rawgeti(L, table + 1, (int)i);
        size_t len = key_text(L, -1, &text, digits);
        lua_pushvalue(L, -1);
        lua_rawget(L, table);
        add_under(w, text, len, depth);
        lua_pop(L, 2);
    }
    lua_pop(L, 1);
}

static void add_table(walk *w, int depth)
{
    if (depth >= DEEPEST)
        refuse(w, "nested too deep, or a table within itself");
    luaL_checkstack(w->L, 8, "parameters");
    size_t length;
    if (tq_is_list(w->L, -1, &length))
        add_list(w, length, depth + 1);
    else
        add_map(w, depth + 1);
}

/* The value on top of the stack, under the name entered last. */
static void add_any(walk *w, int depth)
{
    char number[TQ_LONGEST_NUMBER];
    size_t len;
    lua_State *L = w->L;
    switch (lua_type(L, -1)) {
    case LUA_TSTRING: {
        const char *text = lua_tolstring(L, -1, &len);
        add_value(w, text, len);
        return;
    }
    case LUA_TNUMBER:
        if (!isfinite(lua_tonumber(L, -1)))
            refuse(w, "not a finite number");
        len = tq_number_format(L, -1, number);
        add_value(w, number, len);
        return;
    case LUA_TBOOLEAN:
        add_value(w, lua_toboolean(L, -1) ? "1" : "0", 1);
        return;
    case LUA_TTABLE:
        if (is_file(w, -1))
            add_file(w);
        else
            add_table(w, depth);
        return;
    default:
        if (!tq_is_null(L, -1))
            refuse(w, lua_pushfstring(L, "a %s cannot be sent", luaL_typename(L, -1)));
    }
}

/* Is there a file anywhere in the table on top? Bounded as the walk itself. */
static bool has_file(const walk *w, int depth)
{
    lua_State *L = w->L;
    if (depth > DEEPEST || !lua_istable(L, -1))
        return false;
    if (is_file(w, -1))
        return true;
    luaL_checkstack(L, 4, "parameters");
    bool found = false;
    lua_pushnil(L);
    while (!found && lua_next(L, -2) != 0) {
        found = has_file(w, depth + 1);
        lua_pop(L, found ? 2 : 1);
    }
    return found;
}

static walk *push_walk(lua_State *L, tq_buf *out)
{
    walk *w = lua_newuserdata(L, sizeof *w);
    *w = (walk){.L = L};
    tq_form_init(&w->form, out, LONGEST_NAME);
    luaL_setmetatable(L, "taskqueue.core.walk");
    luaL_getmetatable(L, TQ_FILE);
    w->file_type = lua_gettop(L);
    return w;
}

void tq_form_write(lua_State *L, int index, tq_transfer *transfer)
{
    int top = lua_gettop(L);
    walk *w = push_walk(L, tq_transfer_body(transfer));
    lua_pushvalue(L, index);
    if (has_file(w, 0))
        w->multipart = transfer;
    if (is_file(w, -1))
        refuse(w, "a file needs the name of a parameter");
    add_table(w, 0);
    tq_form_free(&w->form);
    lua_settop(L, top);
}

/* encode_form(table): its text as a plain form. */
int tq_form_encode_table(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    tq_buf *out = tq_text_push(L);
    walk *w = push_walk(L, out);
    lua_pushvalue(L, 1);
    if (has_file(w, 0))
        refuse(w, "a file has no place in a plain form");
    add_table(w, 0);
    lua_pushlstring(L, out->data != NULL ? out->data : "", out->len);
    return 1;
}

void tq_form_register(lua_State *L, int module)
{
    static const luaL_Reg none[] = {{NULL, NULL}};
    static const luaL_Reg walk_meta[] = {{"__gc", walk_gc}, {NULL, NULL}};
    tq_new_type(L, "taskqueue.core.walk", none, walk_meta);
    luaL_newmetatable(L, TQ_FILE);
    lua_setfield(L, module, "file_type");
}
