/* SPDX-License-Identifier: MIT */
#include "http/poller.h"

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "check.h"
#include "clock/clock.h"

#define MS (TQ_SECOND / 1000)

typedef struct pair {
    int near, far;
} pair;

static pair pair_open(void)
{
    int fds[2] = {-1, -1};
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    return (pair){fds[0], fds[1]};
}

static void pair_close(pair p)
{
    close(p.near);
    close(p.far);
}

static tq_poller open_kind(tq_poller_kind kind)
{
    tq_poller poller;
    CHECK(tq_poller_open(&poller, kind) == TQ_OK);
    return poller;
}

static tq_poller poller_open(void)
{
    return open_kind(TQ_POLLER_TIMED);
}

/* What is ready of one socket, without waiting; 0 when nothing was reported. */
static int ready_of(tq_poller *poller, int fd)
{
    tq_poll_event events[TQ_POLL_BATCH];
    int count = tq_poller_wait(poller, 0, events), ready = 0;
    CHECK(count >= 0);
    for (int i = 0; i < count; i++)
        if (events[i].fd == fd)
            ready |= events[i].ready;
    return ready;
}

static bool is_readable(int fd, int timeout_ms)
{
    struct pollfd pollfd = {.fd = fd, .events = POLLIN};
    return poll(&pollfd, 1, timeout_ms) == 1;
}

TEST("a new poller has nothing to report, and can be closed twice")
{
    tq_poller poller = poller_open();
    tq_poll_event events[TQ_POLL_BATCH];
    CHECK(poller.armed_ns == TQ_NEVER);
    CHECK(tq_poller_wait(&poller, 0, events) == 0);
    CHECK(!is_readable(poller.epoll_fd, 0));
    tq_poller_close(&poller);
    tq_poller_close(&poller);
    CHECK(poller.epoll_fd == -1 && poller.alarm_fd == -1 && poller.sockets == NULL);
}

TEST("a socket is reported for what is wanted of it and for nothing else")
{
    tq_poller poller = poller_open();
    pair p = pair_open();
    CHECK(tq_poller_want(&poller, p.near, TQ_POLL_IN, 0) == TQ_OK);
    CHECK(ready_of(&poller, p.near) == 0);
    CHECK(tq_poller_want(&poller, p.near, TQ_POLL_OUT, 0) == TQ_OK);
    CHECK(ready_of(&poller, p.near) == TQ_POLL_OUT);
    CHECK(write(p.far, "x", 1) == 1);
    CHECK(ready_of(&poller, p.near) == TQ_POLL_OUT);
    CHECK(tq_poller_want(&poller, p.near, TQ_POLL_IN | TQ_POLL_OUT, 0) == TQ_OK);
    CHECK(ready_of(&poller, p.near) == (TQ_POLL_IN | TQ_POLL_OUT));
    CHECK(tq_poller_want(&poller, p.near, TQ_POLL_IN, 0) == TQ_OK);
    CHECK(ready_of(&poller, p.near) == TQ_POLL_IN && is_readable(poller.epoll_fd, 0));
    tq_poller_close(&poller);
    pair_close(p);
}

TEST("who asked last for a socket comes back with its events")
{
    tq_poller poller = poller_open();
    pair p = pair_open();
    tq_poll_event events[TQ_POLL_BATCH];
    CHECK(tq_poller_opened(&poller, p.near) == TQ_OK);
    CHECK(tq_poller_want(&poller, p.near, TQ_POLL_OUT, 3) == TQ_OK);
    CHECK(tq_poller_wait(&poller, 0, events) == 1 && events[0].owner == 3);
    CHECK(tq_poller_want(&poller, p.near, 0, 3) == TQ_OK);
    CHECK(tq_poller_want(&poller, p.near, TQ_POLL_OUT, 15) == TQ_OK);
    CHECK(tq_poller_wait(&poller, 0, events) == 1 && events[0].owner == 15);
    tq_poller_close(&poller);
    pair_close(p);
}

TEST("a socket whose other side is gone is reported as readable and broken")
{
    tq_poller poller = poller_open();
    pair p = pair_open();
    CHECK(tq_poller_want(&poller, p.near, TQ_POLL_IN, 0) == TQ_OK);
    close(p.far);
    CHECK(ready_of(&poller, p.near) == (TQ_POLL_IN | TQ_POLL_ERROR));
    tq_poller_close(&poller);
    close(p.near);
}

