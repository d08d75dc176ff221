/* SPDX-License-Identifier: MIT */
/* The engine: one per Lua state, the pollable object, and the timers of what sleeps in Lua. */
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "binding/binding.h"
#include "clock/clock.h"

enum { TIMERS_IN_BLOCK = 256 };

/* Timers live in blocks that never move; a handle is a timer's number. */
typedef struct timer_slot {
    tq_timer timer;
    int anchor;
    int number;
    struct timer_slot *next_free;
} timer_slot;

typedef struct engine_ud {
    tq_engine engine;
    timer_slot **blocks;
    int block_count;
    timer_slot *free_slots;
} engine_ud;

static tq_http_mode mode_of(lua_State *L)
{
    lua_getfield(L, LUA_REGISTRYINDEX, TQ_ENGINE ".threaded");
    bool is_threaded = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return is_threaded ? TQ_HTTP_THREADED : TQ_HTTP_IN_PLACE;
}

/* A process that was forked gets an engine of its own. */
static void own(lua_State *L, engine_ud *ud)
{
    if (tq_engine_is_parents(&ud->engine))
        tq_check(L, tq_engine_open_again(&ud->engine, mode_of(L)), "cannot open the engine");
}

static engine_ud *check_open(lua_State *L)
{
    engine_ud *ud = luaL_checkudata(L, 1, TQ_ENGINE);
    if (ud->engine.http == NULL)
        tq_raise(L, "the engine is closed");
    own(L, ud);
    return ud;
}

tq_engine *tq_engine_check(lua_State *L)
{
    return &check_open(L)->engine;
}

/* use_thread(): the engine, when it is opened, gets a thread for its network. False when it is open
 * already and has none. */
int tq_engine_use_thread(lua_State *L)
{
    lua_getfield(L, LUA_REGISTRYINDEX, TQ_ENGINE ".instance");
    bool is_open = !lua_isnil(L, -1);
    bool has_thread = mode_of(L) == TQ_HTTP_THREADED;
    if (!is_open) {
        lua_pushboolean(L, true);
        lua_setfield(L, LUA_REGISTRYINDEX, TQ_ENGINE ".threaded");
    }
    lua_pushboolean(L, !is_open || has_thread);
    return 1;
}

int tq_engine_push(lua_State *L)
{
    lua_getfield(L, LUA_REGISTRYINDEX, TQ_ENGINE ".instance");
    if (!lua_isnil(L, -1)) {
        own(L, lua_touserdata(L, -1));
        return 1;
    }
    tq_libcurl_load(L);
    engine_ud *ud = lua_newuserdata(L, sizeof *ud);
    *ud = (engine_ud){0};
    luaL_setmetatable(L, TQ_ENGINE);
    tq_check(L, tq_engine_open(&ud->engine, mode_of(L)), "cannot open the engine");
    lua_pushvalue(L, -1);
    lua_setfield(L, LUA_REGISTRYINDEX, TQ_ENGINE ".instance");
    return 1;
}

tq_engine *tq_engine_of(lua_State *L)
{
    tq_engine_push(L);
    engine_ud *ud = lua_touserdata(L, -1);
    lua_pop(L, 1);
    if (ud->engine.http == NULL)
        tq_raise(L, "the engine is closed");
    return &ud->engine;
}

static int engine_pollfd(lua_State *L)
{
    engine_ud *ud = check_open(L);
    if (!tq_http_is_pollable())
        tq_raise(L, "taskqueue: this build has no pollfd (it was made with POLLER=multi)");
    tq_engine_arm(&ud->engine);
    lua_pushinteger(L, tq_http_fd(ud->engine.http));
    return 1;
}

static int engine_timeout(lua_State *L)
{
    engine_ud *ud = check_open(L);
    int64_t wait = tq_engine_wait_ns(&ud->engine, tq_clock_now());
    if (wait == TQ_NEVER)
        lua_pushnil(L);
    else
        lua_pushnumber(L, tq_clock_to_seconds(wait));
    return 1;
}

/* step([seconds]): waits at most so long, 0 if not given. */
static int engine_step(lua_State *L)
{
    engine_ud *ud = check_open(L);
    int64_t wait = tq_clock_from_seconds(luaL_optnumber(L, 2, 0));
    tq_check(L, tq_engine_step(&ud->engine, wait > 0 ? wait : 0), "cannot wait for the network");
    return 0;
}

