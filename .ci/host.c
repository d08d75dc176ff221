/* SPDX-License-Identifier: MIT */
/* Runs a Lua script as `lua` does, for sanitizers: preloading their runtime into a plain
 * interpreter would load it into every program that a spec starts as well. */
#include <stdio.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

/* arg[-1] is the interpreter, arg[0] the script. */
static void set_arguments(lua_State *L, int count, char **arguments)
{
    lua_createtable(L, count, 0);
    for (int i = 0; i < count; i++) {
        lua_pushstring(L, arguments[i]);
        lua_rawseti(L, -2, i - 1);
    }
    lua_setglobal(L, "arg");
}

int main(int argc, char **argv)
{
    lua_State *L = luaL_newstate();
    if (L == NULL || argc < 2)
        return 2;
    luaL_openlibs(L);
    set_arguments(L, argc, argv);
    luaL_checkstack(L, argc, NULL);
    int failed = luaL_loadfile(L, argv[1]);
    for (int i = 2; !failed && i < argc; i++)
        lua_pushstring(L, argv[i]);
    if (failed || lua_pcall(L, argc - 2, 0, 0) != 0) {
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
        return 1;
    }
    lua_close(L);
    return 0;
}