TEST("a socket of ours keeps its registration while it is idle, and is not reported")
{
    tq_poller poller = poller_open();
    pair p = pair_open();
    CHECK(tq_poller_opened(&poller, p.near) == TQ_OK);
    CHECK(tq_poller_want(&poller, p.near, TQ_POLL_IN, 0) == TQ_OK);
    CHECK(tq_poller_want(&poller, p.near, 0, 0) == TQ_OK);
    CHECK(poller.sockets[p.near].is_in);
    CHECK(ready_of(&poller, p.near) == 0 && poller.sockets[p.near].is_in);
    CHECK(tq_poller_want(&poller, p.near, TQ_POLL_IN, 0) == TQ_OK);
    CHECK(write(p.far, "x", 1) == 1);
    CHECK(ready_of(&poller, p.near) == TQ_POLL_IN);
    tq_poller_closing(&poller, p.near);
    tq_poller_close(&poller);
    pair_close(p);
}

TEST("a foreign socket loses its registration when it is idle")
{
    tq_poller poller = poller_open();
    pair p = pair_open();
    CHECK(tq_poller_want(&poller, p.near, TQ_POLL_IN, 0) == TQ_OK);
    CHECK(poller.sockets[p.near].is_in);
    CHECK(tq_poller_want(&poller, p.near, 0, 0) == TQ_OK);
    CHECK(!poller.sockets[p.near].is_in);
    CHECK(write(p.far, "x", 1) == 1);
    CHECK(!is_readable(poller.epoll_fd, 0));
    CHECK(tq_poller_want(&poller, p.near, 0, 0) == TQ_OK);
    CHECK(tq_poller_want(&poller, p.near, TQ_POLL_IN, 0) == TQ_OK);
    CHECK(ready_of(&poller, p.near) == TQ_POLL_IN);
    tq_poller_close(&poller);
    pair_close(p);
}

TEST("an idle socket that becomes readable wakes the poller once and then leaves the set")
{
    tq_poller poller = poller_open();
    pair p = pair_open();
    CHECK(tq_poller_opened(&poller, p.near) == TQ_OK);
    CHECK(tq_poller_want(&poller, p.near, TQ_POLL_IN, 0) == TQ_OK);
    CHECK(tq_poller_want(&poller, p.near, 0, 0) == TQ_OK);
    close(p.far);
    CHECK(is_readable(poller.epoll_fd, 0));
    CHECK(ready_of(&poller, p.near) == 0);
    CHECK(!is_readable(poller.epoll_fd, 0));
    CHECK(tq_poller_want(&poller, p.near, TQ_POLL_IN, 0) == TQ_OK);
    CHECK(ready_of(&poller, p.near) == (TQ_POLL_IN | TQ_POLL_ERROR));
    tq_poller_closing(&poller, p.near);
    tq_poller_close(&poller);
    close(p.near);
}

/* Closes p.near and gives its number to a new socket. */
static pair reuse_number(pair p)
{
    pair fresh = pair_open();
    CHECK(dup2(fresh.near, p.near) == p.near);
    close(fresh.near);
    close(p.far);
    return (pair){p.near, fresh.far};
}

TEST("the number of a closed socket of ours can be used by another socket of ours")
{
    tq_poller poller = poller_open();
    pair p = pair_open();
    for (int round = 0; round < 3; round++) {
        CHECK(tq_poller_opened(&poller, p.near) == TQ_OK);
        CHECK(tq_poller_want(&poller, p.near, TQ_POLL_IN, 0) == TQ_OK);
        CHECK(write(p.far, "x", 1) == 1);
        CHECK(ready_of(&poller, p.near) == TQ_POLL_IN);
        /* Idle in one round, busy in the next. */
        CHECK(round % 2 == 0 || tq_poller_want(&poller, p.near, 0, 0) == TQ_OK);
        tq_poller_closing(&poller, p.near);
        p = reuse_number(p);
        CHECK(ready_of(&poller, p.near) == 0);
    }
    tq_poller_close(&poller);
    pair_close(p);
}

