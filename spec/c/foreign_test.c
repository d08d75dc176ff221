/* SPDX-License-Identifier: MIT */
#include "http/foreign.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "check.h"
#include "clock/clock.h"
#include "http/http.h"

#define MS (TQ_SECOND / 1000)

typedef struct setup {
    tq_http *http;
    int near, far;
} setup;

static void setup_open(setup *s)
{
    int fds[2] = {-1, -1};
    CHECK(tq_http_open(&s->http, NULL, TQ_HTTP_IN_PLACE) == TQ_OK);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    s->near = fds[0];
    s->far = fds[1];
}

static void setup_close(setup *s)
{
    tq_http_close(s->http);
    close(s->near);
    close(s->far);
}

static int await(setup *s, int64_t span)
{
    CHECK(tq_http_step(s->http, span) == TQ_OK);
    return tq_http_take_ready(s->http);
}

TEST("an fd that can be read is reported once, until it is asked for again")
{
    setup s;
    setup_open(&s);
    CHECK(tq_http_watch_fd(s.http, s.near, TQ_FD_IN) == TQ_OK);
    CHECK(await(&s, 0) == -1);
    CHECK(write(s.far, "x", 1) == 1);
    CHECK(tq_http_step(s.http, TQ_SECOND) == TQ_OK);
    CHECK(tq_http_wait_ns(s.http, tq_clock_now()) == 0);
    CHECK(tq_http_take_ready(s.http) == s.near && tq_http_take_ready(s.http) == -1);
    CHECK(await(&s, 0) == -1);
    CHECK(tq_http_watch_fd(s.http, s.near, TQ_FD_IN) == TQ_OK);
    CHECK(await(&s, TQ_SECOND) == s.near);
    setup_close(&s);
}

TEST("an fd that can be written, or either, is reported at once")
{
    setup s;
    setup_open(&s);
    CHECK(tq_http_watch_fd(s.http, s.near, TQ_FD_OUT) == TQ_OK);
    CHECK(await(&s, TQ_SECOND) == s.near);
    CHECK(tq_http_watch_fd(s.http, s.near, TQ_FD_IN | TQ_FD_OUT) == TQ_OK);
    CHECK(await(&s, TQ_SECOND) == s.near);
    setup_close(&s);
}

TEST("what was asked for last holds")
{
    setup s;
    setup_open(&s);
    CHECK(tq_http_watch_fd(s.http, s.near, TQ_FD_OUT) == TQ_OK);
    CHECK(tq_http_watch_fd(s.http, s.near, TQ_FD_IN) == TQ_OK);
    CHECK(await(&s, 0) == -1);
    setup_close(&s);
}

TEST("the other end that went away makes an fd ready")
{
    setup s;
    int fds[2];
    setup_open(&s);
    CHECK(pipe(fds) == 0);
    CHECK(tq_http_watch_fd(s.http, fds[0], TQ_FD_IN) == TQ_OK);
    close(fds[1]);
    CHECK(await(&s, TQ_SECOND) == fds[0]);
    close(fds[0]);
    setup_close(&s);
}

TEST("an fd that is not watched any more is not reported, even if it was ready")
{
    setup s;
    setup_open(&s);
    CHECK(tq_http_watch_fd(s.http, s.near, TQ_FD_OUT) == TQ_OK);
    CHECK(tq_http_step(s.http, TQ_SECOND) == TQ_OK);
    tq_http_unwatch_fd(s.http, s.near);
    CHECK(tq_http_take_ready(s.http) == -1);
    CHECK(tq_http_watch_fd(s.http, s.near, TQ_FD_OUT) == TQ_OK);
    tq_http_unwatch_fd(s.http, s.near);
    tq_http_unwatch_fd(s.http, s.far);
    CHECK(await(&s, 0) == -1);
    setup_close(&s);
}

TEST("many fds are watched at once, each for itself")
{
    enum { PAIRS = 40 };
    setup s;
    setup_open(&s);
    int fds[PAIRS][2];
    for (int i = 0; i < PAIRS; i++) {
        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds[i]) == 0);
        CHECK(tq_http_watch_fd(s.http, fds[i][0], TQ_FD_IN) == TQ_OK);
    }
    for (int i = 0; i < PAIRS; i += 2)
        CHECK(write(fds[i][1], "x", 1) == 1);
    bool seen[PAIRS] = {false};
    int left = PAIRS / 2;
    for (int64_t end = tq_clock_now() + TQ_SECOND; left > 0 && tq_clock_now() < end;) {
        CHECK(tq_http_step(s.http, 10 * MS) == TQ_OK);
        for (int fd = tq_http_take_ready(s.http); fd >= 0; fd = tq_http_take_ready(s.http), left--)
            for (int i = 0; i < PAIRS; i++)
                seen[i] |= fds[i][0] == fd;
    }
    for (int i = 0; i < PAIRS; i++)
        CHECK(seen[i] == (i % 2 == 0));
    setup_close(&s);
    for (int i = 0; i < PAIRS; i++) {
        close(fds[i][0]);
        close(fds[i][1]);
    }
}

TEST("what is no open fd cannot be watched where the kernel is asked")
{
    setup s;
    setup_open(&s);
    int err = tq_http_watch_fd(s.http, 1 << 20, TQ_FD_IN);
    CHECK(err == (tq_http_is_pollable() ? TQ_ERR_SYSTEM : TQ_OK));
    setup_close(&s);
}
