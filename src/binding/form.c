/* SPDX-License-Identifier: MIT */
/*
 * Lua tables as form fields. Keys of a table that is no list go in the order of their bytes, so
 * that the same parameters always give the same body. A file anywhere makes the body multipart.
 */
#include "form/form.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "binding/binding.h"

enum { DEEPEST = 32, LONGEST_NAME = 4096, LONGEST_NUMBER = 40 };

typedef struct walk {
    lua_State *L;
    tq_form form;
    tq_transfer *multipart; /* NULL for a plain form */
    int null;               /* stack index of JSON's null, which is left out as nil is */
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

/* Writes a number as its shortest decimal text that reads back the same. */
static size_t format_number(lua_State *L, int index, char out[LONGEST_NUMBER])
{
    if (lua_isinteger(L, index))
        return (size_t)snprintf(out, LONGEST_NUMBER, "%lld", (long long)lua_tointeger(L, index));
    double number = lua_tonumber(L, index);
    if (number == floor(number) && fabs(number) < 1e15)
        return (size_t)snprintf(out, LONGEST_NUMBER, "%.0f", number);
    int length = 0;
    for (int digits = 15; digits <= 17; digits++) {
        length = snprintf(out, LONGEST_NUMBER, "%.*g", digits, number);
        if (strtod(out, NULL) == number)
            break;
    }
    return (size_t)length;
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

/* A list has the keys 1 to n and no others. */
static bool is_list(lua_State *L, size_t length)
{
    size_t count = 0;
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        lua_pop(L, 1);
        count++;
    }
    return length > 0 && count == length;
}

static void add_list(walk *w, size_t length, int depth)
{
    char key[LONGEST_NUMBER];
    for (size_t i = 0; i < length; i++) {
        int len = snprintf(key, sizeof key, "%zu", i);
        lua_rawgeti(w->L, -1, (int)(i + 1));
        add_under(w, key, (size_t)len, depth);
        lua_pop(w->L, 1);
    }
}

typedef struct map_key {
    const char *text; /* of a string, which the table keeps alive; else `digits` */
    size_t len;
    lua_Number number;
    char digits[LONGEST_NUMBER];
} map_key;

static const char *text_of(const map_key *key)
{
    return key->text != NULL ? key->text : key->digits;
}

static int compare_keys(const void *a, const void *b)
{
    const map_key *left = a, *right = b;
    size_t common = left->len < right->len ? left->len : right->len;
    int order = memcmp(text_of(left), text_of(right), common);
    return order != 0 ? order : (left->len > right->len) - (left->len < right->len);
}

static void read_key(walk *w, map_key *key)
{
    if (lua_type(w->L, -2) == LUA_TSTRING) {
        key->text = lua_tolstring(w->L, -2, &key->len);
    } else if (lua_type(w->L, -2) == LUA_TNUMBER) {
        key->text = NULL;
        key->number = lua_tonumber(w->L, -2);
        key->len = format_number(w->L, -2, key->digits);
    } else {
        refuse(w, "a key that is neither a string nor a number cannot be sent");
    }
}

static size_t count_keys(lua_State *L)
{
    size_t count = 0;
    lua_pushnil(L);
    for (; lua_next(L, -2) != 0; count++)
        lua_pop(L, 1);
    return count;
}

static void add_map(walk *w, int depth)
{
    lua_State *L = w->L;
    size_t count = count_keys(L), i = 0;
    map_key *keys = lua_newuserdata(L, (count + 1) * sizeof *keys);
    lua_insert(L, -2);
    lua_pushnil(L);
    for (; lua_next(L, -2) != 0; lua_pop(L, 1))
        read_key(w, &keys[i++]);
    qsort(keys, count, sizeof *keys, compare_keys);
    for (i = 0; i < count; i++) {
        if (keys[i].text != NULL)
            lua_pushlstring(L, keys[i].text, keys[i].len);
        else
            lua_pushnumber(L, keys[i].number);
        lua_rawget(L, -2);
        add_under(w, text_of(&keys[i]), keys[i].len, depth);
        lua_pop(L, 1);
    }
    lua_remove(L, -2);
}

static void add_table(walk *w, int depth)
{
    if (depth >= DEEPEST)
        refuse(w, "nested too deep, or a table within itself");
    luaL_checkstack(w->L, 8, "parameters");
    size_t length = lua_rawlen(w->L, -1);
    if (is_list(w->L, length))
        add_list(w, length, depth + 1);
    else
        add_map(w, depth + 1);
}

/* The value on top of the stack, under the name entered last. */
static void add_any(walk *w, int depth)
{
    char number[LONGEST_NUMBER];
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
        len = format_number(L, -1, number);
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
        if (!lua_rawequal(L, -1, w->null))
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
    lua_getfield(L, LUA_REGISTRYINDEX, TQ_FILE ".null");
    w->null = lua_gettop(L);
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
    tq_buf *out = lua_newuserdata(L, sizeof *out);
    tq_buf_init(out, SIZE_MAX / 4);
    luaL_setmetatable(L, "taskqueue.core.text");
    walk *w = push_walk(L, out);
    lua_pushvalue(L, 1);
    if (has_file(w, 0))
        refuse(w, "a file has no place in a plain form");
    add_table(w, 0);
    lua_pushlstring(L, out->data != NULL ? out->data : "", out->len);
    return 1;
}

static int text_gc(lua_State *L)
{
    tq_buf_free(luaL_checkudata(L, 1, "taskqueue.core.text"));
    return 0;
}

void tq_form_register(lua_State *L, int module)
{
    static const luaL_Reg none[] = {{NULL, NULL}};
    static const luaL_Reg walk_meta[] = {{"__gc", walk_gc}, {NULL, NULL}};
    static const luaL_Reg text_meta[] = {{"__gc", text_gc}, {NULL, NULL}};
    tq_new_type(L, "taskqueue.core.walk", none, walk_meta);
    tq_new_type(L, "taskqueue.core.text", none, text_meta);
    luaL_newmetatable(L, TQ_FILE);
    lua_setfield(L, module, "file_type");
    lua_getfield(L, module, "null");
    lua_setfield(L, LUA_REGISTRYINDEX, TQ_FILE ".null");
}
