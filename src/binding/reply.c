/* SPDX-License-Identifier: MIT */
#include "binding/binding.h"
#include "clock/clock.h"

static const char *const outcomes[] = {
    [TQ_HTTP_ANSWERED] = "answered",
    [TQ_HTTP_NETWORK] = "network",
    [TQ_HTTP_TLS] = "tls",
    [TQ_HTTP_UNTRUSTED] = "untrusted",
    [TQ_HTTP_UNREADABLE] = "unreadable",
    [TQ_HTTP_UNSENT] = "unsent",
    [TQ_HTTP_LATE] = "late",
};

static int push_fields(lua_State *L)
{
    const tq_http_reply *reply = lua_touserdata(L, 1);
    lua_createtable(L, 0, 6);
    lua_pushstring(L, outcomes[reply->outcome]);
    lua_setfield(L, -2, "outcome");
    lua_pushlstring(L, reply->body, reply->body_len);
    lua_setfield(L, -2, "body");
    if (reply->status > 0) {
        lua_pushinteger(L, reply->status);
        lua_setfield(L, -2, "status");
    }
    if (reply->error != NULL) {
        lua_pushstring(L, reply->error);
        lua_setfield(L, -2, "error");
    }
    if (reply->retry_after_ns >= 0) {
        lua_pushnumber(L, tq_clock_to_seconds(reply->retry_after_ns));
        lua_setfield(L, -2, "retry_after");
    }
    if (reply->sent_ns != INT64_MIN) {
        lua_pushnumber(L, tq_clock_to_seconds(reply->sent_ns));
        lua_setfield(L, -2, "sent");
    }
    return 1;
}

void tq_reply_push(lua_State *L, tq_transfer *transfer)
{
    lua_pushcfunction(L, push_fields);
    lua_pushlightuserdata(L, (void *)tq_transfer_reply(transfer));
    tq_transfer_pin(transfer);
    int status = lua_pcall(L, 1, 1, 0);
    (void)tq_transfer_unpin(transfer);
    if (status != LUA_OK)
        lua_error(L);
}
