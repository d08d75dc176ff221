/* SPDX-License-Identifier: MIT */
/*
 * A watch: one task that is polled. Its owner, a Lua value, is handed out by engine:take() when
 * there is news, and kept alive from schedule() to stop().
 *
 * There may be a million of them. Those of one kind, which are their own owners, therefore share a
 * user value: their client, lane and methods. What is set in such a watch, as in a table, gets it
 * one of its own, which falls back to the common one.
 */
#include <limits.h>
#include <stddef.h>
#include <string.h>

#include "base/err.h"
#include "binding/binding.h"
#include "clock/clock.h"

tq_watch_ud *tq_watch_check(lua_State *L)
{
    return luaL_checkudata(L, 1, TQ_WATCH);
}

/* The client, the lane, the owner and the rest of the request live as long as the watch. */
static void keep_alive(lua_State *L)
{
    lua_createtable(L, TQ_WATCH_OWNER, 0);
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, TQ_WATCH_CLIENT);
    lua_pushvalue(L, 2);
    lua_rawseti(L, -2, TQ_WATCH_LANE);
    lua_pushvalue(L, 4);
    lua_rawseti(L, -2, TQ_WATCH_OWNER);
    if (!lua_isnil(L, 5)) {
        lua_pushvalue(L, 5);
        lua_rawseti(L, -2, TQ_WATCH_REQUEST);
    }
    lua_setuservalue(L, -2);
}

static tq_watch_ud *push_watch(lua_State *L, tq_client *client, tq_lane *lane, int id_index)
{
    size_t len;
    const char *id = luaL_checklstring(L, id_index, &len);
    tq_watch_ud *ud = lua_newuserdata(L, offsetof(tq_watch_ud, id) + len + 1);
    memset(ud, 0, offsetof(tq_watch_ud, id));
    ud->anchor = LUA_NOREF;
    ud->news = TQ_NEWS_OF_END;
    memcpy(ud->id, id, len + 1);
    tq_watch_init(&ud->watch, lane, &client->source, ud->id, len);
    luaL_setmetatable(L, TQ_WATCH);
    return ud;
}

/* watch(common, id): one of those that share that table: { client, lane }, and as its metatable and
 * its field __index what their tables of their own have. */
static int new_common(lua_State *L)
{
    lua_settop(L, 2);
    lua_rawgeti(L, 1, TQ_WATCH_CLIENT);
    lua_rawgeti(L, 1, TQ_WATCH_LANE);
    tq_watch_ud *ud = push_watch(L, tq_client_check(L, 3), tq_lane_check(L, 4), 2);
    ud->is_common = true;
    lua_pushvalue(L, 1);
    lua_setuservalue(L, -2);
    return 1;
}

/* watch(client, lane, id, owner [, request]): `request` is what else each poll says, encoded. */
int tq_watch_new(lua_State *L)
{
    if (lua_istable(L, 1))
        return new_common(L);
    tq_client *client = tq_client_check(L, 1);
    tq_lane *lane = tq_lane_check(L, 2);
    luaL_checkany(L, 4);
    lua_settop(L, 5);
    tq_watch_ud *ud = push_watch(L, client, lane, 3);
    if (!lua_isnil(L, 5)) {
        size_t len;
        ud->watch.more = luaL_checklstring(L, 5, &len);
        ud->watch.more_len = (uint32_t)len;
    }
    keep_alive(L);
    return 1;
}

void tq_watch_push_own(lua_State *L, int index)
{
    tq_watch_ud *ud = lua_touserdata(L, index);
    lua_getuservalue(L, index);
    if (!ud->is_common)
        return;
    lua_createtable(L, 0, 1);
    lua_insert(L, -2);
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    lua_setuservalue(L, index);
    ud->is_common = false;
}

/* Its methods, then what its user value has, then its id. */
static int watch_index(lua_State *L)
{
    const tq_watch_ud *ud = tq_watch_check(L);
    lua_settop(L, 2);
    lua_pushvalue(L, 2);
    lua_rawget(L, lua_upvalueindex(1));
    if (!lua_isnil(L, -1))
        return 1;
    lua_getuservalue(L, 1);
    lua_pushvalue(L, 2);
    lua_gettable(L, -2);
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
    if (lua_isnil(L, -1) && strcmp(name, "id") == 0)
        lua_pushlstring(L, ud->id, ud->watch.id_len);
    return 1;
}

static int watch_newindex(lua_State *L)
{
    tq_watch_check(L);
    lua_settop(L, 3);
    tq_watch_push_own(L, 1);
    lua_insert(L, 2);
    lua_rawset(L, 2);
    return 0;
}

static void anchor_owner(lua_State *L, tq_watch_ud *ud)
{
    if (ud->anchor != LUA_NOREF)
        return;
    lua_pushvalue(L, 1);
    ud->anchor = luaL_ref(L, LUA_REGISTRYINDEX);
}

static void release_owner(lua_State *L, tq_watch_ud *ud)
{
    luaL_unref(L, LUA_REGISTRYINDEX, ud->anchor);
    ud->anchor = LUA_NOREF;
}

