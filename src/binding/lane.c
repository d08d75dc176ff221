/* SPDX-License-Identifier: MIT */
/* A lane: one budget and the tasks that share it. Clients with the same budget share the object. */
#include <math.h>

#include "binding/binding.h"
#include "clock/clock.h"

tq_lane *tq_lane_check(lua_State *L, int index)
{
    return luaL_checkudata(L, index, TQ_LANE);
}

/* lane(rate, burst): rate in polls a second, math.huge for no limit. */
int tq_lane_new(lua_State *L)
{
    double rate = luaL_checknumber(L, 1);
    lua_Integer burst = luaL_optinteger(L, 2, 1);
    luaL_argcheck(L, rate > 0, 1, "the rate must be positive");
    luaL_argcheck(L, burst > 0 && burst <= 1000000, 2, "the burst must be positive");
    tq_lane *lane = lua_newuserdata(L, sizeof *lane);
    uint64_t seed = (uint64_t)tq_clock_now() ^ (uint64_t)(uintptr_t)lane;
    tq_lane_init(lane, rate, (unsigned)burst, seed);
    luaL_setmetatable(L, TQ_LANE);
    return 1;
}

static int lane_set_rate(lua_State *L)
{
    double rate = luaL_checknumber(L, 2);
    luaL_argcheck(L, rate > 0, 2, "the rate must be positive");
    tq_budget_set_rate(&tq_lane_check(L, 1)->budget, rate);
    return 0;
}

/* refuse(sent, retry_after): the service found the poll sent at `sent` too frequent. */
static int lane_refuse(lua_State *L)
{
    tq_lane *lane = tq_lane_check(L, 1);
    int64_t sent = tq_clock_from_seconds(luaL_checknumber(L, 2));
    bool is_told = !lua_isnoneornil(L, 3);
    int64_t retry_after = is_told ? tq_clock_from_seconds(luaL_checknumber(L, 3)) : -1;
    tq_budget_refused(&lane->budget, sent, tq_clock_now(), retry_after);
    return 0;
}

/* wait(): seconds until a poll may go, as far as the budget is concerned. */
static int lane_wait(lua_State *L)
{
    tq_lane *lane = tq_lane_check(L, 1);
    lua_pushnumber(L, tq_clock_to_seconds(tq_budget_wait_ns(&lane->budget, tq_clock_now())));
    return 1;
}

/* is_idle(seconds): nothing is held back by the budget, nor was anything sent for so long. */
static int lane_is_idle(lua_State *L)
{
    const tq_budget *budget = &tq_lane_check(L, 1)->budget;
    int64_t now = tq_clock_now();
    int64_t span = tq_clock_from_seconds(luaL_checknumber(L, 2));
    bool is_free = tq_budget_wait_ns(budget, now) == 0;
    lua_pushboolean(L, is_free && tq_clock_add(budget->last_sent_ns, span) <= now);
    return 1;
}

static int lane_is_limited(lua_State *L)
{
    lua_pushboolean(L, tq_lane_check(L, 1)->budget.interval_ns > 0);
    return 1;
}

static int lane_gc(lua_State *L)
{
    tq_lane_close(tq_lane_check(L, 1));
    return 0;
}

void tq_lane_register(lua_State *L)
{
    static const luaL_Reg methods[] = {{"set_rate", lane_set_rate}, {"refuse", lane_refuse},
                                       {"wait", lane_wait},         {"is_limited", lane_is_limited},
                                       {"is_idle", lane_is_idle},   {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__gc", lane_gc}, {NULL, NULL}};
    tq_new_type(L, TQ_LANE, methods, meta);
}
