/* SPDX-License-Identifier: MIT */
/*
 * What one process was told of a task, for another one that waits for it too: readings as plain
 * tables. Numbers of 64 bits are text in them, since whatever carries the tables may know doubles
 * alone.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "binding/binding.h"
#include "clock/clock.h"

static const char *const states[] = {
    [TQ_PENDING] = "pending",
    [TQ_RUNNING] = "running",
    [TQ_SUCCEEDED] = "succeeded",
    [TQ_FAILED] = "failed",
};
enum { STATES = sizeof states / sizeof *states };

static void set_wide(lua_State *L, const char *name, uint64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRIx64, value);
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

static void set_integer(lua_State *L, const char *name, int value)
{
    lua_pushinteger(L, value);
    lua_setfield(L, -2, name);
}

/* reading(): what was read last as a table, and what a status has beyond it as another one or nil;
 * nothing before the first reading. */
int tq_watch_reading(lua_State *L)
{
    const tq_watch_ud *ud = tq_watch_check(L);
    const tq_reading *last = &ud->watch.last;
    if (!ud->watch.is_seen)
        return 0;
    lua_createtable(L, 0, 5);
    lua_pushstring(L, states[last->state]);
    lua_setfield(L, -2, "state");
    set_wide(L, "code", (uint64_t)last->code);
    set_wide(L, "more", last->more);
    set_integer(L, "progress", last->progress);
    set_integer(L, "level", last->level);
    lua_getuservalue(L, 1);
    lua_rawgeti(L, -1, TQ_WATCH_MORE);
    lua_remove(L, -2);
    return 2;
}

static uint64_t check_wide(lua_State *L, const char *name)
{
    lua_getfield(L, 2, name);
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
    char *end;
    uint64_t value = strtoull(text, &end, 16);
    if (*text == '\0' || *end != '\0')
        tq_raise(L, "'%s' must be a hexadecimal number", name);
    lua_pop(L, 1);
    return value;
}

static int8_t check_percent(lua_State *L, const char *name)
{
    lua_getfield(L, 2, name);
    double value = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : -2;
    lua_pop(L, 1);
    if (!(value >= TQ_NO_PROGRESS && value <= 100))
        tq_raise(L, "'%s' must be a percentage", name);
    return (int8_t)value;
}

static tq_state check_state(lua_State *L)
{
    lua_getfield(L, 2, "state");
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
    for (int i = 0; i < STATES; i++) {
        if (strcmp(text, states[i]) == 0) {
            lua_pop(L, 1);
            return (tq_state)i;
        }
    }
    tq_raise(L, "'state' must be a state");
}

static bool is_news(const tq_watch_ud *ud, bool changed)
{
    switch (ud->news) {
    case TQ_NEWS_OF_CHANGE:
        return changed;
    case TQ_NEWS_OF_END:
        return false;
    default:
        return true;
    }
}

/* hear_reading(reading, more, age): the tables that `reading` gave, so many seconds ago. Gives true
 * when that is news for the owner. Raises a text that names a field which cannot be. */
int tq_watch_hear_reading(lua_State *L)
{
    tq_watch_ud *ud = tq_watch_check(L);
    luaL_checktype(L, 2, LUA_TTABLE);
    int64_t age = tq_clock_from_seconds(luaL_checknumber(L, 4));
    const tq_reading reading = {
        .state = check_state(L),
        .code = (int64_t)check_wide(L, "code"),
        .more = check_wide(L, "more"),
        .progress = check_percent(L, "progress"),
        .level = check_percent(L, "level"),
    };
    if (tq_watch_client(ud)->service->push_more != NULL && lua_istable(L, 3)) {
        tq_watch_push_own(L, 1);
        lua_pushvalue(L, 3);
        lua_rawseti(L, -2, TQ_WATCH_MORE);
    }
    ud->watch.mark = (tq_mark){0};
    int64_t now = tq_clock_now();
    bool changed = tq_watch_hear(&ud->watch, &reading, age > 0 && age < now ? now - age : now);
    lua_pushboolean(L, tq_reading_is_end(&reading) || is_news(ud, changed));
    return 1;
}

/* miss(): somebody else's poll told no status. */
int tq_watch_miss(lua_State *L)
{
    tq_watch_check(L)->watch.polls++;
    return 0;
}

/* mute(is_muted): somebody else looks at the task, or does not any more. */
int tq_watch_set_muted(lua_State *L)
{
    tq_watch_ud *ud = tq_watch_check(L);
    if (tq_watch_client(ud)->source.peer != NULL)
        tq_watch_mute(&ud->watch, lua_toboolean(L, 2));
    return 0;
}
