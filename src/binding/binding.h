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
#include "base/siphash.h"
#include "compat/lua_compat.h"
#include "engine/engine.h"
#include "xml/reader.h"

#define TQ_ENGINE "taskqueue.core.engine"
#define TQ_LANE "taskqueue.core.lane"
#define TQ_CLIENT "taskqueue.core.client"
#define TQ_WATCH "taskqueue.core.watch"
#define TQ_CALL "taskqueue.core.call"
#define TQ_FILE "taskqueue.file"

typedef struct tq_client tq_client;

/* What a service does in its own way. All of them may raise, for want of memory too. */
typedef struct tq_service {
    /* Reads a reply to a status request when it tells a status; false when it tells anything else.
     * Leaves the stack as it was. */
    bool (*read_status)(lua_State *L, const tq_client *client, const tq_http_reply *reply,
                        tq_reading *reading);
    /* Pushes a table of what else the reply told that was just read. NULL where there is never
     * more. */
    void (*push_more)(lua_State *L, const tq_client *client);
    /* Writes a request: its body from the table at `parameters`, and its target if it has one of
     * its own. `name` is what is called. Gives the target to submit it to, NULL for its own. */
    const tq_http_target *(*write_call)(lua_State *L, const tq_client *client, const char *name,
                                        int parameters, tq_transfer *transfer);
} tq_service;

struct tq_client {
    tq_source source; /* first: a watch has it; its peer is NULL once the client is closed */
    const tq_service *service;
    tq_buf secret; /* the API key or the password, NUL-terminated */
    bool key_in_query;
    bool reads_xml;
};

typedef enum tq_news {
    TQ_NEWS_OF_CHANGE,
    TQ_NEWS_OF_END,
    TQ_NEWS_OF_EVERY_POLL,
    TQ_NEWS_ONCE /* of one poll, after which the watch rests */
} tq_news;

/* What a watch's user value holds; news hand the owner out, which is the watch itself where there
 * is no other. */
enum { TQ_WATCH_CLIENT = 1, TQ_WATCH_LANE, TQ_WATCH_OWNER, TQ_WATCH_REQUEST, TQ_WATCH_MORE };

typedef struct tq_watch_ud {
    tq_watch watch; /* first: a transfer's owner is found by it */
    int anchor;     /* of itself, while something is to come */
    uint32_t place; /* of its only waiter in a group, see watch_place() */
    uint8_t news;   /* a tq_news */
    bool is_common; /* its user value is that of other watches too */
    char id[];      /* NUL-terminated */
} tq_watch_ud;

typedef struct tq_call_ud {
    tq_job job; /* first: a transfer's owner is found by it */
    tq_engine *engine;
    tq_client *client;
    tq_transfer *transfer; /* pinned while it is written and while its reply is read */
    const tq_http_target *target;
    bool is_answered;
    int anchor;
} tq_call_ud;

/* engine.c: the engine of this Lua state, opened when it is first asked for. */
tq_engine *tq_engine_of(lua_State *L);
int tq_engine_push(lua_State *L);
int tq_engine_use_thread(lua_State *L);
tq_engine *tq_engine_check(lua_State *L); /* raises when it is closed */
void tq_engine_register(lua_State *L);

/* fds.c: adds the methods about file descriptors to those at `methods`, and pushes the table of the
 * owners.
 */
void tq_fds_push(lua_State *L, int methods);
/* Pushes the owner of an fd, which has one no longer then. */
void tq_fds_take(lua_State *L, int owners, int fd);

/* lane.c */
tq_lane *tq_lane_check(lua_State *L, int index);
int tq_lane_new(lua_State *L);
void tq_tally_push(lua_State *L, const tq_tally *tally); /* as a table */
void tq_lane_register(lua_State *L);

/* client.c */
tq_client *tq_client_check(lua_State *L, int index); /* raises when it is closed */
tq_client *tq_client_push(lua_State *L);             /* a closed one, to be filled in */
void tq_client_open_peer(lua_State *L, tq_client *client, int options);
const char *tq_option_string(lua_State *L, int options, const char *name);
void tq_client_register(lua_State *L);

/* mobizon.c and cnode.c: kinds of clients */
int tq_mobizon_new(lua_State *L);
int tq_cnode_new(lua_State *L);

/* xml.c: the reader of this Lua state; NULL in place of the root when a text is no XML. */
tq_xml_reader *tq_xml_reader_of(lua_State *L);
const tq_xml_element *tq_xml_parse(lua_State *L, const char *text, size_t len);
/* Raises when references make the tree too large. Pushes an element: text for a leaf, else a table
 * of its children by name, in which a name that occurs several times has a list. */
