/* SPDX-License-Identifier: MIT */
/* What the process runs with and on: its libraries, and the terminal that it writes to. */
#include <sys/ioctl.h>
#include <unistd.h>

#include "binding/binding.h"
#include "http/library.h"

static void set_text(lua_State *L, const char *name, const char *text)
{
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

/* libraries(): the versions of what the module is linked with, and what libcurl can do. */
int tq_machine_libraries(lua_State *L)
{
    tq_http_library http;
    tq_libcurl_load(L);
    tq_http_library_read(&http);
    lua_newtable(L);
    set_text(L, "curl", http.version);
    set_text(L, "tls", http.tls);
    set_text(L, "ca_file", http.ca_file);
    set_text(L, "expat", tq_xml_version());
    lua_pushboolean(L, http.can_wait_for_dns);
    lua_setfield(L, -2, "can_wait_for_dns");
    return 1;
}

/* terminal(fd): how many columns and rows it has, 0 when it does not say; nil for no terminal. */
int tq_machine_terminal(lua_State *L)
{
    int fd = (int)luaL_checkinteger(L, 1);
    struct winsize size = {0};
    if (!isatty(fd))
        return 0;
    if (ioctl(fd, TIOCGWINSZ, &size) != 0)
        size = (struct winsize){0};
    lua_pushinteger(L, size.ws_col);
    lua_pushinteger(L, size.ws_row);
    return 2;
}
