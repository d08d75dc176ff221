/* SPDX-License-Identifier: MIT */
/*
 * The whole way of a reply, from the bytes on a connection to what a script gets: a status, an
 * answer, or a failure. What has to hold is said in reply.lua, which sees them as a script does.
 */
#include <lauxlib.h>
#include <lualib.h>
#include <sanitizer/lsan_interface.h>
#include <string.h>

#include "fuzz.h"
#include "wire.h"

int luaopen_taskqueue_core(lua_State *L);

static lua_State *state;

static void preload(lua_State *L)
{
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "preload");
    lua_pushcfunction(L, luaopen_taskqueue_core);
    lua_setfield(L, -2, "taskqueue.core");
    lua_pop(L, 2);
}

static void must_run(int failed)
{
    if (failed)
        fprintf(stderr, "%s\n", lua_tostring(state, -1));
    MUST(!failed);
}

/* Leaves the function that reply.lua returns on the stack. It is found beside this source. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    state = luaL_newstate();
    MUST(state != NULL);
    luaL_openlibs(state);
    preload(state);
    must_run(luaL_loadfile(state, "spec/fuzz/reply.lua") || lua_pcall(state, 0, 1, 0));
    return 0;
}

/* A Lua state keeps garbage for a while, so libFuzzer's look after every input would take most of
 * the time and is turned off. */
static void look_for_leaks(void)
{
    static unsigned runs;
    if (++runs % 4096 == 0)
        MUST(__lsan_do_recoverable_leak_check() == 0);
}

/* Calls the function with its choice and the body, while the wire answers with `len` bytes. */
static void run(unsigned char choice, const char *bytes, size_t len, input body)
{
    wire_answer(bytes, len);
    lua_pushvalue(state, 1);
    lua_pushinteger(state, choice);
    lua_pushlstring(state, (const char *)body.bytes, body.len);
    must_run(lua_pcall(state, 2, 0, 0));
    wire_reset();
    look_for_leaks();
}

/* Most inputs are a body under good HTTP, so that the search gets at what reads bodies; the others
 * are HTTP as well. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = {200, 200, 200, 201, 302, 401, 404, 429, 500, 503};
    input in = {data, size};
    unsigned char choice = take_byte(&in), http = take_byte(&in);
    char head[128];
    if (http >= 224) {
        run(choice, (const char *)in.bytes, in.len, in);
        return 0;
    }
    size_t len =
        (size_t)snprintf(head, sizeof head, "HTTP/1.1 %d Any\r\nContent-Length: %zu\r\n%s\r\n",
                         statuses[(size_t)http % (sizeof statuses / sizeof statuses[0])], in.len,
                         http & 1 ? "Retry-After: 3\r\n" : "");
    char *whole = malloc(len + in.len);
    MUST(whole != NULL);
    memcpy(whole, head, len);
    memcpy(whole + len, in.bytes, in.len);
    run(choice, whole, len + in.len, in);
    free(whole);
    return 0;
}
