/* SPDX-License-Identifier: MIT */
/* The module taskqueue.fleet.core: connections to Redis, for the Lua files beside it. */
#include <dlfcn.h>
#include <limits.h>
#include <string.h>

#include "compat/lua_compat.h"
#include "fleet/connection.h"

#define CONNECTION "taskqueue.fleet.connection"

typedef struct connection_ud {
    tq_connection *link;
    redisReply *reply; /* while it is made a value of */
} connection_ud;

static connection_ud *check_open(lua_State *L)
{
    connection_ud *ud = luaL_checkudata(L, 1, CONNECTION);
    if (ud->link == NULL)
        luaL_error(L, "the connection is closed");
    return ud;
}

/* connect(host, port) or connect(path): a connection that has only begun to be made. */
static int fleet_connect(lua_State *L)
{
    const char *host = luaL_checkstring(L, 1), *port = luaL_optstring(L, 2, NULL);
    connection_ud *ud = lua_newuserdata(L, sizeof *ud);
    *ud = (connection_ud){0};
    luaL_setmetatable(L, CONNECTION);
    ud->link = tq_connection_open(host, port);
    if (ud->link == NULL)
        luaL_error(L, "not enough memory");
    return 1;
}

/* wants(): the fd to watch and for what; nil when it has failed. */
static int connection_wants(lua_State *L)
{
    static const char *const modes[] = {"r", "r", "w", "rw"};
    const tq_connection *link = check_open(L)->link;
    if (tq_connection_failure(link) != NULL)
        return 0;
    lua_pushinteger(L, tq_connection_fd(link));
    lua_pushstring(L, modes[tq_connection_wants(link)]);
    return 2;
}

static int connection_is_up(lua_State *L)
{
    lua_pushboolean(L, tq_connection_is_up(check_open(L)->link));
    return 1;
}

static int connection_step(lua_State *L)
{
    tq_connection_step(check_open(L)->link);
    return 0;
}

static int connection_flush(lua_State *L)
{
    tq_connection_flush(check_open(L)->link);
    return 0;
}

/* failure(): why it failed, or nil. */
static int connection_failure(lua_State *L)
{
    lua_pushstring(L, tq_connection_failure(check_open(L)->link));
    return 1;
}

/* send(word, ...): puts a command into the queue. */
static int connection_send(lua_State *L)
{
    connection_ud *ud = check_open(L);
    int count = lua_gettop(L) - 1;
    luaL_argcheck(L, count > 0, 2, "a command has at least one word");
    const char **words = lua_newuserdata(L, (size_t)count * sizeof *words);
    size_t *lengths = lua_newuserdata(L, (size_t)count * sizeof *lengths);
    for (int i = 0; i < count; i++)
        words[i] = luaL_checklstring(L, i + 2, &lengths[i]);
    if (!tq_connection_send(ud->link, count, words, lengths))
        luaL_error(L, "not enough memory");
    return 0;
}

/* Text, integers, lists, false for nil; an error within a list is its text. */
static void push_reply(lua_State *L, const redisReply *reply)
{
    luaL_checkstack(L, 3, "the reply of Redis is too deep");
    switch (reply->type) {
    case REDIS_REPLY_INTEGER:
        lua_pushinteger(L, (lua_Integer)reply->integer);
        break;
    case REDIS_REPLY_ARRAY:
        lua_createtable(L, reply->elements < INT_MAX ? (int)reply->elements : 0, 0);
        for (size_t i = 0; i < reply->elements; i++) {
            push_reply(L, reply->element[i]);
            lua_rawseti(L, -2, (int)i + 1);
        }
        break;
    case REDIS_REPLY_NIL:
        lua_pushboolean(L, false);
        break;
    default:
        lua_pushlstring(L, reply->str, (size_t)reply->len);
    }
}

static void free_reply(connection_ud *ud)
{
    if (ud->reply != NULL)
        freeReplyObject(ud->reply);
    ud->reply = NULL;
}

/* take(): true and the next reply; true, nil and the text when that is an error; nothing when there
 * is none. */
static int connection_take(lua_State *L)
{
    connection_ud *ud = check_open(L);
    free_reply(ud);
    ud->reply = tq_connection_take(ud->link);
    if (ud->reply == NULL)
        return 0;
    bool is_error = ud->reply->type == REDIS_REPLY_ERROR;
    lua_pushboolean(L, true);
    if (is_error)
        lua_pushnil(L);
    push_reply(L, ud->reply);
    free_reply(ud);
    return is_error ? 3 : 2;
}

static int connection_close(lua_State *L)
{
    connection_ud *ud = luaL_checkudata(L, 1, CONNECTION);
    free_reply(ud);
    if (ud->link != NULL)
        tq_connection_close(ud->link);
    ud->link = NULL;
    return 0;
}

static void new_type(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"wants", connection_wants}, {"is_up", connection_is_up},     {"step", connection_step},
        {"flush", connection_flush}, {"failure", connection_failure}, {"send", connection_send},
        {"take", connection_take},   {"close", connection_close},     {NULL, NULL}};
    luaL_newmetatable(L, CONNECTION);
    lua_pushcfunction(L, connection_close);
    lua_setfield(L, -2, "__gc");
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}

int luaopen_taskqueue_fleet_core(lua_State *L);

/* What has been loaded stays: the thread that looks a name up may outlive the Lua state. */
static void stay(void)
{
    static const char here;
    Dl_info self;
    if (dladdr(&here, &self) != 0)
        (void)dlopen(self.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

__attribute__((visibility("default"))) int luaopen_taskqueue_fleet_core(lua_State *L)
{
    static const luaL_Reg functions[] = {{"connect", fleet_connect}, {NULL, NULL}};
    stay();
    new_type(L);
    luaL_newlib(L, functions);
    return 1;
}
