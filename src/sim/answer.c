/* SPDX-License-Identifier: MIT */
/*
 * What is allocated here is stored in the exchange at once and freed with it, so that a raise in
 * the middle leaks nothing.
 */
#include "sim/answer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/server.h"

/* ---- the request table ---- */

static void set_string(lua_State *lua, const char *name, const char *value)
{
    if (value != NULL) {
        lua_pushstring(lua, value);
        lua_setfield(lua, -2, name);
    }
}

static void set_target(lua_State *lua, const char *uri)
{
    size_t path_size = strcspn(uri, "?");

    lua_pushlstring(lua, uri, path_size);
    lua_setfield(lua, -2, "path");
    set_string(lua, "query", uri[path_size] == '?' ? uri + path_size + 1 : "");
}

static double connection_number(const tq_sim_exchange *x)
{
    const union MHD_ConnectionInfo *info;

    info = MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return (double)(uintptr_t)info->socket_context;
}

static void set_number(lua_State *lua, const char *name, double value)
{
    lua_pushinteger(lua, (lua_Integer)value);
    lua_setfield(lua, -2, name);
}

static void set_header(lua_State *lua, const char *name, tq_sim_exchange *x, const char *header)
{
    set_string(lua, name, MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, header));
}

static void push_request(lua_State *lua, tq_sim_exchange *x)
{
    lua_newtable(lua);
    set_string(lua, "method", x->method);
    set_target(lua, x->uri);
    set_header(lua, "content_type", x, MHD_HTTP_HEADER_CONTENT_TYPE);
    set_header(lua, "soap_action", x, "SOAPAction");
    set_header(lua, "user_agent", x, "User-Agent");
    set_header(lua, "authorization", x, MHD_HTTP_HEADER_AUTHORIZATION);
    set_number(lua, "connection", connection_number(x));
    lua_pushlstring(lua, x->body.size > 0 ? x->body.bytes : "", x->body.size);
    lua_setfield(lua, -2, "body");
}

/* ---- the reply table, at the top of the stack ---- */

static double read_number(lua_State *lua, const char *name, double otherwise)
{
    double value;

    lua_getfield(lua, -1, name);
    value = lua_isnil(lua, -1) ? otherwise : luaL_checknumber(lua, -1);
    lua_pop(lua, 1);
    return value;
}

static bool read_flag(lua_State *lua, const char *name)
{
    bool value;

    lua_getfield(lua, -1, name);
    value = lua_toboolean(lua, -1);
    lua_pop(lua, 1);
    return value;
}

static void read_wire(lua_State *lua, tq_sim_reply *reply)
{
    const char *bytes;
    double burst;

    lua_getfield(lua, -1, "wire");
    bytes = luaL_checklstring(lua, -1, &reply->wire.size);
    reply->wire.bytes = malloc(reply->wire.size + 1);
    if (reply->wire.bytes == NULL) {
        luaL_error(lua, "not enough memory for the reply");
        return;
    }
    memcpy(reply->wire.bytes, bytes, reply->wire.size);
    lua_pop(lua, 1);
    burst = read_number(lua, "burst", HUGE_VAL);
    reply->burst = burst < (double)reply->wire.size ? (size_t)burst : reply->wire.size;
    reply->pace = read_number(lua, "pace", 0);
    reply->is_reset = read_flag(lua, "reset");
    reply->is_held = read_flag(lua, "hold");
    reply->is_wire = true;
}

static struct MHD_Response *new_response(const char *body, size_t size)
{
    return MHD_create_response_from_buffer(size, (void *)(uintptr_t)body, MHD_RESPMEM_MUST_COPY);
}

static void add_header(lua_State *lua, struct MHD_Response *response)
{
    const char *name;
    const char *value;

    lua_rawgeti(lua, -1, 1);
    lua_rawgeti(lua, -2, 2);
    name = luaL_checkstring(lua, -2);
    value = luaL_checkstring(lua, -1);
    if (MHD_add_response_header(response, name, value) != MHD_YES) {
        luaL_error(lua, "the header '%s: %s' cannot be sent", name, value);
    }
    lua_pop(lua, 2);
}

static void read_headers(lua_State *lua, struct MHD_Response *response)
{
    int count;

    lua_getfield(lua, -1, "headers");
    luaL_checktype(lua, -1, LUA_TTABLE);
    count = (int)lua_rawlen(lua, -1);
    for (int i = 1; i <= count; i++) {
        lua_rawgeti(lua, -1, i);
        add_header(lua, response);
        lua_pop(lua, 1);
    }
    lua_pop(lua, 1);
}

static void read_response(lua_State *lua, tq_sim_reply *reply)
{
    const char *body;
    size_t size;

    reply->status = (int)read_number(lua, "status", MHD_HTTP_OK);
    lua_getfield(lua, -1, "body");
    body = luaL_checklstring(lua, -1, &size);
    reply->response = new_response(body, size);
    if (reply->response == NULL) {
        luaL_error(lua, "not enough memory for the reply");
    }
    lua_pop(lua, 1);
    read_headers(lua, reply->response);
}

static void read_reply(lua_State *lua, tq_sim_reply *reply)
{
    luaL_checktype(lua, -1, LUA_TTABLE);
    reply->delay = read_number(lua, "delay", 0);
    reply->is_silent = read_flag(lua, "silent");
    lua_getfield(lua, -1, "wire");
    if (lua_isnil(lua, -1)) {
        lua_pop(lua, 1);
        read_response(lua, reply);
    } else {
        lua_pop(lua, 1);
        read_wire(lua, reply);
    }
}

static int ask_for_reply(lua_State *lua)
{
    tq_sim_exchange *x = lua_touserdata(lua, 1);

    tq_sim_state_method(lua, "answer");
    push_request(lua, x);
    lua_call(lua, 2, 1);
    read_reply(lua, &x->reply);
    return 0;
}

static int ask_service(lua_State *lua)
{
    lua_pushcfunction(lua, ask_for_reply);
    lua_pushvalue(lua, 1);
    if (lua_pcall(lua, 1, 0, 0) != LUA_OK) {
        tq_sim_state_method(lua, "note_failure");
        lua_pushvalue(lua, 2);
        lua_call(lua, 2, 0);
        return luaL_error(lua, "the service failed");
    }
    return 0;
}

/* ---- without the service ---- */

static void forget_reply(tq_sim_reply *reply)
{
    if (reply->response != NULL) {
        MHD_destroy_response(reply->response);
    }
    free(reply->wire.bytes);
    memset(reply, 0, sizeof *reply);
}

static void reply_plainly(tq_sim_reply *reply, int status, const char *body)
{
    forget_reply(reply);
    reply->status = status;
    reply->response = new_response(body, strlen(body));
    if (reply->response != NULL) {
        (void)MHD_add_response_header(reply->response, MHD_HTTP_HEADER_CONTENT_TYPE,
                                      "application/json");
    }
}

void tq_sim_answer(tq_sim_exchange *x, bool is_too_big)
{
    if (is_too_big) {
        reply_plainly(&x->reply, 413,
                      "{\"code\":999,\"data\":[],\"message\":\"too big a request\"}");
    } else if (!tq_sim_state_run(&x->server->state, ask_service, x)) {
        reply_plainly(&x->reply, MHD_HTTP_INTERNAL_SERVER_ERROR,
                      "{\"code\":999,\"data\":[],\"message\":\"the simulator failed\"}");
    }
}
