/* SPDX-License-Identifier: MIT */
/* Loads the module taskqueue.libcurl, for whatever needs the network first (src/http/libcurl.h). */
#include "base/err.h"
#include "binding/binding.h"
#include "http/library.h"

#define MODULE "taskqueue.libcurl"

/* The state's `require` as it was when the core was loaded, whatever a program puts in its place.
 */
static const char kept_require[] = "taskqueue.core.require";

void tq_libcurl_load(lua_State *L)
{
    if (tq_http_library_is_linked())
        return;
    lua_getfield(L, LUA_REGISTRYINDEX, kept_require);
    lua_pushliteral(L, MODULE);
    lua_call(L, 1, 1);
    if (tq_http_library_use(lua_touserdata(L, -1)) != TQ_OK)
        tq_raise(L, "taskqueue: %s and taskqueue.core are not of the same build", MODULE);
    lua_pop(L, 1);
}

void tq_libcurl_register(lua_State *L)
{
    lua_getglobal(L, "require");
    lua_setfield(L, LUA_REGISTRYINDEX, kept_require);
}