static tq_watch_ud *check_open(lua_State *L)
{
    tq_watch_ud *ud = tq_watch_check(L);
    if (tq_watch_client(ud)->source.peer == NULL)
        tq_raise(L, "the client is closed");
    /* A finalizer that runs when the state is closed may still find the watch of a gone lane. */
    if (ud->watch.lane->is_over)
        tq_raise(L, "the state is closed");
    const tq_engine *engine = ud->watch.lane->engine;
    if (engine == NULL || tq_engine_is_parents(engine))
        tq_lane_attach(ud->watch.lane, tq_engine_of(L));
    return ud;
}

static int ask(lua_State *L, int (*how)(tq_watch *watch, int64_t at_ns), int64_t at_ns)
{
    tq_watch_ud *ud = check_open(L);
    anchor_owner(L, ud);
    tq_check(L, how(&ud->watch, at_ns), "cannot schedule a poll");
    return 0;
}

/* schedule(at): asks for a look at that time, instead of what was asked for before. */
static int watch_schedule(lua_State *L)
{
    return ask(L, tq_watch_schedule, tq_clock_from_seconds(luaL_checknumber(L, 2)));
}

/* hasten(at): the same, unless a look comes sooner anyway. */
static int watch_hasten(lua_State *L)
{
    return ask(L, tq_watch_hasten, tq_clock_from_seconds(luaL_checknumber(L, 2)));
}

/* ask_first(): asks for a look in the next slot, before all others. */
static int watch_ask_first(lua_State *L)
{
    return ask(L, tq_watch_ask_first, tq_clock_now());
}

/* can_look(deadline): can the budget give a look before then? Else false, and the seconds until it
 * would. */
static int watch_can_look(lua_State *L)
{
    tq_watch_ud *ud = check_open(L);
    int64_t deadline = tq_clock_from_seconds(luaL_checknumber(L, 2));
    int64_t slot, now = tq_clock_now();
    bool can = tq_watch_can_look(&ud->watch, deadline, now, &slot);
    lua_pushboolean(L, can);
    if (can)
        return 1;
    lua_pushnumber(L, tq_clock_to_seconds(slot - now));
    return 2;
}

/* set_birth(at, is_begin): the task began then, or was first heard of. */
static int watch_set_birth(lua_State *L)
{
    tq_watch_ud *ud = tq_watch_check(L);
    int64_t at = tq_clock_from_seconds(luaL_checknumber(L, 2));
    tq_watch_set_birth(&ud->watch, at, lua_toboolean(L, 3));
    return 0;
}

/* refuse(sent, retry_after): the service found the poll sent at `sent` too frequent. */
static int watch_refuse(lua_State *L)
{
    tq_watch_ud *ud = tq_watch_check(L);
    int64_t sent = tq_clock_from_seconds(luaL_checknumber(L, 2));
    bool is_told = !lua_isnoneornil(L, 3);
    int64_t retry_after = is_told ? tq_clock_from_seconds(luaL_checknumber(L, 3)) : -1;
    tq_lane_refuse(ud->watch.lane, ud->watch.source, sent, retry_after);
    return 0;
}

static int watch_stop(lua_State *L)
{
    tq_watch_ud *ud = tq_watch_check(L);
    if (tq_watch_client(ud)->source.peer != NULL)
        tq_watch_stop(&ud->watch);
    release_owner(L, ud);
    return 0;
}

/* reply(): what the unread poll brought; the poll is over then. */
static int watch_reply(lua_State *L)
{
    tq_watch_ud *ud = tq_watch_check(L);
    bool is_open = tq_watch_client(ud)->source.peer != NULL && ud->watch.lane->engine != NULL;
    if (!is_open || ud->watch.transfer == NULL)
        return tq_raise(L, "no poll to be read");
    tq_reply_push(L, ud->watch.transfer);
    if (tq_watch_client(ud)->source.peer != NULL)
        tq_watch_finish_poll(&ud->watch);
    return 1;
}

/* tell("change"|"end"|"every"|"once"): of which readings the owner wants to hear. */
static int watch_tell(lua_State *L)
{
    static const char *const names[] = {"change", "end", "every", "once", NULL};
    tq_watch_check(L)->news = (uint8_t)luaL_checkoption(L, 2, NULL, names);
    return 0;
}

/* set_pace(interval, deadline): the least time between two looks, and before when to have the last.
 */
static int watch_set_pace(lua_State *L)
{
    tq_watch_ud *ud = tq_watch_check(L);
    int64_t interval = tq_clock_from_seconds(luaL_checknumber(L, 2));
    tq_watch_set_pace(&ud->watch, interval, tq_clock_from_seconds(luaL_checknumber(L, 3)));
    return 0;
}

static const char *const states[] = {
    [TQ_PENDING] = "pending",
    [TQ_RUNNING] = "running",
    [TQ_SUCCEEDED] = "succeeded",
    [TQ_FAILED] = "failed",
};

static void set_flag(lua_State *L, const char *name, bool value)
{
    lua_pushboolean(L, value);
    lua_setfield(L, -2, name);
}

