/* SPDX-License-Identifier: MIT */
/* A call: one request that is sent once. engine:take() hands its owner out when it is answered. */
#include "base/err.h"
#include "binding/binding.h"

static tq_call_ud *new_call(lua_State *L, tq_client *client)
{
    tq_engine *engine = tq_engine_of(L);
    tq_call_ud *ud = lua_newuserdata(L, sizeof *ud);
    *ud = (tq_call_ud){.job = TQ_JOB_CALL, .engine = engine, .client = client, .anchor = LUA_NOREF};
    luaL_setmetatable(L, TQ_CALL);
    lua_createtable(L, 2, 0);
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, 1);
    lua_setuservalue(L, -2);
    return ud;
}

/* The transfer is gone with its client and with the engine. */
static tq_transfer *transfer_of(const tq_call_ud *ud)
{
    bool is_open = ud->client->source.peer != NULL && ud->engine->http != NULL;
    return is_open ? ud->transfer : NULL;
}

static void drop(lua_State *L, tq_call_ud *ud)
{
    tq_transfer *transfer = transfer_of(ud);
    ud->transfer = NULL;
    if (transfer != NULL)
        tq_http_release(transfer);
    luaL_unref(L, LUA_REGISTRYINDEX, ud->anchor);
    ud->anchor = LUA_NOREF;
}

/* call(client, name, parameters, owner): sends it. Raises a text that names what cannot be sent. */
int tq_call_start(lua_State *L)
{
    tq_client *client = tq_client_check(L, 1);
    const char *name = luaL_checkstring(L, 2);
    luaL_checktype(L, 3, LUA_TTABLE);
    luaL_checkany(L, 4);
    lua_settop(L, 4);
    tq_call_ud *ud = new_call(L, client);
    tq_check(L, tq_http_begin(ud->engine->http, client->source.peer, &ud->transfer), "call");
    const tq_http_target *target = client->service->write_call(L, client, name, 3, ud->transfer);
    tq_transfer_send_once(ud->transfer);
    lua_pushvalue(L, 4);
    ud->anchor = luaL_ref(L, LUA_REGISTRYINDEX);
    tq_http_submit(ud->transfer, target, ud);
    return 1;
}

/* reply(): what came; only once, and only after the engine said "answered". */
static int call_reply(lua_State *L)
{
    tq_call_ud *ud = luaL_checkudata(L, 1, TQ_CALL);
    tq_transfer *transfer = transfer_of(ud);
    if (transfer == NULL)
        return tq_raise(L, "no reply to be read");
    tq_reply_push(L, tq_transfer_reply(transfer));
    drop(L, ud);
    return 1;
}

/* cancel(): gives the request up, whatever has become of it. */
static int call_cancel(lua_State *L)
{
    drop(L, luaL_checkudata(L, 1, TQ_CALL));
    return 0;
}

void tq_call_register(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"reply", call_reply}, {"cancel", call_cancel}, {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__gc", call_cancel}, {NULL, NULL}};
    tq_new_type(L, TQ_CALL, methods, meta);
}
