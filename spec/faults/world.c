/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into a process, this is a world in which things go wrong that no server can bring
 * about. Its settings are variables of the environment:
 *
 *   WORLD_RESOLVER = unknown, fails, dead, moves  what becomes of names that end in ".test"; the
 *                    last is at 127.0.0.2 and, a little after it was first asked for, at 127.0.0.1
 *   WORLD_CLOCK = n  the wall clock jumps by n seconds, again and again
 *   WORLD_START = n  the wall clock is off by n seconds
 *   WORLD_FILES = n  the first n sockets that are opened for connections find no file descriptor
 *   WORLD_BLACKHOLE  127.0.0.1 has a port where connections are neither taken nor refused; its
 *                    number is in WORLD_PORT then
 */
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { JUMP_MS = 50, MOVED_AFTER_MS = 300 };

/* ---- the wall clock ---- */

static int (*real_clock)(clockid_t, struct timespec *);

static long long now_ms(void)
{
    struct timespec now;
    real_clock(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static long long setting(const char *name)
{
    const char *text = getenv(name);
    return text != NULL ? atoll(text) : 0;
}

static long long started_ms;

static time_t offset(void)
{
    long long jumps = (now_ms() - started_ms) / JUMP_MS;
    return (time_t)(setting("WORLD_START") + setting("WORLD_CLOCK") * jumps);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = real_clock(clock, now);
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)
        now->tv_sec += offset();
    return result;
}

time_t time(time_t *out)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL)
        *out = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec precise;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

/* ---- names ---- */

typedef int resolver(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static resolver *real_resolver;

static const char *address_now(void)
{
    static atomic_llong first_ms;
    long long none = 0;
    atomic_compare_exchange_strong(&first_ms, &none, now_ms());
    return now_ms() - atomic_load(&first_ms) < MOVED_AFTER_MS ? "127.0.0.2" : "127.0.0.1";
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **out)
{
    const char *how = getenv("WORLD_RESOLVER");
    if (how == NULL || node == NULL || !ends_with(node, ".test"))
        return real_resolver(node, service, hints, out);
    if (strcmp(how, "moves") == 0)
        return real_resolver(address_now(), service, hints, out);
    if (strcmp(how, "fails") == 0)
        return EAI_AGAIN;
    if (strcmp(how, "dead") == 0)
        sleep(60);
    return EAI_NONAME;
}

/* ---- sockets ---- */

static int (*real_socket)(int, int, int);

/* A socket that is not blocking from the start is the simulator's, which listens with it. */
int socket(int family, int type, int protocol)
{
    static atomic_llong opened;
    bool connects = (family == AF_INET || family == AF_INET6) && (type & SOCK_STREAM) != 0 &&
                    (type & SOCK_NONBLOCK) == 0;
    if (connects && atomic_fetch_add(&opened, 1) < setting("WORLD_FILES")) {
        errno = EMFILE;
        return -1;
    }
    return real_socket(family, type, protocol);
}

/* A listener whose queue is full: Linux drops what else would connect to it. */
static void open_blackhole(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr *any = (struct sockaddr *)&address;
    socklen_t size = sizeof address;
    char port[16];
    int fd = real_socket(AF_INET, SOCK_STREAM, 0);
    if (bind(fd, any, size) != 0 || listen(fd, 0) != 0 || getsockname(fd, any, &size) != 0)
        abort();
    for (int i = 0; i < 3; i++)
        (void)!connect(real_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), any, size);
    snprintf(port, sizeof port, "%d", ntohs(address.sin_port));
    setenv("WORLD_PORT", port, 1);
}

/* Through a pointer to it: ISO C knows no way from an object's address to a function's. */
static void find(const char *name, void *function)
{
    void *symbol = dlsym(RTLD_NEXT, name);
    if (symbol == NULL)
        abort();
    memcpy(function, &symbol, sizeof symbol);
}

__attribute__((constructor)) static void open_world(void)
{
    find("clock_gettime", &real_clock);
    find("getaddrinfo", &real_resolver);
    find("socket", &real_socket);
    started_ms = now_ms();
    if (getenv("WORLD_BLACKHOLE") != NULL)
        open_blackhole();
}
