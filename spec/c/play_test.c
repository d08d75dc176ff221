/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/err.h"
#include "check.h"
#include "clock/clock.h"
#include "http/http.h"

static int sent;

static void on_sent(void *owner, int64_t now)
{
    (void)owner;
    (void)now;
    sent++;
}

typedef struct setup {
    tq_http *http;
    tq_http_peer *peer;
    tq_http_target *target;
} setup;

static setup open_played(size_t max_connections)
{
    static const char *const no_headers[] = {NULL};
    const tq_http_peer_options options = {.base_url = "https://service.test",
                                          .connect_timeout_ns = TQ_SECOND,
                                          .request_timeout_ns = TQ_SECOND,
                                          .max_response_bytes = 10,
                                          .max_connections = max_connections};
    setup s;
    sent = 0;
    CHECK(tq_http_open(&s.http, on_sent, TQ_HTTP_IN_PLACE) == TQ_OK);
    CHECK(tq_http_peer_open(&s.peer, &options) == TQ_OK);
    CHECK(tq_http_target_open(&s.target, s.peer, "/path", no_headers) == TQ_OK);
    tq_http_play(s.http, true);
    return s;
}

static void close_played(setup *s)
{
    tq_http_peer_close(s->peer);
    tq_http_target_close(s->target);
    tq_http_close(s->http);
}

static tq_transfer *submit(setup *s, const char *body)
{
    tq_transfer *transfer;
    CHECK(tq_http_begin(s->http, s->peer, &transfer) == TQ_OK);
    CHECK(tq_buf_add_text(tq_transfer_body(transfer), body) == TQ_OK);
    tq_http_submit(transfer, s->target, NULL);
    return transfer;
}

static const tq_http_reply hello = {.outcome = TQ_HTTP_ANSWERED,
                                    .status = 200,
                                    .retry_after_ns = -1,
                                    .body = "hello",
                                    .body_len = 5};

TEST("a played request is handed out once, and its answer is taken like any other")
{
    setup s = open_played(8);
    tq_http_request request;
    CHECK(!tq_http_next_request(s.http, &request));
    tq_transfer *transfer = submit(&s, "id=1");
    CHECK(sent == 1 && tq_http_in_flight(s.http) == 1 && tq_http_wait_ns(s.http, 0) == 0);
    CHECK(tq_http_next_request(s.http, &request));
    CHECK(strcmp(request.url, "https://service.test/path") == 0);
    CHECK(request.body_len == 4 && memcmp(request.body, "id=1", 4) == 0);
    CHECK(!tq_http_next_request(s.http, &request) && tq_http_wait_ns(s.http, 0) == TQ_NEVER);
    CHECK(tq_http_take(s.http) == NULL);
    CHECK(tq_http_answer(s.http, request.number, &hello) == TQ_OK);
    CHECK(tq_http_wait_ns(s.http, 0) == 0 && tq_http_in_flight(s.http) == 0);
    CHECK(tq_http_take(s.http) == transfer);
    const tq_http_reply *reply = tq_transfer_reply(transfer);
    CHECK(reply->status == 200 && strcmp(reply->body, "hello") == 0 && reply->sent_ns > 0);
    tq_http_release(transfer);
    close_played(&s);
}

TEST("answers may come in any order, and one for nobody is let pass")
{
    setup s = open_played(8);
    tq_http_request requests[3];
    tq_transfer *transfers[3];
    for (int i = 0; i < 3; i++)
        transfers[i] = submit(&s, "x");
    for (int i = 0; i < 3; i++)
        CHECK(tq_http_next_request(s.http, &requests[i]));
    CHECK(tq_http_answer(s.http, requests[1].number, &hello) == TQ_OK);
    CHECK(tq_http_answer(s.http, requests[1].number, &hello) == TQ_OK);
    tq_http_release(transfers[0]);
    CHECK(tq_http_answer(s.http, requests[0].number, &hello) == TQ_OK);
    CHECK(tq_http_answer(s.http, 99, &hello) == TQ_OK);
    CHECK(tq_http_take(s.http) == transfers[1] && tq_http_take(s.http) == NULL);
    CHECK(tq_http_answer(s.http, requests[2].number, &hello) == TQ_OK);
    CHECK(tq_http_take(s.http) == transfers[2]);
    CHECK(tq_http_in_flight(s.http) == 0);
    close_played(&s);
}

TEST("a failure of the network can be played, with its text")
{
    setup s = open_played(8);
    tq_http_request request;
    tq_transfer *transfer = submit(&s, "");
    const tq_http_reply broken = {
        .outcome = TQ_HTTP_NETWORK, .error = "no answer", .retry_after_ns = -1, .body = ""};
    CHECK(tq_http_next_request(s.http, &request) && request.body_len == 0);
    CHECK(tq_http_answer(s.http, request.number, &broken) == TQ_OK);
    CHECK(tq_http_take(s.http) == transfer);
    CHECK(tq_transfer_reply(transfer)->outcome == TQ_HTTP_NETWORK);
    CHECK(strcmp(tq_transfer_reply(transfer)->error, "no answer") == 0);
    close_played(&s);
}

TEST("requests queue for room as they do for connections")
{
    setup s = open_played(1);
    tq_http_request request;
    tq_transfer *first = submit(&s, "1"), *second = submit(&s, "2");
    CHECK(!tq_http_peer_has_room(s.peer) && tq_http_in_flight(s.http) == 1);
    CHECK(tq_http_next_request(s.http, &request) && request.body[0] == '1');
    CHECK(!tq_http_next_request(s.http, &request));
    CHECK(tq_http_answer(s.http, request.number, &hello) == TQ_OK);
    CHECK(tq_http_next_request(s.http, &request) && request.body[0] == '2');
    CHECK(tq_http_answer(s.http, request.number, &hello) == TQ_OK);
    CHECK(tq_http_take(s.http) == first && tq_http_take(s.http) == second);
    close_played(&s);
}

TEST("a reply that is too large is refused, and what is not answered ends with its peer")
{
    setup s = open_played(8);
    tq_http_request request;
    const tq_http_reply large = {
        .outcome = TQ_HTTP_ANSWERED, .status = 200, .body = "eleven byte", .body_len = 11};
    submit(&s, "1");
    submit(&s, "2");
    CHECK(tq_http_next_request(s.http, &request));
    CHECK(tq_http_answer(s.http, request.number, &large) == TQ_ERR_TOO_BIG);
    CHECK(tq_http_in_flight(s.http) == 2);
    tq_http_peer_close(s.peer);
    CHECK(tq_http_in_flight(s.http) == 0 && !tq_http_next_request(s.http, &request));
    tq_http_target_close(s.target);
    tq_http_close(s.http);
}