/* arm([seconds]): makes the fd readable when the next thing is due, for a loop that watches nothing
 * else; or after so long at the latest. */
static int engine_arm(lua_State *L)
{
    engine_ud *ud = check_open(L);
    if (!lua_isnoneornil(L, 2)) {
        int64_t span = tq_clock_from_seconds(luaL_checknumber(L, 2));
        tq_http_arm(ud->engine.http, tq_clock_add(tq_clock_now(), span > 0 ? span : 0));
    }
    tq_engine_arm(&ud->engine);
    return 0;
}

/* listen(directory): the path of a socket to connect to, for the bell of an engine with a thread.
 */
static int engine_listen(lua_State *L)
{
    engine_ud *ud = check_open(L);
    const char *path, *directory = luaL_checkstring(L, 2);
    int err = tq_http_listen(ud->engine.http, directory, &path);
    tq_check(L, err, "cannot listen");
    lua_pushstring(L, path);
    return 1;
}

/* hang(): the bell is rung on the connection that was made to that socket, until unhang(). */
static int engine_hang(lua_State *L)
{
    tq_check(L, tq_http_hang(check_open(L)->engine.http), "cannot be connected to");
    return 0;
}

static int engine_unhang(lua_State *L)
{
    tq_http_unhang(check_open(L)->engine.http);
    return 0;
}

static int engine_in_flight(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)tq_http_in_flight(check_open(L)->engine.http));
    return 1;
}

/* The upvalues of take(): its words, and what runs protected. Having them at hand takes no memory,
 * so that nothing that has ended gets lost for want of it. */
enum { READ = 1, UNREAD, ANSWERED, TIMER, READY, READ_POLL, FDS };

/* One finished poll while its reply is read. */
typedef struct finished {
    tq_watch_ud *ud;
    const tq_http_reply *reply;
    tq_reading reading;
    bool is_read;
} finished;

static int push_news(lua_State *L, int anchor, int word)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, anchor);
    lua_pushvalue(L, lua_upvalueindex(word));
    return 2;
}

/* The news of the watch at `watch`. */
static int push_watch_news(lua_State *L, int watch, int word)
{
    lua_getuservalue(L, watch);
    lua_rawgeti(L, -1, TQ_WATCH_OWNER);
    if (lua_isnil(L, -1))
        lua_pushvalue(L, watch);
    lua_pushvalue(L, lua_upvalueindex(word));
    return 2;
}

/* read_poll(finished, watch): reads a poll's reply for that watch. */
static int read_poll(lua_State *L)
{
    finished *poll = lua_touserdata(L, 1);
    const tq_client *client = tq_watch_client(poll->ud);
    const tq_service *service = client->service;
    const tq_watch *watch = &poll->ud->watch;
    poll->is_read = service->read_status(L, client, poll->reply, &poll->reading);
    bool has_more = poll->is_read && service->push_more != NULL;
    if (has_more && (!watch->is_seen || watch->last.code != poll->reading.code ||
                     watch->last.more != poll->reading.more)) {
        /* What a status has beyond the reading is kept in the watch's user value. */
        service->push_more(L, client);
        tq_watch_push_own(L, 2);
        lua_insert(L, -2);
        lua_rawseti(L, -2, TQ_WATCH_MORE);
    }
    return 0;
}

/* Reads the reply of the poll at 2 for the watch on top. Collections of garbage may run meanwhile,
 * and with them whatever a program does in its finalizers: stop the watch, close the client. The
 * stack keeps the watch alive, and the pin the reply. True when there is still
 * somebody to hear of it. */
static bool read_pinned(lua_State *L, finished *poll, tq_transfer *transfer)
{
    tq_watch *watch = &poll->ud->watch;
    poll->reply = tq_transfer_reply(transfer);
    lua_pushvalue(L, lua_upvalueindex(READ_POLL));
    lua_pushvalue(L, 2);
    lua_pushvalue(L, -3);
    tq_transfer_pin(transfer);
    int status = lua_pcall(L, 2, 0, 0);
    bool is_watched = tq_transfer_unpin(transfer) && poll->ud->anchor != LUA_NOREF;
    if (status == LUA_OK)
        return is_watched;
    if (is_watched) {
        /* It was not this task's fault. */
        tq_watch_finish_poll(watch);
        (void)tq_watch_schedule(watch, tq_clock_add(tq_clock_now(), TQ_SECOND));
    }
    return lua_error(L);
}