/* Copies the fields that the service has beyond the reading into the record on top. */
static void add_more(lua_State *L)
{
    int record = lua_gettop(L);
    lua_getuservalue(L, 1);
    lua_rawgeti(L, -1, TQ_WATCH_MORE);
    if (lua_istable(L, -1)) {
        for (lua_pushnil(L); lua_next(L, -2) != 0;) {
            lua_pushvalue(L, -2);
            lua_insert(L, -2);
            lua_rawset(L, record);
        }
    }
    lua_settop(L, record);
}

/* status(): a status record, or nil before the first reading. */
static int watch_status(lua_State *L)
{
    const tq_watch_ud *ud = tq_watch_check(L);
    const tq_reading *last = &ud->watch.last;
    if (!ud->watch.is_seen)
        return 0;
    lua_createtable(L, 0, 6);
    lua_pushlstring(L, ud->id, ud->watch.id_len);
    lua_setfield(L, -2, "id");
    lua_pushstring(L, states[last->state]);
    lua_setfield(L, -2, "state");
    if (tq_watch_client(ud)->service->push_more != NULL) {
        add_more(L);
    } else {
        lua_pushinteger(L, (lua_Integer)last->code);
        lua_setfield(L, -2, "code");
    }
    if (last->progress != TQ_NO_PROGRESS) {
        lua_pushinteger(L, last->progress);
        lua_setfield(L, -2, "progress");
    }
    set_flag(L, "done", tq_reading_is_end(last));
    set_flag(L, "ok", last->state == TQ_SUCCEEDED);
    return 1;
}

/* changed(): when the status became what it is; nil before the first reading. */
static int watch_changed(lua_State *L)
{
    const tq_watch *watch = &tq_watch_check(L)->watch;
    if (!watch->is_seen)
        return 0;
    lua_pushnumber(L, tq_clock_to_seconds(watch->changed_ns));
    return 1;
}

/* read_at(): when a poll told the status last; nil before the first reading. */
static int watch_read_at(lua_State *L)
{
    const tq_watch *watch = &tq_watch_check(L)->watch;
    if (!watch->is_seen)
        return 0;
    lua_pushnumber(L, tq_clock_to_seconds(watch->read_ns));
    return 1;
}

/* ends_at(): when the task's progress lets expect its end; nil when it does not. */
static int watch_ends_at(lua_State *L)
{
    const tq_watch *watch = &tq_watch_check(L)->watch;
    int64_t end = tq_forecast_end_ns(&watch->entry.forecast);
    if (end == TQ_NEVER)
        return 0;
    lua_pushnumber(L, tq_clock_to_seconds(end));
    return 1;
}

static int watch_polls(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)tq_watch_check(L)->watch.polls);
    return 1;
}

/* interval(), deadline(): the pace, as it was set. */
static int watch_interval(lua_State *L)
{
    lua_pushnumber(L, tq_clock_to_seconds(tq_watch_check(L)->watch.interval_ns));
    return 1;
}

static int watch_deadline(lua_State *L)
{
    lua_pushnumber(L, tq_clock_to_seconds(tq_watch_check(L)->watch.deadline_ns));
    return 1;
}

/* set_place(n), place(): the only waiter is the n-th of a group, and nothing more than that until
 * there is something to tell it; 0 when it is not so. */
static int watch_set_place(lua_State *L)
{
    lua_Integer place = luaL_checkinteger(L, 2);
    luaL_argcheck(L, place >= 0 && place < INT_MAX, 2, "no such place");
    tq_watch_check(L)->place = (uint32_t)place;
    return 0;
}

static int watch_place(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)tq_watch_check(L)->place);
    return 1;
}

void tq_watch_register(lua_State *L)
{
    static const luaL_Reg methods[] = {{"schedule", watch_schedule},
                                       {"hasten", watch_hasten},
                                       {"ask_first", watch_ask_first},
                                       {"can_look", watch_can_look},
                                       {"set_birth", watch_set_birth},
                                       {"refuse", watch_refuse},
                                       {"knowledge", tq_watch_knowledge},
                                       {"restore", tq_watch_restore},
                                       {"reading", tq_watch_reading},
                                       {"hear_reading", tq_watch_hear_reading},
                                       {"miss", tq_watch_miss},
                                       {"mute", tq_watch_set_muted},
                                       {"ends_at", watch_ends_at},
                                       {"stop", watch_stop},
                                       {"reply", watch_reply},
                                       {"tell", watch_tell},
                                       {"set_pace", watch_set_pace},
                                       {"interval", watch_interval},
                                       {"deadline", watch_deadline},
                                       {"set_place", watch_set_place},
                                       {"place", watch_place},
                                       {"status", watch_status},
                                       {"changed", watch_changed},
                                       {"polls", watch_polls},
                                       {"read_at", watch_read_at},
                                       {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__newindex", watch_newindex}, {NULL, NULL}};
    tq_new_type(L, TQ_WATCH, methods, meta);
    luaL_getmetatable(L, TQ_WATCH);
    lua_getfield(L, -1, "__index");
    lua_pushcclosure(L, watch_index, 1);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}
