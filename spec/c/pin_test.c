/* SPDX-License-Identifier: MIT */
/* What becomes of transfers while somebody reads them, and of those beside them. */
#include "base/err.h"
#include "check.h"
#include "clock/clock.h"
#include "http/http.h"
#include "server.h"

static const answer hello = {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 0, false};
static const char *const no_headers[] = {NULL};

static server srv;
static tq_http *http;

static tq_http_peer *open_peer(int64_t timeout_ns)
{
    tq_http_peer *peer = NULL;
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", srv.port);
    tq_http_peer_options options = {.base_url = url,
                                    .connect_timeout_ns = timeout_ns,
                                    .request_timeout_ns = timeout_ns,
                                    .max_response_bytes = 1000,
                                    .max_connections = 2};
    CHECK(tq_http_peer_open(&peer, &options) == TQ_OK);
    return peer;
}

/* One request with its target; the peers of two of them can both have ended ones. */
static tq_transfer *submit(tq_http_peer *peer)
{
    tq_transfer *transfer = NULL;
    tq_http_target *target = NULL;
    CHECK(tq_http_target_open(&target, peer, "x", no_headers) == TQ_OK);
    CHECK(tq_http_begin(http, peer, &transfer) == TQ_OK);
    tq_transfer_own_target(transfer, target);
    tq_http_submit(transfer, NULL, NULL);
    return transfer;
}

/* Steps until nothing is in flight; what has ended is left to be taken. */
static void step_to_end(void)
{
    while (tq_http_in_flight(http) > 0)
        CHECK(tq_http_step(http, 20 * TQ_SECOND / 1000) == TQ_OK);
}

static tq_http_peer *begin(void)
{
    CHECK(server_start(&srv, &hello, 1));
    CHECK(tq_http_open(&http, NULL, TQ_HTTP_IN_PLACE) == TQ_OK);
    return open_peer(60 * TQ_SECOND);
}

static void finish(tq_http_peer *peer)
{
    tq_http_peer_close(peer);
    tq_http_close(http);
    server_stop(&srv);
}

TEST("a pinned transfer that is released can be read until it is unpinned")
{
    tq_http_peer *peer = begin();
    tq_transfer *transfer = submit(peer);
    step_to_end();
    CHECK(tq_http_take(http) == transfer);
    tq_transfer_pin(transfer);
    tq_http_release(transfer);
    CHECK(strcmp(tq_transfer_reply(transfer)->body, "hello") == 0);
    CHECK(!tq_transfer_unpin(transfer));
    CHECK(submit(peer) == transfer);
    finish(peer);
}

TEST("a pinned transfer outlives its peer")
{
    tq_http_peer *peer = begin();
    tq_transfer *transfer = submit(peer);
    step_to_end();
    CHECK(tq_http_take(http) == transfer);
    tq_transfer_pin(transfer);
    tq_http_peer_close(peer);
    CHECK(strcmp(tq_transfer_reply(transfer)->body, "hello") == 0);
    CHECK(!tq_transfer_unpin(transfer));
    finish(NULL);
}

TEST("what ended for one peer is there when another is closed")
{
    tq_http_peer *peer = begin(), *other = open_peer(60 * TQ_SECOND);
    submit(other);
    step_to_end();
    tq_transfer *transfer = submit(peer);
    step_to_end();
    submit(other);
    step_to_end();
    tq_http_peer_close(other);
    CHECK(tq_http_take(http) == transfer && tq_http_take(http) == NULL);
    CHECK(transfer != NULL && tq_transfer_reply(transfer)->outcome == TQ_HTTP_ANSWERED);
    finish(peer);
}

TEST("a time that libcurl cannot count, or none, is no time-out at once")
{
    tq_http_peer *peer = begin();
    const int64_t times[] = {TQ_NEVER, TQ_NEVER / 2};
    for (size_t i = 0; i < 2; i++) {
        tq_http_peer *patient = open_peer(times[i]);
        tq_transfer *transfer = submit(patient);
        step_to_end();
        CHECK(tq_http_take(http) == transfer);
        CHECK(tq_transfer_reply(transfer)->outcome == TQ_HTTP_ANSWERED);
        tq_http_peer_close(patient);
    }
    finish(peer);
}