/* Reads the reply, unless it is known already: most polls of a task repeat its last reply byte for
 * byte. What that told, a reading and what else is kept of it, follows from the body and the status
 * alone. True when there is still somebody to hear of it. */
static bool read_reply(lua_State *L, finished *poll, tq_transfer *transfer)
{
    tq_watch *watch = &poll->ud->watch;
    tq_mark mark = tq_transfer_reply(transfer)->mark;
    if (tq_mark_equals(mark, watch->mark)) {
        poll->reading = watch->last;
        poll->is_read = true;
        return true;
    }
    if (!read_pinned(L, poll, transfer))
        return false;
    if (!poll->is_read)
        return true;
    if (tq_reading_is_end(&poll->reading))
        mark.status = 0;
    watch->mark = mark;
    return true;
}

/* Takes in one finished poll. Gives how many values were pushed: 0 when it is no news. */
static int take_poll(lua_State *L, finished *poll, tq_transfer *transfer)
{
    tq_watch_ud *ud = poll->ud;
    tq_watch *watch = &ud->watch;
    int64_t sent_ns = tq_transfer_reply(transfer)->sent_ns;
    int64_t ended_ns = tq_transfer_reply(transfer)->ended_ns;
    lua_rawgeti(L, LUA_REGISTRYINDEX, ud->anchor);
    int at = lua_gettop(L);
    if (!read_reply(L, poll, transfer))
        return 0;
    if (!poll->is_read)
        return push_watch_news(L, at, UNREAD);
    tq_budget_accepted(tq_lane_lock(watch->lane), sent_ns);
    tq_lane_unlock(watch->lane);
    bool changed = tq_watch_learn(watch, &poll->reading, ended_ns);
    tq_watch_finish_poll(watch);
    if (tq_reading_is_end(&poll->reading) || ud->news == TQ_NEWS_ONCE)
        return push_watch_news(L, at, READ);
    /* There is memory: this entry has just left the place it goes back to. */
    (void)tq_watch_continue(watch, tq_clock_now());
    bool is_news = ud->news == TQ_NEWS_OF_EVERY_POLL || (changed && ud->news == TQ_NEWS_OF_CHANGE);
    return is_news ? push_watch_news(L, at, READ) : 0;
}

static int take_ready(lua_State *L, engine_ud *ud)
{
    int fd = tq_http_take_ready(ud->engine.http);
    if (fd < 0)
        return 0;
    tq_fds_take(L, lua_upvalueindex(FDS), fd);
    lua_pushvalue(L, lua_upvalueindex(READY));
    return 2;
}

static int take_timer(lua_State *L, engine_ud *ud)
{
    tq_timer *timer = tq_engine_take_timer(&ud->engine, tq_clock_now());
    if (timer == NULL)
        return 0;
    timer_slot *slot = (timer_slot *)timer;
    push_news(L, slot->anchor, TIMER);
    luaL_unref(L, LUA_REGISTRYINDEX, slot->anchor);
    slot->next_free = ud->free_slots;
    ud->free_slots = slot;
    return 2;
}

/* take(): the owner of what has news and which: "read" or "unread" of a watch, "answered" of a
 * call, "ready" of an fd, "timer"; nil when there is none left. */
static int engine_take(lua_State *L)
{
    engine_ud *ud = check_open(L);
    tq_transfer *transfer;
    finished poll;
    lua_settop(L, 1);
    lua_pushlightuserdata(L, &poll);
    while ((transfer = tq_engine_take(&ud->engine)) != NULL) {
        tq_job *job = tq_transfer_owner(transfer);
        if (*job == TQ_JOB_CALL) {
            ((tq_call_ud *)job)->is_answered = true;
            return push_news(L, ((tq_call_ud *)job)->anchor, ANSWERED);
        }
        poll.ud = (tq_watch_ud *)job;
        int pushed = take_poll(L, &poll, transfer);
        if (pushed > 0)
            return pushed;
        lua_settop(L, 2);
    }
    int pushed = take_ready(L, ud);
    return pushed > 0 ? pushed : take_timer(L, ud);
}

