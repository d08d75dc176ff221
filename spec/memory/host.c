/* SPDX-License-Identifier: MIT */
/*
 * Runs each scenario of scenarios.lua again and again, each time in a new Lua state whose memory
 * runs out one allocation later: the state's own, that of the code under test, of expat and of
 * libcurl. Once two allocations in a row fail, since Lua tries again after a collection, and once
 * a hundred. It must end well or say that there is not enough
 * memory; after that the same state must be able to do all of it, and closing it must give
 * everything back.
 */
#include <lauxlib.h>
#include <limits.h>
#include <lualib.h>
#include <signal.h>

#include "failing.h"
#include "server.h"

enum { LONGEST_RUN = 60 }; /* seconds */

int luaopen_taskqueue_core(lua_State *L);
int luaopen_taskqueue_libcurl(lua_State *L);

static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s";

typedef struct service {
    const char *name;
    const char *body;
    server server;
    answer answer;
    char bytes[1024];
} service;

static service services[] = {
    {.name = "mobizon",
     .body = "{\"code\":0,\"data\":{\"status\":2,\"progress\":100,\"big\":"
             "12345678901234567890},\"message\":\"\"}"},
    {.name = "xml", .body = "<r><code>0</code><data><status>2</status></data></r>"},
    {.name = "background", .body = "{\"code\":100,\"data\":12345678901234567,\"message\":\"\"}"},
    {.name = "node",
     .body = "<Envelope><Body><r><return><requestStatus>SUCCESS</requestStatus>"
             "<type>A</type><status>FINISHED_OK</status><taskId>5</taskId>"
             "<additionalInfo>{\"a\":[1]}</additionalInfo></return></r></Body>"
             "</Envelope>"},
    {.name = "refusing", .body = "{\"code\":1,\"data\":{\"id\":[\"no\"]},\"message\":\"no\"}"},
};
enum { SERVICES = sizeof services / sizeof services[0] };

static const char *running;
static size_t run_number;

static void give_up(const char *why)
{
    fprintf(stderr, "%s, run %zu: %s\n", running, run_number, why);
    exit(1);
}

static void too_long(int signal)
{
    (void)signal;
    give_up("does not come to its end");
}

static void start_services(void)
{
    for (service *s = services; s < services + SERVICES; s++) {
        snprintf(s->bytes, sizeof s->bytes, ok, strlen(s->body), s->body);
        s->answer = (answer){.bytes = s->bytes};
        if (!server_start(&s->server, &s->answer, 1))
            give_up("a server cannot be started");
    }
}

static void stop_services(void)
{
    for (service *s = services; s < services + SERVICES; s++)
        server_stop(&s->server);
}

/* Making a piece smaller never fails. */
static void *lua_memory(void *unused, void *piece, size_t old_size, size_t size)
{
    (void)unused;
    if (size == 0) {
        __wrap_free(piece);
        return NULL;
    }
    if (piece != NULL && size <= old_size)
        return __real_realloc(piece, size);
    return __wrap_realloc(piece, size);
}

static void must(lua_State *L, int failed)
{
    if (failed)
        give_up(lua_tostring(L, -1));
}

static void push_urls(lua_State *L)
{
    lua_newtable(L);
    for (service *s = services; s < services + SERVICES; s++) {
        lua_pushfstring(L, "http://127.0.0.1:%d/", s->server.port);
        lua_setfield(L, -2, s->name);
    }
}

/* A state with the scenario's functions prepare, run and run_again at 1, 2 and 3. */
static lua_State *open_state(const char *scenario)
{
    lua_State *L = lua_newstate(lua_memory, NULL);
    if (L == NULL)
        give_up("no Lua state");
    luaL_openlibs(L);
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "preload");
    lua_pushcfunction(L, luaopen_taskqueue_core);
    lua_setfield(L, -2, "taskqueue.core");
    lua_pushcfunction(L, luaopen_taskqueue_libcurl);
    lua_setfield(L, -2, "taskqueue.libcurl");
    lua_settop(L, 0);
    must(L, luaL_loadfile(L, "spec/memory/scenarios.lua"));
    lua_pushstring(L, scenario);
    push_urls(L);
    must(L, lua_pcall(L, 2, 3, 0));
    return L;
}

static int call(lua_State *L, int function)
{
    lua_pushvalue(L, function);
    return lua_pcall(L, 0, 0, 0);
}

static void check_error(lua_State *L)
{
    const char *message = lua_tostring(L, -1);
    if (message == NULL || strstr(message, "not enough memory") == NULL)
        give_up(message != NULL ? message : "no text as an error");
}

/* One run in which memory runs out; false when there was enough. */
static bool run_out(const char *scenario, size_t first, size_t count)
{
    size_t before = failing.live;
    run_number = first;
    alarm(LONGEST_RUN);
    lua_State *L = open_state(scenario);
    must(L, call(L, 1));
    lua_pushvalue(L, 2);
    failing_from(first, count);
    int failed = lua_pcall(L, 0, 0, 0);
    bool was_reached = failing_end();
    if (failed && was_reached)
        check_error(L);
    else
        must(L, failed);
    lua_settop(L, 3);
    must(L, call(L, 3));
    lua_close(L);
    if (failing.live != before)
        give_up("not everything was given back");
    return was_reached;
}

static void run_all(const char *scenario, size_t count, size_t step)
{
    size_t first = 1;
    running = scenario;
    while (run_out(scenario, first, count))
        first += step;
    printf("%s: %zu allocations failed at %zu points\n", scenario, count, first / step);
    fflush(stdout);
}

/* host STEP SCENARIO ...: every STEPth allocation. */
int main(int argc, char **argv)
{
    size_t step = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
    if (step == 0)
        return 2;
    signal(SIGALRM, too_long);
    failing_init();
    start_services();
    for (int i = 2; i < argc; i++) {
        run_all(argv[i], 2, step);
        run_all(argv[i], 100, step);
    }
    stop_services();
    return 0;
}
