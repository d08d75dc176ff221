/* SPDX-License-Identifier: MIT */
/* Simulated time: the clock of the process stands where it is set, and the requests of this Lua
 * state's engine are answered by whoever plays the services. */
#include <string.h>

#include "binding/binding.h"
#include "clock/clock.h"

static tq_http *quiet_http(lua_State *L)
{
    tq_http *http = tq_engine_of(L)->http;
    if (tq_http_in_flight(http) > 0)
        tq_raise(L, "requests are in flight");
    return http;
}

/* simulate(seconds): from now on the clock stands, first at that instant. */
int tq_play_simulate(lua_State *L)
{
    int64_t at = tq_clock_from_seconds(luaL_checknumber(L, 1));
    luaL_argcheck(L, at > 0 && at < TQ_NEVER, 1, "an instant must be positive and finite");
    tq_http_play(quiet_http(L), true);
    tq_clock_simulate(at);
    return 0;
}

/* take_up_clock(): the real clock and the network again. */
int tq_play_take_up(lua_State *L)
{
    tq_http_play(quiet_http(L), false);
    tq_clock_take_up();
    return 0;
}

/* next_request(): number, url and body of a request that was sent, or nil. */
int tq_play_next_request(lua_State *L)
{
    tq_http_request request;
    if (!tq_http_next_request(tq_engine_of(L)->http, &request))
        return 0;
    lua_pushnumber(L, (lua_Number)request.number);
    lua_pushstring(L, request.url);
    lua_pushlstring(L, request.body, request.body_len);
    return 3;
}

static tq_http_outcome outcome_of(lua_State *L, int reply)
{
    static const struct {
        const char *name;
        tq_http_outcome outcome;
    } outcomes[] = {{"network", TQ_HTTP_NETWORK},
                    {"tls", TQ_HTTP_TLS},
                    {"untrusted", TQ_HTTP_UNTRUSTED},
                    {"unreadable", TQ_HTTP_UNREADABLE}};
    const char *name = tq_option_string(L, reply, "outcome");
    for (size_t i = 0; name != NULL && i < sizeof outcomes / sizeof *outcomes; i++)
        if (strcmp(name, outcomes[i].name) == 0)
            return outcomes[i].outcome;
    return TQ_HTTP_ANSWERED;
}

static double number_of(lua_State *L, int reply, const char *name, double missing)
{
    lua_getfield(L, reply, name);
    double number = lua_isnumber(L, -1) ? lua_tonumber(L, -1) : missing;
    lua_pop(L, 1);
    return number;
}

/* answer(number, reply): ends that request. The reply is as reply.c gives it. */
int tq_play_answer(lua_State *L)
{
    double number = luaL_checknumber(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    double retry_after = number_of(L, 2, "retry_after", -1);
    tq_http_reply reply = {
        .outcome = outcome_of(L, 2),
        .error = tq_option_string(L, 2, "error"),
        .status = (long)number_of(L, 2, "status", 0),
        .retry_after_ns = retry_after < 0 ? -1 : tq_clock_from_seconds(retry_after),
        .body = "",
    };
    lua_getfield(L, 2, "body");
    if (lua_type(L, -1) == LUA_TSTRING)
        reply.body = lua_tolstring(L, -1, &reply.body_len);
    tq_check(L, tq_http_answer(tq_engine_of(L)->http, (uint64_t)number, &reply), "answer");
    return 0;
}
