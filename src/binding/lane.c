/* SPDX-License-Identifier: MIT */
/* A lane: one budget and the tasks that share it. Clients with the same budget share the object. */
#include <math.h>

#include "binding/binding.h"
#include "clock/clock.h"

typedef struct lane_ud {
    tq_lane lane;
    tq_budget aside; /* the budget of real time, while time is simulated */
} lane_ud;

tq_lane *tq_lane_check(lua_State *L, int index)
{
    lane_ud *ud = luaL_checkudata(L, index, TQ_LANE);
    return &ud->lane;
}

static uint64_t new_seed(const tq_lane *lane)
{
    uint64_t seed = (uint64_t)tq_clock_now();
    /* What runs on simulated time runs the same way each time. */
    return tq_clock_is_simulated() ? seed : seed ^ (uint64_t)(uintptr_t)lane;
}

/* lane(rate, burst): rate in polls a second, math.huge for no limit. */
int tq_lane_new(lua_State *L)
{
    double rate = luaL_checknumber(L, 1);
    lua_Integer burst = luaL_optinteger(L, 2, 1);
    luaL_argcheck(L, rate > 0, 1, "the rate must be positive");
    luaL_argcheck(L, burst > 0 && burst <= 1000000, 2, "the burst must be positive");
    lane_ud *ud = lua_newuserdata(L, sizeof *ud);
    tq_lane_init(&ud->lane, rate, (unsigned)burst, new_seed(&ud->lane));
    ud->aside = ud->lane.budget;
    luaL_setmetatable(L, TQ_LANE);
    return 1;
}

/* set_aside(): simulated time has another beginning, so the budget becomes a new one, without a
 * rate until one is set. */
static int lane_set_aside(lua_State *L)
{
    lane_ud *ud = luaL_checkudata(L, 1, TQ_LANE);
    tq_budget *budget = tq_lane_lock(&ud->lane);
    ud->aside = *budget;
    tq_budget_init(budget, HUGE_VAL, ud->aside.burst, new_seed(&ud->lane));
    tq_lane_unlock(&ud->lane);
    return 0;
}

/* take_back(): in real time again, the budget is the one that it was there. */
static int lane_take_back(lua_State *L)
{
    lane_ud *ud = luaL_checkudata(L, 1, TQ_LANE);
    *tq_lane_lock(&ud->lane) = ud->aside;
    tq_lane_unlock(&ud->lane);
    return 0;
}

static int lane_set_rate(lua_State *L)
{
    double rate = luaL_checknumber(L, 2);
    luaL_argcheck(L, rate > 0, 2, "the rate must be positive");
    tq_lane_set_rate(tq_lane_check(L, 1), rate);
    return 0;
}

static void set_count(lua_State *L, const char *name, uint64_t count)
{
    lua_pushinteger(L, (lua_Integer)count);
    lua_setfield(L, -2, name);
}

void tq_tally_push(lua_State *L, const tq_tally *tally)
{
    lua_createtable(L, 0, 8);
    set_count(L, "polls", tally->polls);
    set_count(L, "refused", tally->refused);
    set_count(L, "in_flight", tally->in_flight);
}

/* set_fence(at): nothing goes out at that time or later; math.huge for no fence. */
static int lane_set_fence(lua_State *L)
{
    int64_t at = tq_clock_from_seconds(luaL_checknumber(L, 2));
    tq_check(L, tq_lane_set_fence(tq_lane_check(L, 1), at), "cannot set a fence");
    return 0;
}

/* hold_until(at): no slot before. */
static int lane_hold_until(lua_State *L)
{
    tq_lane_hold(tq_lane_check(L, 1), tq_clock_from_seconds(luaL_checknumber(L, 2)));
    return 0;
}

static int64_t wait_ns(const tq_lane *lane, int64_t now)
{
    int64_t wait = tq_budget_wait_ns(tq_lane_lock(lane), now);
    tq_lane_unlock(lane);
    return wait;
}

/* stats(): polls, refused, in_flight, rate, burst, whether it is fenced, and next_slot in seconds
 * from now; that is missing while it depends on a request that is not on its way yet. */
static int lane_stats(lua_State *L)
{
    const tq_lane *lane = tq_lane_check(L, 1);
    const tq_budget *budget = &lane->budget;
    int64_t now = tq_clock_now(), wait = wait_ns(lane, now);
    tq_tally_push(L, &lane->tally);
    if (lane->fence != NULL) {
        lua_pushboolean(L, tq_lane_is_fenced(lane, now));
        lua_setfield(L, -2, "is_fenced");
    }
    set_count(L, "burst", budget->burst);
    double interval = tq_clock_to_seconds(budget->interval_ns);
    lua_pushnumber(L, interval > 0 ? 1 / interval : HUGE_VAL);
    lua_setfield(L, -2, "rate");
    if (wait != TQ_NEVER) {
        lua_pushnumber(L, tq_clock_to_seconds(wait));
        lua_setfield(L, -2, "next_slot");
    }
    return 1;
}

/* wait(): seconds until a poll may go, as far as the budget is concerned. */
static int lane_wait(lua_State *L)
{
    tq_lane *lane = tq_lane_check(L, 1);
    lua_pushnumber(L, tq_clock_to_seconds(wait_ns(lane, tq_clock_now())));
    return 1;
}

/* is_idle(seconds): nothing is held back by the budget, nor was anything sent for so long. */
static int lane_is_idle(lua_State *L)
{
    const tq_lane *lane = tq_lane_check(L, 1);
    int64_t now = tq_clock_now();
    int64_t span = tq_clock_from_seconds(luaL_checknumber(L, 2));
    bool is_free = wait_ns(lane, now) == 0;
    int64_t sent_ns = tq_lane_lock(lane)->last_sent_ns;
    tq_lane_unlock(lane);
    lua_pushboolean(L, is_free && tq_clock_add(sent_ns, span) <= now);
    return 1;
}

static int lane_is_limited(lua_State *L)
{
    lua_pushboolean(L, tq_lane_check(L, 1)->budget.interval_ns > 0);
    return 1;
}

static int lane_gc(lua_State *L)
{
    tq_lane *lane = tq_lane_check(L, 1);
    lane->is_over = true;
    tq_lane_close(lane);
    return 0;
}

void tq_lane_register(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"set_rate", lane_set_rate},   {"stats", lane_stats},
        {"set_fence", lane_set_fence}, {"hold_until", lane_hold_until},
        {"history", tq_lane_history},  {"restore_history", tq_lane_restore_history},
        {"wait", lane_wait},           {"is_limited", lane_is_limited},
        {"is_idle", lane_is_idle},     {"set_aside", lane_set_aside},
        {"take_back", lane_take_back}, {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__gc", lane_gc}, {NULL, NULL}};
    tq_new_type(L, TQ_LANE, methods, meta);
}
