/* SPDX-License-Identifier: MIT */
/* Names for what has to be told apart by others, and must not be known to them. */
#include <stdio.h>
#include <unistd.h>

#include "base/err.h"
#include "base/hmac.h"
#include "binding/binding.h"

enum { NAME_BYTES = 16 };

static int push_hex(lua_State *L, const uint8_t bytes[NAME_BYTES])
{
    char text[2 * NAME_BYTES + 1];
    for (int i = 0; i < NAME_BYTES; i++)
        snprintf(text + (size_t)2 * (size_t)i, 3, "%02x", bytes[i]);
    lua_pushlstring(L, text, sizeof text - 1);
    return 1;
}

/* keyed_name(key, text): 128 bits of an HMAC, in hexadecimal. */
int tq_name_keyed(lua_State *L)
{
    size_t key_len, len;
    uint8_t hash[TQ_HMAC_SIZE];
    const char *key = luaL_checklstring(L, 1, &key_len);
    const char *text = luaL_checklstring(L, 2, &len);
    tq_hmac(hash, key, key_len, text, len);
    return push_hex(L, hash);
}

/* unique_name(): one that nobody else has. */
int tq_name_unique(lua_State *L)
{
    uint8_t bytes[NAME_BYTES];
    tq_check(L, getentropy(bytes, sizeof bytes) == 0 ? TQ_OK : TQ_ERR_SYSTEM, "a random name");
    return push_hex(L, bytes);
}