void tq_xml_push(lua_State *L, const tq_xml_element *element);
int tq_xml_decode(lua_State *L);
void tq_xml_register(lua_State *L);

/* soap.c: writes the table at `index` as the arguments of an operation. Raises a text that names
 * the argument which cannot be sent. */
void tq_soap_write(lua_State *L, int index, tq_buf *out);
int tq_soap_encode(lua_State *L);
int tq_soap_decode(lua_State *L);

/* watch.c, knowledge.c, hearing.c and call.c */
static inline tq_client *tq_watch_client(const tq_watch_ud *ud)
{
    return (tq_client *)ud->watch.source; /* the first member of a client */
}
int tq_watch_new(lua_State *L);
tq_watch_ud *tq_watch_check(lua_State *L);
/* Pushes the user value of the watch at `index`, which is no other's from now on. */
void tq_watch_push_own(lua_State *L, int index);
int tq_watch_knowledge(lua_State *L);
int tq_watch_restore(lua_State *L);
int tq_watch_reading(lua_State *L);
int tq_watch_hear_reading(lua_State *L);
int tq_watch_miss(lua_State *L);
int tq_watch_set_muted(lua_State *L);
int tq_lane_history(lua_State *L);
int tq_lane_restore_history(lua_State *L);
void tq_watch_register(lua_State *L);
int tq_call_start(lua_State *L);
void tq_call_register(lua_State *L);

/* play.c: simulated time, and the requests that are answered in it. */
int tq_play_simulate(lua_State *L);
int tq_play_take_up(lua_State *L);
int tq_play_next_request(lua_State *L);
int tq_play_answer(lua_State *L);

/* libcurl.c: loads what the room http needs, before anything of it is used. Raises when that cannot
 * be loaded. */
void tq_libcurl_load(lua_State *L);
void tq_libcurl_register(lua_State *L);

/* machine.c: what the process runs with and on. */
int tq_machine_libraries(lua_State *L);
int tq_machine_terminal(lua_State *L);

/* reply.c: pushes, of a transfer that gets pinned meanwhile, a table of what came: outcome, status,
 * body, error, retry_after, sent. */
void tq_reply_push(lua_State *L, tq_transfer *transfer);

/* json.c: pushes the decoded text, or an error text; true in the first case. */
bool tq_json_push(lua_State *L, const char *text, size_t len);
/* The same, with whole numbers as integers where Lua has them. */
bool tq_json_push_value(lua_State *L, const char *text, size_t len);
int tq_json_decode(lua_State *L);
/* Is that JSON's null, which is left out of a request as nil is? */
bool tq_is_null(lua_State *L, int index);
void tq_json_register(lua_State *L, int module);

/* aside.c */
void tq_aside_register(lua_State *L, int module);

/* name.c */
int tq_name_keyed(lua_State *L);
int tq_name_unique(lua_State *L);

/* number.c: the shortest decimal text that reads back the same; gives its length. */
enum { TQ_LONGEST_NUMBER = 40 };
size_t tq_number_format(lua_State *L, int index, char out[TQ_LONGEST_NUMBER]);

/* keys.c: is the table at `index` a list: the keys 1 to n and no others, n > 0? */
bool tq_is_list(lua_State *L, int index, size_t *length);
/* Pushes a list of the keys of the table at `index`, in the order of their bytes. Keys have
 * to be strings or numbers; gives false, with nothing pushed, when one is not. */
bool tq_keys_push(lua_State *L, int index);

/* Pushes an empty buffer that is freed when it is collected. */
tq_buf *tq_text_push(lua_State *L);

/* form.c: writes the table at `index` into a transfer that has no body yet. Raises a text that
 * names the parameter which cannot be sent. */
void tq_form_write(lua_State *L, int index, tq_transfer *transfer);
int tq_form_encode_table(lua_State *L);
void tq_form_register(lua_State *L, int module);

/* Raises a text without a position: the Lua side blames its caller's line. Never returns; the
 * result is for `return tq_raise(...)`. */
int tq_raise(lua_State *L, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));

/* Raises when `err` is not 0. */
void tq_check(lua_State *L, int err, const char *what);

/* Makes a metatable with these methods as its __index, leaves nothing on the stack. */
void tq_new_type(lua_State *L, const char *name, const luaL_Reg *methods, const luaL_Reg *meta);

#endif