TEST("the number of a closed socket of ours can be used by a foreign one")
{
    tq_poller poller = poller_open();
    pair p = pair_open();
    CHECK(tq_poller_opened(&poller, p.near) == TQ_OK);
    CHECK(tq_poller_want(&poller, p.near, TQ_POLL_IN, 0) == TQ_OK);
    tq_poller_closing(&poller, p.near);
    p = reuse_number(p);
    CHECK(tq_poller_want(&poller, p.near, TQ_POLL_IN, 0) == TQ_OK);
    CHECK(write(p.far, "x", 1) == 1);
    CHECK(ready_of(&poller, p.near) == TQ_POLL_IN);
    CHECK(tq_poller_want(&poller, p.near, 0, 0) == TQ_OK && !poller.sockets[p.near].is_in);
    tq_poller_close(&poller);
    pair_close(p);
}

TEST("the number of a foreign socket that was closed in silence can be opened as ours")
{
    tq_poller poller = poller_open();
    pair p = pair_open();
    CHECK(tq_poller_want(&poller, p.near, TQ_POLL_IN, 0) == TQ_OK);
    p = reuse_number(p);
    CHECK(tq_poller_opened(&poller, p.near) == TQ_OK);
    CHECK(tq_poller_want(&poller, p.near, TQ_POLL_IN, 0) == TQ_OK);
    CHECK(write(p.far, "x", 1) == 1);
    CHECK(ready_of(&poller, p.near) == TQ_POLL_IN);
    tq_poller_closing(&poller, p.near);
    tq_poller_close(&poller);
    pair_close(p);
}

TEST("a closing socket that was never heard of is let pass")
{
    tq_poller poller = poller_open();
    pair p = pair_open();
    tq_poller_closing(&poller, p.near);
    CHECK(tq_poller_want(&poller, p.near, 0, 0) == TQ_OK);
    tq_poller_close(&poller);
    pair_close(p);
}

TEST("wanting something of a number that is no socket is an error")
{
    tq_poller poller = poller_open();
    pair p = pair_open();
    pair_close(p);
    CHECK(tq_poller_want(&poller, p.near, TQ_POLL_IN, 0) == TQ_ERR_SYSTEM);
    CHECK(tq_poller_want(&poller, p.near, 0, 0) == TQ_OK);
    tq_poller_close(&poller);
}

TEST("high numbers have their place")
{
    tq_poller poller = poller_open();
    pair p = pair_open();
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    int high = limit.rlim_cur > 1000 ? 999 : (int)limit.rlim_cur - 1;
    CHECK(dup2(p.near, high) == high);
    CHECK(tq_poller_opened(&poller, high) == TQ_OK);
    CHECK(tq_poller_want(&poller, high, TQ_POLL_OUT, 0) == TQ_OK);
    CHECK(ready_of(&poller, high) == TQ_POLL_OUT);
    tq_poller_closing(&poller, high);
    close(high);
    tq_poller_close(&poller);
    pair_close(p);
}

TEST("more sockets than a batch holds are all reported, batch by batch")
{
    enum { PAIRS = TQ_POLL_BATCH + 10 };
    tq_poller poller = poller_open();
    pair pairs[PAIRS];
    tq_poll_event events[TQ_POLL_BATCH];
    for (int i = 0; i < PAIRS; i++) {
        pairs[i] = pair_open();
        CHECK(tq_poller_want(&poller, pairs[i].near, TQ_POLL_OUT, 0) == TQ_OK);
    }
    int reported = 0;
    for (int round = 0; round < 2; round++) {
        int count = tq_poller_wait(&poller, 0, events);
        for (int i = 0; i < count; i++)
            CHECK(tq_poller_want(&poller, events[i].fd, 0, 0) == TQ_OK);
        reported += count;
    }
    CHECK(reported == PAIRS && tq_poller_wait(&poller, 0, events) == 0);
    tq_poller_close(&poller);
    for (int i = 0; i < PAIRS; i++)
        pair_close(pairs[i]);
}

TEST("waiting ends after the time given, or at once when something is ready")
{
    tq_poller poller = poller_open();
    pair p = pair_open();
    tq_poll_event events[TQ_POLL_BATCH];
    CHECK(tq_poller_want(&poller, p.near, TQ_POLL_IN, 0) == TQ_OK);
    int64_t before = tq_clock_now();
    CHECK(tq_poller_wait(&poller, 5 * MS, events) == 0);
    CHECK(tq_clock_now() - before >= 5 * MS);
    CHECK(write(p.far, "x", 1) == 1);
    CHECK(tq_poller_wait(&poller, TQ_NEVER, events) == 1);
    CHECK(tq_poller_wait(&poller, TQ_NEVER - 1, events) == 1);
    tq_poller_close(&poller);
    pair_close(p);
}

