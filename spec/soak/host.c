/* SPDX-License-Identifier: MIT */
/*
 * Opens and closes Lua states one after the other, and in each of them an engine with its clients
 * (script.lua), until there were so many polls: host POLLS URL KEY. After each it notes how much
 * memory, how many fds and how many threads the process has. After a warm-up they have to stay as
 * they are.
 */
#include <dirent.h>
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SAMPLES = 1000, WARM_UP = 3, LEAST_SAMPLES = 9, GROWTH_PERCENT = 5, GROWTH_KB = 1024 };

typedef struct sample {
    long rss_kb, threads, fds;
} sample;

static sample samples[MOST_SAMPLES];
static size_t count;

static long status_number(const char *status, const char *name)
{
    const char *line = strstr(status, name);
    return line != NULL ? strtol(line + strlen(name), NULL, 10) : -1;
}

static long count_fds(void)
{
    long fds = -1; /* the one that looks */
    DIR *directory = opendir("/proc/self/fd");
    while (directory != NULL && readdir(directory) != NULL)
        fds++;
    if (directory != NULL)
        closedir(directory);
    return fds - 2; /* "." and ".." */
}

static void take_sample(void)
{
    char status[4096] = "";
    FILE *file = fopen("/proc/self/status", "r");
    if (file != NULL && fread(status, 1, sizeof status - 1, file) > 0)
        samples[count] = (sample){status_number(status, "\nVmRSS:"),
                                  status_number(status, "\nThreads:"), count_fds()};
    if (file != NULL)
        fclose(file);
    count++;
}

/* Gives how many polls there were, or less than 0. */
static double live(const char *url, const char *key)
{
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    int failed = luaL_loadfile(L, "spec/soak/script.lua");
    lua_pushstring(L, url);
    lua_pushstring(L, key);
    lua_pushinteger(L, (lua_Integer)count);
    if (failed || lua_pcall(L, 3, 1, 0) != 0) {
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
        return -1;
    }
    double polls = lua_tonumber(L, -1);
    lua_close(L);
    return polls;
}

static long mean_rss_kb(size_t from, size_t to)
{
    long sum = 0;
    for (size_t i = from; i < to; i++)
        sum += samples[i].rss_kb;
    return sum / (long)(to - from);
}

static long report(const char *what, long first, long last, long allowed)
{
    printf("%s: %ld, then %ld\n", what, first, last);
    if (last <= allowed)
        return 0;
    printf("%s: %ld is more than %ld\n", what, last, allowed);
    return 1;
}

/* The third after the warm-up is held against the last one. */
static int judge(void)
{
    size_t third = (count - WARM_UP) / 3;
    long first = mean_rss_kb(WARM_UP, WARM_UP + third), last = mean_rss_kb(count - third, count);
    long fds = 0, threads = 0;
    for (size_t i = WARM_UP; i < count; i++) {
        fds = samples[i].fds > fds ? samples[i].fds : fds;
        threads = samples[i].threads > threads ? samples[i].threads : threads;
    }
    long allowed = first + first * GROWTH_PERCENT / 100 + GROWTH_KB;
    return (int)(report("KB of memory", first, last, allowed) +
                 report("fds", samples[WARM_UP].fds, fds, samples[WARM_UP].fds) +
                 report("threads", samples[WARM_UP].threads, threads, samples[WARM_UP].threads));
}

int main(int argc, char **argv)
{
    double wanted = argc > 3 ? strtod(argv[1], NULL) : 0, polls = 0;
    while ((polls < wanted || count < LEAST_SAMPLES) && count < MOST_SAMPLES) {
        double more = live(argv[2], argv[3]);
        if (more < 0)
            return 1;
        polls += more;
        take_sample();
    }
    printf("%.0f polls by %zu engines\n", polls, count);
    return polls < wanted || judge() != 0;
}
