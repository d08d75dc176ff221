/* SPDX-License-Identifier: MIT */
/* Loads the module taskqueue.libcurl, for whatever needs the network first (src/http/libcurl.h). */
#include <dlfcn.h>

#include "base/err.h"
#include "binding/binding.h"
#include "http/library.h"

#define MODULE "taskqueue.libcurl"

/* The state's `require` as it was when the core was loaded, whatever a program puts in its place.
 */
static const char kept_require[] = "taskqueue.core.require";
static const char kept_package[] = "taskqueue.core.package";

static bool has_module(lua_State *L, int package, const char *list)
{
    lua_getfield(L, package, list);
    if (lua_istable(L, -1))
        lua_getfield(L, -1, MODULE);
    return !lua_isnil(L, -1);
}

/* The file that `require` will find, or NULL when it will not look for one. Left on the stack. */
static const char *find_file(lua_State *L, int package)
{
    if (!lua_istable(L, package) || has_module(L, package, "loaded") ||
        has_module(L, package, "preload"))
        return NULL;
    lua_getfield(L, package, "searchpath");
    lua_pushliteral(L, MODULE);
    lua_getfield(L, package, "cpath");
    if (!lua_isfunction(L, -3) || !lua_isstring(L, -1))
        return NULL;
    lua_call(L, 2, 1);
    return lua_tostring(L, -1);
}

/* Opens the module's file before `require` does, which would look up at once all functions that
 * libcurl's libraries call of one another: thousands, of which a request needs few. What has been
 * opened so stays so. Whatever goes wrong here `require` will tell. */
static void open_lazily(lua_State *L)
{
    int package = lua_gettop(L) + 1;
    lua_getfield(L, LUA_REGISTRYINDEX, kept_package);
    const char *file = find_file(L, package);
    if (file != NULL)
        (void)dlopen(file, RTLD_LAZY | RTLD_LOCAL);
    lua_settop(L, package - 1);
}

void tq_libcurl_load(lua_State *L)
{
    if (tq_http_library_is_linked())
        return;
    open_lazily(L);
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
    lua_getglobal(L, "package");
    lua_setfield(L, LUA_REGISTRYINDEX, kept_package);
}