TEST("an armed timer makes the fd readable at its time, and waiting disarms it")
{
    tq_poller poller = poller_open();
    int64_t at = tq_clock_now() + 5 * MS;
    tq_poller_arm(&poller, at);
    CHECK(poller.armed_ns == at);
    CHECK(is_readable(poller.epoll_fd, 50) && tq_clock_now() >= at);
    tq_poll_event events[TQ_POLL_BATCH];
    CHECK(tq_poller_wait(&poller, TQ_NEVER, events) == 0);
    CHECK(poller.armed_ns == TQ_NEVER && !is_readable(poller.epoll_fd, 0));
    tq_poller_close(&poller);
}

TEST("a waiting poller is woken by its timer")
{
    tq_poller poller = poller_open();
    tq_poll_event events[TQ_POLL_BATCH];
    int64_t before = tq_clock_now();
    tq_poller_arm(&poller, before + 5 * MS);
    CHECK(tq_poller_wait(&poller, TQ_SECOND, events) == 0);
    CHECK(tq_clock_now() - before < TQ_SECOND / 2);
    tq_poller_close(&poller);
}

static void *wake_soon(void *poller)
{
    nanosleep(&(struct timespec){.tv_nsec = 5 * MS}, NULL);
    tq_poller_wake(poller);
    return NULL;
}

TEST("a waiting poller is woken by another thread, each time anew")
{
    tq_poller poller = open_kind(TQ_POLLER_WOKEN);
    tq_poll_event events[TQ_POLL_BATCH];
    for (int i = 0; i < 3; i++) {
        pthread_t thread;
        int64_t before = tq_clock_now();
        CHECK(pthread_create(&thread, NULL, wake_soon, &poller) == 0);
        CHECK(tq_poller_wait(&poller, TQ_SECOND, events) == 0);
        CHECK(tq_clock_now() - before >= 4 * MS && tq_clock_now() - before < TQ_SECOND / 2);
        pthread_join(thread, NULL);
    }
    tq_poller_close(&poller);
}

TEST("a poller that was woken before it waits does not wait, once")
{
    tq_poller poller = open_kind(TQ_POLLER_WOKEN);
    tq_poll_event events[TQ_POLL_BATCH];
    tq_poller_wake(&poller);
    tq_poller_wake(&poller);
    int64_t before = tq_clock_now();
    CHECK(tq_poller_wait(&poller, TQ_SECOND, events) == 0);
    CHECK(tq_clock_now() - before < TQ_SECOND / 2);
    before = tq_clock_now();
    CHECK(tq_poller_wait(&poller, 5 * MS, events) == 0);
    CHECK(tq_clock_now() - before >= 4 * MS);
    tq_poller_close(&poller);
}

TEST("arming for the past makes the fd readable at once")
{
    static const int64_t past[] = {1, 0, -1, -TQ_NEVER};
    for (size_t i = 0; i < sizeof past / sizeof *past; i++) {
        tq_poller poller = poller_open();
        tq_poller_arm(&poller, past[i]);
        CHECK(is_readable(poller.epoll_fd, 50));
        CHECK(ready_of(&poller, -1) == 0 && !is_readable(poller.epoll_fd, 0));
        tq_poller_close(&poller);
    }
}

TEST("an earlier time replaces a later one, and a later one changes nothing")
{
    tq_poller poller = poller_open();
    int64_t now = tq_clock_now();
    tq_poller_arm(&poller, now + 3600 * TQ_SECOND);
    tq_poller_arm(&poller, now + 5 * MS);
    tq_poller_arm(&poller, now + 60 * TQ_SECOND);
    tq_poller_arm(&poller, TQ_NEVER);
    CHECK(poller.armed_ns == now + 5 * MS);
    CHECK(is_readable(poller.epoll_fd, 50));
    tq_poller_close(&poller);
}

TEST("a timer that went off can be armed again")
{
    tq_poller poller = poller_open();
    for (int i = 0; i < 3; i++) {
        tq_poller_arm(&poller, tq_clock_now() + MS);
        CHECK(is_readable(poller.epoll_fd, 50));
        CHECK(ready_of(&poller, -1) == 0);
    }
    tq_poller_close(&poller);
}
