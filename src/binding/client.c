/* SPDX-License-Identifier: MIT */
/*
 * A client: where its requests go and as whom. The secret lives here and nowhere in Lua's tables,
 * so that no dump of an object can show it.
 */
#include <string.h>

#include "base/err.h"
#include "binding/binding.h"
#include "clock/clock.h"

enum { LONGEST_SECRET = 4096 };

tq_client *tq_client_check(lua_State *L, int index)
{
    tq_client *client = luaL_checkudata(L, index, TQ_CLIENT);
    if (client->source.peer == NULL)
        tq_raise(L, "the client is closed");
    return client;
}

tq_client *tq_client_push(lua_State *L)
{
    tq_client *client = lua_newuserdata(L, sizeof *client);
    *client = (tq_client){0};
    tq_buf_init(&client->secret, LONGEST_SECRET);
    luaL_setmetatable(L, TQ_CLIENT);
    return client;
}

/* The string stays valid while it is in the table. */
const char *tq_option_string(lua_State *L, int options, const char *name)
{
    lua_getfield(L, options, name);
    const char *value = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    lua_pop(L, 1);
    return value;
}

static double option_number(lua_State *L, int options, const char *name)
{
    lua_getfield(L, options, name);
    double value = luaL_checknumber(L, -1);
    lua_pop(L, 1);
    return value;
}

static size_t option_size(lua_State *L, int options, const char *name)
{
    double value = option_number(L, options, name);
    double largest = (double)(SIZE_MAX / 4);
    return value < largest ? (size_t)value : SIZE_MAX / 4;
}

static bool option_flag(lua_State *L, int options, const char *name)
{
    lua_getfield(L, options, name);
    bool value = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return value;
}

/* Keys and passwords are for the two ends alone. */
static void refuse_exposure(lua_State *L, const tq_http_peer_options *peer, int options)
{
    if (option_flag(L, options, "allow_plain_http") ||
        !tq_http_is_exposed(peer->base_url, peer->proxy))
        return;
    tq_raise(L, "url: plain http to another machine shows keys and replies to everybody on the "
                "way; use https, or set allow_plain_http = true");
}

void tq_client_open_peer(lua_State *L, tq_client *client, int options)
{
    tq_http_peer_options peer = {
        .base_url = tq_option_string(L, options, "url"),
        .ca_file = tq_option_string(L, options, "ca_file"),
        .client_cert = tq_option_string(L, options, "client_cert"),
        .client_key = tq_option_string(L, options, "client_key"),
        .proxy = tq_option_string(L, options, "proxy"),
        .user_agent = tq_option_string(L, options, "user_agent"),
        .username = tq_option_string(L, options, "username"),
        .password = tq_option_string(L, options, "password"),
        .connect_timeout_ns = tq_clock_from_seconds(option_number(L, options, "connect_timeout")),
        .request_timeout_ns = tq_clock_from_seconds(option_number(L, options, "request_timeout")),
        .max_response_bytes = option_size(L, options, "max_response_bytes"),
        .max_connections = option_size(L, options, "max_connections"),
        .insecure = option_flag(L, options, "insecure"),
    };
    luaL_argcheck(L, peer.base_url != NULL, options, "url: missing");
    tq_libcurl_load(L);
    if (peer.proxy != NULL && !tq_http_is_proxy(peer.proxy))
        tq_raise(L, "proxy: not the URL of an HTTP or SOCKS proxy");
    int err = tq_http_peer_open(&client->source.peer, &peer);
    if (err == TQ_ERR_INVALID)
        tq_raise(L, "url: not a plain http or https URL, without user, query or fragment");
    tq_check(L, err, "cannot open a client");
    refuse_exposure(L, &peer, options);
}

static int client_close(lua_State *L)
{
    tq_client *client = luaL_checkudata(L, 1, TQ_CLIENT);
    tq_http_peer_close(client->source.peer);
    tq_http_target_close(client->source.target);
    client->source.peer = NULL;
    client->source.target = NULL;
    tq_buf_free(&client->secret);
    return 0;
}

static int client_is_closed(lua_State *L)
{
    const tq_client *client = luaL_checkudata(L, 1, TQ_CLIENT);
    lua_pushboolean(L, client->source.peer == NULL);
    return 1;
}

/* redact(text): the text with every occurrence of the secret replaced. */
static int client_redact(lua_State *L)
{
    const tq_client *client = luaL_checkudata(L, 1, TQ_CLIENT);
    luaL_checkstring(L, 2);
    lua_settop(L, 2);
    if (client->secret.len > 0)
        luaL_gsub(L, lua_tostring(L, 2), client->secret.data, "***");
    return 1;
}

/* stats(): polls, refused, in_flight. */
static int client_stats(lua_State *L)
{
    const tq_client *client = luaL_checkudata(L, 1, TQ_CLIENT);
    tq_tally_push(L, &client->source.tally);
    return 1;
}

void tq_client_register(lua_State *L)
{
    static const luaL_Reg methods[] = {{"close", client_close},
                                       {"is_closed", client_is_closed},
                                       {"redact", client_redact},
                                       {"stats", client_stats},
                                       {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__gc", client_close}, {NULL, NULL}};
    tq_new_type(L, TQ_CLIENT, methods, meta);
}
