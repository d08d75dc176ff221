/* SPDX-License-Identifier: MIT */
#ifndef TQ_BINDING_H
#define TQ_BINDING_H
/*
 * What the files of the binding share. One file per noun: engine, lane, client, watch, call; json
 * and form are what they use, mobizon is one kind of client. They are the only files that see
 * lua.h.
 *
 * Times cross the border as seconds, floats, on the monotonic clock. Nothing here yields, and no
 * callback of a library reaches Lua: the Lua side takes what is finished with engine:take().
 */
#include "compat/lua_compat.h"
#include "engine/engine.h"

#define TQ_ENGINE "taskqueue.core.engine"
#define TQ_LANE "taskqueue.core.lane"
#define TQ_CLIENT "taskqueue.core.client"
#define TQ_WATCH "taskqueue.core.watch"
#define TQ_CALL "taskqueue.core.call"
#define TQ_FILE "taskqueue.file"

typedef struct tq_client tq_client;

/* Reads a reply to a status request when it tells a status; false when it tells anything else. May
 * raise for want of memory; leaves the stack as it was. */
typedef bool tq_read_status(lua_State *L, const tq_http_reply *reply, tq_reading *reading);

/* Gives a transfer whose body is written its target, and adds to both what the service wants. */
typedef int tq_prepare_call(const tq_client *client, const char *path, tq_transfer *transfer);

struct tq_client {
    tq_source source; /* its peer is NULL once the client is closed */
    tq_read_status *read_status;
    tq_prepare_call *prepare_call;
    tq_buf secret; /* the API key, NUL-terminated */
    bool key_in_query;
};

typedef enum tq_news { TQ_NEWS_OF_CHANGE, TQ_NEWS_OF_END, TQ_NEWS_OF_EVERY_POLL } tq_news;

typedef struct tq_watch_ud {
    tq_watch watch; /* first: a transfer's owner is found by it */
    tq_client *client;
    int anchor; /* keeps the owner alive while something is to come */
    int64_t interval_ns;
    tq_news news;
    char id[]; /* NUL-terminated */
} tq_watch_ud;

typedef struct tq_call_ud {
    tq_job job; /* first: a transfer's owner is found by it */
    tq_engine *engine;
    tq_client *client;
    tq_transfer *transfer;
    int anchor;
} tq_call_ud;

/* engine.c: the engine of this Lua state, opened when it is first asked for. */
tq_engine *tq_engine_of(lua_State *L);
int tq_engine_push(lua_State *L);
void tq_engine_register(lua_State *L);

/* lane.c */
tq_lane *tq_lane_check(lua_State *L, int index);
int tq_lane_new(lua_State *L);
void tq_lane_register(lua_State *L);

/* client.c */
tq_client *tq_client_check(lua_State *L, int index); /* raises when it is closed */
tq_client *tq_client_push(lua_State *L);             /* a closed one, to be filled in */
void tq_client_open_peer(lua_State *L, tq_client *client, int options);
const char *tq_option_string(lua_State *L, int options, const char *name);
void tq_client_register(lua_State *L);

/* mobizon.c */
int tq_mobizon_new(lua_State *L);

/* watch.c and call.c */
int tq_watch_new(lua_State *L);
void tq_watch_register(lua_State *L);
int tq_call_start(lua_State *L);
void tq_call_register(lua_State *L);

/* reply.c: pushes a table of what came: outcome, status, body, error, retry_after, sent. */
void tq_reply_push(lua_State *L, const tq_http_reply *reply);

/* json.c: pushes the decoded text, or an error text; true in the first case. */
bool tq_json_push(lua_State *L, const char *text, size_t len);
int tq_json_decode(lua_State *L);
void tq_json_register(lua_State *L, int module);

/* form.c: writes the table at `index` into a transfer that has no body yet. Raises a text that
 * names the parameter which cannot be sent. */
void tq_form_write(lua_State *L, int index, tq_transfer *transfer);
int tq_form_encode_table(lua_State *L);
void tq_form_register(lua_State *L, int module);

/* Raises a text without a position: the Lua side blames its caller's line. Never returns; the
 * result is for `return tq_raise(...)`. */
int tq_raise(lua_State *L, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Raises when `err` is not 0. */
void tq_check(lua_State *L, int err, const char *what);

/* Makes a metatable with these methods as its __index, leaves nothing on the stack. */
void tq_new_type(lua_State *L, const char *name, const luaL_Reg *methods, const luaL_Reg *meta);

#endif
