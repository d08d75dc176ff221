/* SPDX-License-Identifier: MIT */
/* The module taskqueue.core: what is native, for the Lua files beside it and for nobody else. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/err.h"
#include "binding/binding.h"
#include "clock/clock.h"
#include "xml/writer.h"

int tq_raise(lua_State *L, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    lua_pushvfstring(L, format, args);
    va_end(args);
    lua_error(L);
    __builtin_unreachable();
}

void tq_check(lua_State *L, int err, const char *what)
{
    switch (err) {
    case TQ_OK:
        return;
    case TQ_ERR_MEMORY:
        tq_raise(L, "taskqueue: %s: not enough memory", what);
        return;
    case TQ_ERR_SYSTEM:
        tq_raise(L, "taskqueue: %s: %s", what, strerror(errno));
        return;
    case TQ_ERR_TOO_BIG:
        tq_raise(L, "taskqueue: %s: too large", what);
        return;
    case TQ_ERR_STUCK:
        tq_raise(L, "taskqueue: %s: nothing will ever happen any more", what);
        return;
    case TQ_ERR_CLOSED:
        tq_raise(L, "taskqueue: %s: closed", what);
        return;
    default:
        tq_raise(L, "taskqueue: %s: not usable", what);
    }
}

void tq_new_type(lua_State *L, const char *name, const luaL_Reg *methods, const luaL_Reg *meta)
{
    luaL_newmetatable(L, name);
    luaL_setfuncs(L, meta, 0);
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    lua_setfield(L, -2, "__index");
    lua_pushstring(L, name);
    lua_setfield(L, -2, "__name");
    lua_pop(L, 1);
}

#define TEXT "taskqueue.core.text"

tq_buf *tq_text_push(lua_State *L)
{
    tq_buf *text = lua_newuserdata(L, sizeof *text);
    tq_buf_init(text, SIZE_MAX / 4);
    luaL_setmetatable(L, TEXT);
    return text;
}

static int text_gc(lua_State *L)
{
    tq_buf_free(luaL_checkudata(L, 1, TEXT));
    return 0;
}

static void register_text(lua_State *L)
{
    static const luaL_Reg none[] = {{NULL, NULL}};
    static const luaL_Reg meta[] = {{"__gc", text_gc}, {NULL, NULL}};
    tq_new_type(L, TEXT, none, meta);
}

static int core_now(lua_State *L)
{
    lua_pushnumber(L, tq_clock_to_seconds(tq_clock_now()));
    return 1;
}

/* is_text(bytes): can every service's request carry them: UTF-8 without control characters? */
static int core_is_text(lua_State *L)
{
    size_t len;
    const char *bytes = luaL_checklstring(L, 1, &len);
    tq_buf *written = tq_text_push(L);
    int err = tq_xml_add_text(written, bytes, len);
    if (err != TQ_ERR_INVALID)
        tq_check(L, err, "text");
    lua_pushboolean(L, err == TQ_OK);
    return 1;
}

static const luaL_Reg functions[] = {{"now", core_now},
                                     {"libraries", tq_machine_libraries},
                                     {"terminal", tq_machine_terminal},
                                     {"is_text", core_is_text},
                                     {"keyed_name", tq_name_keyed},
                                     {"unique_name", tq_name_unique},
                                     {"engine", tq_engine_push},
                                     {"use_thread", tq_engine_use_thread},
                                     {"lane", tq_lane_new},
                                     {"mobizon", tq_mobizon_new},
                                     {"cnode", tq_cnode_new},
                                     {"watch", tq_watch_new},
                                     {"call", tq_call_start},
                                     {"simulate", tq_play_simulate},
                                     {"take_up_clock", tq_play_take_up},
                                     {"next_request", tq_play_next_request},
                                     {"answer", tq_play_answer},
                                     {"encode_form", tq_form_encode_table},
                                     {"decode_json", tq_json_decode},
                                     {"decode_xml", tq_xml_decode},
                                     {"encode_soap", tq_soap_encode},
                                     {"decode_soap", tq_soap_decode},
                                     {NULL, NULL}};

int luaopen_taskqueue_core(lua_State *L);

__attribute__((visibility("default"))) int luaopen_taskqueue_core(lua_State *L)
{
    tq_libcurl_register(L);
    tq_engine_register(L);
    tq_lane_register(L);
    tq_client_register(L);
    tq_watch_register(L);
    tq_call_register(L);
    register_text(L);
    tq_xml_register(L);
    luaL_newlib(L, functions);
    tq_aside_register(L, lua_gettop(L));
    tq_json_register(L, lua_gettop(L));
    tq_form_register(L, lua_gettop(L));
    lua_pushboolean(L, tq_http_is_pollable());
    lua_setfield(L, -2, "is_pollable");
    return 1;
}
