/* SPDX-License-Identifier: MIT */
/* The transport as a foreign loop drives it: by its fd and its time. */
#include "http_client.h"

static server srv; /* one at a time; its log is large */

static bool is_readable(int fd, int timeout_ms)
{
    struct pollfd pollfd = {.fd = fd, .events = POLLIN};
    return poll(&pollfd, 1, timeout_ms) == 1;
}

TEST("arming makes the fd readable at its time, and a step makes it quiet again")
{
    if (!tq_http_is_pollable())
        return;
    client c = client_open(1);
    CHECK(!is_readable(tq_http_fd(c.http), 0));
    int64_t at = tq_clock_now() + 5 * MS;
    tq_http_arm(c.http, at);
    CHECK(is_readable(tq_http_fd(c.http), 50) && tq_clock_now() >= at);
    CHECK(tq_http_step(c.http, 0) == TQ_OK);
    CHECK(!is_readable(tq_http_fd(c.http), 0));
    client_close(&c);
}

TEST("a loop that watches only the fd and arms it gets the whole reply")
{
    if (!tq_http_is_pollable())
        return;
    const answer script[] = {{.bytes = HELLO}};
    CHECK(server_start(&srv, script, 1));
    client c = client_open(srv.port);
    submit(&c, "x");
    tq_transfer *transfer = NULL;
    for (int i = 0; i < 20 && transfer == NULL; i++) {
        int64_t now = tq_clock_now(), wait = tq_http_wait_ns(c.http, now);
        if (wait != TQ_NEVER)
            tq_http_arm(c.http, now + wait);
        CHECK(is_readable(tq_http_fd(c.http), 500));
        CHECK(tq_http_step(c.http, 0) == TQ_OK);
        transfer = tq_http_take(c.http);
    }
    CHECK(transfer != NULL && tq_transfer_reply(transfer)->outcome == TQ_HTTP_ANSWERED);
    client_close(&c);
    server_stop(&srv);
}

TEST("a kick starts what was submitted without a step")
{
    int fd, port = listen_in_silence(&fd);
    client c = client_open(port);
    submit(&c, "x");
    /* A thread has begun already. */
    CHECK(tested_mode() == TQ_HTTP_THREADED || tq_http_wait_ns(c.http, tq_clock_now()) == 0);
    tq_http_kick(c.http);
    CHECK(tested_mode() == TQ_HTTP_THREADED || tq_http_wait_ns(c.http, tq_clock_now()) > 0);
    step_until_sent(&c, 1);
    client_close(&c);
    close(fd);
}
