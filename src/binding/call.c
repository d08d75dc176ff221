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
    ud->is_answered = false;
    if (transfer != NULL)
        tq_http_release(transfer);
    luaL_unref(L, LUA_REGISTRYINDEX, ud->anchor);
    ud->anchor = LUA_NOREF;
}

static int write_call(lua_State *L)
{
    tq_call_ud *ud = lua_touserdata(L, 1);
    const tq_service *service = ud->client->service;
    ud->target = service->write_call(L, ud->client, lua_tostring(L, 2), 3, ud->transfer);
    return 0;
}

/* Writes the request of the call on top. Collections of garbage may run meanwhile, and finalizers
 * that close the client: the pin keeps what is being written until that is known. */
static void write_pinned(lua_State *L, tq_call_ud *ud, int name, int parameters)
{
    lua_pushcfunction(L, write_call);
    lua_pushvalue(L, -2);
    lua_pushvalue(L, name);
    lua_pushvalue(L, parameters);
    tq_transfer_pin(ud->transfer);
    int status = lua_pcall(L, 3, 0, 0);
    if (!tq_transfer_unpin(ud->transfer)) {
        ud->transfer = NULL;
        tq_raise(L, "the client is closed");
    }
    if (status != 0)
        lua_error(L);
}

/* call(client, name, parameters, owner): sends it. Raises a text that names what cannot be sent. */
int tq_call_start(lua_State *L)
{
    tq_client *client = tq_client_check(L, 1);
    luaL_checkstring(L, 2);
    luaL_checktype(L, 3, LUA_TTABLE);
    luaL_checkany(L, 4);
    lua_settop(L, 4);
    tq_call_ud *ud = new_call(L, client);
    lua_pushvalue(L, 4);
    ud->anchor = luaL_ref(L, LUA_REGISTRYINDEX);
    /* A finalizer may have closed it since. */
    tq_client_check(L, 1);
    tq_check(L, tq_http_begin(ud->engine->http, client->source.peer, &ud->transfer), "call");
    write_pinned(L, ud, 2, 3);
    tq_transfer_send_once(ud->transfer);
    tq_http_submit(ud->transfer, ud->target, ud);
    return 1;
}

/* reply(): what came; only once, and only after the engine said "answered". */
static int call_reply(lua_State *L)
{
    tq_call_ud *ud = luaL_checkudata(L, 1, TQ_CALL);
    tq_transfer *transfer = transfer_of(ud);
    if (transfer == NULL || !ud->is_answered)
        return tq_raise(L, "no reply to be read");
    tq_reply_push(L, transfer);
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