static void add_block(lua_State *L, engine_ud *ud)
{
    size_t size = ((size_t)ud->block_count + 1) * sizeof *ud->blocks;
    timer_slot **blocks = realloc(ud->blocks, size);
    timer_slot *block = blocks != NULL ? calloc(TIMERS_IN_BLOCK, sizeof *block) : NULL;
    if (blocks != NULL)
        ud->blocks = blocks;
    if (block == NULL)
        tq_raise(L, "taskqueue: cannot set a timer: not enough memory");
    for (int i = TIMERS_IN_BLOCK; i-- > 0;) {
        block[i].number = ud->block_count * TIMERS_IN_BLOCK + i;
        block[i].timer = TQ_TIMER_UNSET;
        block[i].next_free = ud->free_slots;
        ud->free_slots = &block[i];
    }
    ud->blocks[ud->block_count++] = block;
}

/* set_timer(at, owner): a handle, valid until the timer is taken or cleared. */
static int engine_set_timer(lua_State *L)
{
    engine_ud *ud = check_open(L);
    int64_t at = tq_clock_from_seconds(luaL_checknumber(L, 2));
    luaL_checkany(L, 3);
    lua_settop(L, 3);
    if (ud->free_slots == NULL)
        add_block(L, ud);
    int anchor = luaL_ref(L, LUA_REGISTRYINDEX);
    timer_slot *slot = ud->free_slots;
    int err = tq_engine_set_timer(&ud->engine, &slot->timer, at);
    if (err != TQ_OK)
        luaL_unref(L, LUA_REGISTRYINDEX, anchor);
    tq_check(L, err, "cannot set a timer");
    slot->anchor = anchor;
    ud->free_slots = slot->next_free;
    lua_pushinteger(L, slot->number);
    return 1;
}

static int engine_clear_timer(lua_State *L)
{
    engine_ud *ud = check_open(L);
    lua_Integer number = luaL_checkinteger(L, 2);
    luaL_argcheck(L, number >= 0 && number / TIMERS_IN_BLOCK < ud->block_count, 2, "no such timer");
    timer_slot *slot = &ud->blocks[number / TIMERS_IN_BLOCK][number % TIMERS_IN_BLOCK];
    luaL_argcheck(L, tq_heap_is_in(&slot->timer.node), 2, "this timer is not set");
    tq_engine_clear_timer(&ud->engine, &slot->timer);
    luaL_unref(L, LUA_REGISTRYINDEX, slot->anchor);
    slot->next_free = ud->free_slots;
    ud->free_slots = slot;
    return 0;
}

static int engine_close(lua_State *L)
{
    engine_ud *ud = luaL_checkudata(L, 1, TQ_ENGINE);
    tq_engine_close(&ud->engine);
    for (int i = 0; i < ud->block_count; i++)
        free(ud->blocks[i]);
    free(ud->blocks);
    ud->blocks = NULL;
    ud->block_count = 0;
    ud->free_slots = NULL;
    return 0;
}

static int engine_tostring(lua_State *L)
{
    engine_ud *ud = luaL_checkudata(L, 1, TQ_ENGINE);
    if (ud->engine.http == NULL)
        lua_pushliteral(L, "taskqueue engine (closed)");
    else
        lua_pushfstring(L, "taskqueue engine (%d requests in flight)",
                        (int)tq_http_in_flight(ud->engine.http));
    return 1;
}

static void add_take(lua_State *L)
{
    luaL_getmetatable(L, TQ_ENGINE);
    lua_getfield(L, -1, "__index");
    int methods = lua_gettop(L);
    lua_pushliteral(L, "read");
    lua_pushliteral(L, "unread");
    lua_pushliteral(L, "answered");
    lua_pushliteral(L, "timer");
    lua_pushliteral(L, "ready");
    lua_pushcfunction(L, read_poll);
    tq_fds_push(L, methods);
    lua_pushcclosure(L, engine_take, FDS);
    lua_setfield(L, -2, "take");
    lua_pop(L, 2);
}

void tq_engine_register(lua_State *L)
{
    static const luaL_Reg methods[] = {{"pollfd", engine_pollfd},
                                       {"timeout", engine_timeout},
                                       {"step", engine_step},
                                       {"arm", engine_arm},
                                       {"listen", engine_listen},
                                       {"hang", engine_hang},
                                       {"unhang", engine_unhang},
                                       {"in_flight", engine_in_flight},
                                       {"set_timer", engine_set_timer},
                                       {"clear_timer", engine_clear_timer},
                                       {NULL, NULL}};
    static const luaL_Reg meta[] = {
        {"__gc", engine_close}, {"__tostring", engine_tostring}, {NULL, NULL}};
    tq_new_type(L, TQ_ENGINE, methods, meta);
    add_take(L);
}
