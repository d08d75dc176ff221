/* SPDX-License-Identifier: MIT */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H
/* What the tests of the transport share: a client with one target. */
#include <stdlib.h>

#include "base/err.h"
#include "check.h"
#include "clock/clock.h"
#include "http/http.h"
#include "server.h"

#define MS (TQ_SECOND / 1000)
#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static const char *const no_headers[] = {NULL};

static inline tq_http_peer_options options_for(const char *base_url)
{
    return (tq_http_peer_options){.base_url = base_url,
                                  .connect_timeout_ns = TQ_SECOND,
                                  .request_timeout_ns = TQ_SECOND,
                                  .max_response_bytes = 1000,
                                  .max_connections = 8};
}

/* A transport, a peer and one target of it. */
typedef struct client {
    tq_http *http;
    tq_http_peer *peer;
    tq_http_target *target;
} client;

/* The same tests, over a transport with a thread. */
static inline tq_http_mode tested_mode(void)
{
    return getenv("TASKQUEUE_TEST_THREAD") != NULL ? TQ_HTTP_THREADED : TQ_HTTP_IN_PLACE;
}

static int sendings;
static void *last_owner;

static inline void note_sent(void *owner, int64_t now)
{
    (void)now;
    sendings++;
    last_owner = owner;
}

static inline client client_open_with(int port, tq_http_peer_options options)
{
    client c = {0};
    char base_url[64];
    snprintf(base_url, sizeof base_url, "http://127.0.0.1:%d/api", port);
    options.base_url = base_url;
    sendings = 0;
    last_owner = NULL;
    CHECK(tq_http_open(&c.http, note_sent, tested_mode()) == TQ_OK);
    CHECK(tq_http_peer_open(&c.peer, &options) == TQ_OK);
    CHECK(tq_http_target_open(&c.target, c.peer, "/status", no_headers) == TQ_OK);
    return c;
}

static inline client client_open(int port)
{
    return client_open_with(port, options_for(NULL));
}

static inline void client_close(client *c)
{
    tq_http_close(c->http);
    tq_http_target_close(c->target);
    tq_http_peer_close(c->peer);
}

static inline tq_transfer *begin(client *c, const char *body)
{
    tq_transfer *transfer = NULL;
    CHECK(tq_http_begin(c->http, c->peer, &transfer) == TQ_OK);
    CHECK(tq_buf_add_text(tq_transfer_body(transfer), body) == TQ_OK);
    return transfer;
}

static inline tq_transfer *submit(client *c, const char *body)
{
    tq_transfer *transfer = begin(c, body);
    tq_http_submit(transfer, c->target, NULL);
    return transfer;
}

/* Drives the transport until a transfer has ended, for a second at most. */
static inline tq_transfer *await(client *c)
{
    int64_t deadline = tq_clock_now() + TQ_SECOND;
    tq_transfer *transfer = tq_http_take(c->http);
    while (transfer == NULL && tq_clock_now() < deadline) {
        int64_t wait = tq_http_wait_ns(c->http, tq_clock_now());
        CHECK(tq_http_step(c->http, wait < 20 * MS ? wait : 20 * MS) == TQ_OK);
        transfer = tq_http_take(c->http);
    }
    return transfer;
}

/* Drives it for a moment in which nothing is expected to end. */
static inline void step_for(client *c, int64_t span)
{
    for (int64_t end = tq_clock_now() + span; tq_clock_now() < end;)
        CHECK(tq_http_step(c->http, MS) == TQ_OK);
}

/* Drives it until so many requests have gone out. */
static inline void step_until_sent(client *c, int count)
{
    for (int64_t end = tq_clock_now() + TQ_SECOND; sendings < count && tq_clock_now() < end;)
        CHECK(tq_http_step(c->http, MS) == TQ_OK);
    CHECK(sendings == count);
}

/* One request from end to end: its outcome, the transfer released. */
static inline tq_http_outcome ask(client *c, const char *body)
{
    tq_transfer *sent = submit(c, body), *transfer = await(c);
    CHECK(transfer == sent);
    if (transfer == NULL)
        return TQ_HTTP_UNSENT;
    tq_http_outcome outcome = tq_transfer_reply(transfer)->outcome;
    tq_http_release(transfer);
    return outcome;
}

#endif
