/* SPDX-License-Identifier: MIT */
/* Tables walked in an order that is the same each time. */
#include <stdlib.h>
#include <string.h>

#include "binding/binding.h"

typedef struct sort_key {
    const char *text; /* of a string, which the table keeps alive; NULL for a number */
    size_t len;
    lua_Number number;
    char digits[TQ_LONGEST_NUMBER];
} sort_key;

bool tq_is_list(lua_State *L, int index, size_t *length)
{
    size_t count = 0;
    index = lua_absindex(L, index);
    *length = lua_rawlen(L, index);
    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1))
        count++;
    return *length > 0 && count == *length;
}

static const char *text_of(const sort_key *key)
{
    return key->text != NULL ? key->text : key->digits;
}

static int compare_keys(const void *a, const void *b)
{
    const sort_key *left = a, *right = b;
    size_t common = left->len < right->len ? left->len : right->len;
    int order = memcmp(text_of(left), text_of(right), common);
    return order != 0 ? order : (left->len > right->len) - (left->len < right->len);
}

static bool read_key(lua_State *L, int index, sort_key *key)
{
    if (lua_type(L, index) == LUA_TSTRING) {
        key->text = lua_tolstring(L, index, &key->len);
        return true;
    }
    if (lua_type(L, index) != LUA_TNUMBER)
        return false;
    key->text = NULL;
    key->number = lua_tonumber(L, index);
    key->len = tq_number_format(L, index, key->digits);
    return true;
}

static size_t count_keys(lua_State *L, int index)
{
    size_t count = 0;
    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1))
        count++;
    return count;
}

static bool read_keys(lua_State *L, int index, sort_key *keys)
{
    size_t i = 0;
    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1)) {
        if (read_key(L, -2, &keys[i++]))
            continue;
        lua_pop(L, 2);
        return false;
    }
    return true;
}

bool tq_keys_push(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    size_t count = count_keys(L, index);
    sort_key *keys = lua_newuserdata(L, (count + 1) * sizeof *keys);
    if (!read_keys(L, index, keys)) {
        lua_pop(L, 1);
        return false;
    }
    qsort(keys, count, sizeof *keys, compare_keys);
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        if (keys[i].text != NULL)
            lua_pushlstring(L, keys[i].text, keys[i].len);
        else
            lua_pushnumber(L, keys[i].number);
        lua_rawseti(L, -2, (int)(i + 1));
    }
    lua_remove(L, -2);
    return true;
}
