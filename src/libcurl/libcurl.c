/* SPDX-License-Identifier: MIT */
/* The module taskqueue.libcurl: a table of libcurl's functions for the core, as a light userdata.
 * It is the only one that is linked with libcurl, and is loaded when the first client is made. */
#define TQ_LIBCURL_LINKED
#include <dlfcn.h>

#include "compat/lua_compat.h"
#include "http/libcurl.h"

static const tq_libcurl functions = {.size = sizeof functions,
#define FUNCTION(name) .name = (name),
                                     TQ_LIBCURL_FUNCTIONS(FUNCTION)
#undef FUNCTION
};

int luaopen_taskqueue_libcurl(lua_State *L);

/* What has been loaded stays: a thread of libcurl's resolver may outlive the Lua state, and
 * unmapping the thirty libraries at the end of a script takes longer than a poll. */
static void stay(void)
{
    Dl_info self;
    if (dladdr(&functions, &self) != 0)
        (void)dlopen(self.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

__attribute__((visibility("default"))) int luaopen_taskqueue_libcurl(lua_State *L)
{
    stay();
    lua_pushlightuserdata(L, (void *)&functions);
    return 1;
}
