/* SPDX-License-Identifier: MIT */
/*
 * What is known of a task's pace and of the tasks of a budget, as plain tables: they can be written
 * down and taken up by another process. Instants are seconds ago, because each process has a clock
 * of its own.
 */
#include <stddef.h>

#include "binding/binding.h"
#include "clock/clock.h"

typedef struct field {
    const char *name;
    size_t offset;
} field;

static const field instants[] = {
    {"born", offsetof(tq_forecast, born_ns)},     {"read", offsetof(tq_forecast, read_ns)},
    {"moved", offsetof(tq_forecast, moved_ns)},   {"origin", offsetof(tq_forecast, origin_ns)},
    {"anchor", offsetof(tq_forecast, anchor_ns)},
};

static const field numbers[] = {
    {"origin_level", offsetof(tq_forecast, origin_level)},
    {"origin_slack", offsetof(tq_forecast, origin_slack)},
    {"anchor_level", offsetof(tq_forecast, anchor_level)},
    {"level", offsetof(tq_forecast, level)},
    {"grain", offsetof(tq_forecast, grain)},
    {"recent_pace", offsetof(tq_forecast, recent_pace)},
    {"unevenness", offsetof(tq_forecast, unevenness)},
    {"stretches", offsetof(tq_forecast, stretches)},
    {"mean", offsetof(tq_forecast, mean)},
    {"spread", offsetof(tq_forecast, spread)},
};

enum {
    INSTANTS = sizeof instants / sizeof *instants,
    NUMBERS = sizeof numbers / sizeof *numbers,
};

static void set_flag(lua_State *L, const char *name, bool value)
{
    lua_pushboolean(L, value);
    lua_setfield(L, -2, name);
}

/* knowledge(): a table; its instants are seconds before now. */
int tq_watch_knowledge(lua_State *L)
{
    const tq_forecast *forecast = &tq_watch_check(L)->watch.entry.forecast;
    const char *base = (const char *)forecast;
    int64_t now = tq_clock_now();
    lua_createtable(L, 0, INSTANTS + NUMBERS + 2);
    for (int i = 0; i < INSTANTS; i++) {
        int64_t at = *(const int64_t *)(const void *)(base + instants[i].offset);
        lua_pushnumber(L, tq_clock_to_seconds(now - at));
        lua_setfield(L, -2, instants[i].name);
    }
    for (int i = 0; i < NUMBERS; i++) {
        lua_pushnumber(L, (double)*(const float *)(const void *)(base + numbers[i].offset));
        lua_setfield(L, -2, numbers[i].name);
    }
    set_flag(L, "is_read", forecast->is_read);
    set_flag(L, "knows_birth", forecast->knows_birth);
    return 1;
}

/* Nothing was known of before. Seconds. */
static const double LONGEST_AGO = 1e9;

/* A number within what times and percents can be; else the text of what is wrong is raised. */
static double check_number(lua_State *L, const char *name)
{
    double value = lua_tonumber(L, -1);
    bool fits = lua_type(L, -1) == LUA_TNUMBER && value > -1e12 && value < 1e12;
    lua_pop(L, 1);
    if (!fits)
        tq_raise(L, "'%s' must be a number", name);
    return value;
}

static double check_field(lua_State *L, const char *name)
{
    lua_getfield(L, 2, name);
    return check_number(L, name);
}

static bool flag_of(lua_State *L, const char *name)
{
    lua_getfield(L, 2, name);
    bool value = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return value;
}

/* restore(knowledge, elapsed): the table was made so many seconds ago. Raises a text that names a
 * field which cannot be. */
int tq_watch_restore(lua_State *L)
{
    tq_watch_ud *ud = tq_watch_check(L);
    luaL_checktype(L, 2, LUA_TTABLE);
    double elapsed = luaL_checknumber(L, 3);
    int64_t now = tq_clock_now();
    tq_forecast forecast;
    tq_forecast_init(&forecast, now, flag_of(L, "knows_birth"));
    char *base = (char *)&forecast;
    for (int i = 0; i < INSTANTS; i++) {
        double ago = check_field(L, instants[i].name) + elapsed;
        ago = ago < 0 ? 0 : ago > LONGEST_AGO ? LONGEST_AGO : ago;
        *(int64_t *)(void *)(base + instants[i].offset) = now - tq_clock_from_seconds(ago);
    }
    for (int i = 0; i < NUMBERS; i++)
        *(float *)(void *)(base + numbers[i].offset) = (float)check_field(L, numbers[i].name);
    forecast.is_read = flag_of(L, "is_read");
    tq_sched_entry_restore(&ud->watch.entry, &forecast);
    return 0;
}

static void set_ages(lua_State *L, const char *name, const float values[TQ_AGES])
{
    lua_createtable(L, TQ_AGES, 0);
    for (int i = 0; i < TQ_AGES; i++) {
        lua_pushnumber(L, (double)values[i]);
        lua_rawseti(L, -2, i + 1);
    }
    lua_setfield(L, -2, name);
}

static void set_number(lua_State *L, const char *name, float value)
{
    lua_pushnumber(L, (double)value);
    lua_setfield(L, -2, name);
}

/* history(): what the budget's tasks have taught, as a table. */
int tq_lane_history(lua_State *L)
{
    const tq_history *history = &tq_lane_check(L, 1)->sched.history;
    lua_createtable(L, 0, 5);
    set_ages(L, "ends", history->ends);
    set_ages(L, "seconds", history->seconds);
    set_number(L, "end_count", history->end_count);
    set_number(L, "unevenness", history->unevenness);
    set_number(L, "stretches", history->stretches);
    return 1;
}

/* Far more than any history has, and far enough from what is taken for no number. */
static const double LARGEST_AMOUNT = 1e9;

static float check_amount(lua_State *L, const char *name)
{
    double value = check_number(L, name);
    if (value < 0)
        tq_raise(L, "'%s' must not be negative", name);
    return (float)(value < LARGEST_AMOUNT ? value : LARGEST_AMOUNT);
}

static void read_ages(lua_State *L, const char *name, float values[TQ_AGES])
{
    lua_getfield(L, 2, name);
    if (!lua_istable(L, -1))
        tq_raise(L, "'%s' must be a list of %d numbers", name, (int)TQ_AGES);
    for (int i = 0; i < TQ_AGES; i++) {
        lua_rawgeti(L, -1, i + 1);
        values[i] = check_amount(L, name);
    }
    lua_pop(L, 1);
}

static float read_amount(lua_State *L, const char *name)
{
    lua_getfield(L, 2, name);
    return check_amount(L, name);
}

/* restore_history(history): takes it up, unless the lane has one of its own already. Raises a text
 * that names a field which cannot be. */
int tq_lane_restore_history(lua_State *L)
{
    tq_sched *sched = &tq_lane_check(L, 1)->sched;
    tq_history restored;
    luaL_checktype(L, 2, LUA_TTABLE);
    read_ages(L, "ends", restored.ends);
    read_ages(L, "seconds", restored.seconds);
    restored.end_count = read_amount(L, "end_count");
    restored.unevenness = read_amount(L, "unevenness");
    restored.stretches = read_amount(L, "stretches");
    if (sched->history.end_count <= 0 && sched->history.stretches <= 0)
        tq_sched_restore(sched, &restored);
    return 0;
}
