/* SPDX-License-Identifier: MIT */
/* Any bytes as what a server sends, through the whole http room: libcurl, poller, reply. */
#include <string.h>

#include "base/err.h"
#include "clock/clock.h"
#include "fuzz.h"
#include "http/http.h"
#include "wire.h"

enum { LARGEST_BODY = 4096 };

static void check_reply(const tq_http_reply *reply)
{
    MUST(reply->outcome <= TQ_HTTP_UNSENT);
    MUST((reply->outcome == TQ_HTTP_ANSWERED) == (reply->error == NULL));
    MUST(reply->outcome != TQ_HTTP_ANSWERED || (reply->status >= 100 && reply->status <= 999));
    MUST(reply->body_len <= LARGEST_BODY && reply->body[reply->body_len] == '\0');
    MUST(reply->retry_after_ns >= -1);
    if (reply->error == NULL)
        return;
    MUST(reply->error[0] != '\0' && strpbrk(reply->error, "\r\n") == NULL);
}

static void send_one(tq_http *http, tq_http_peer *peer, const tq_http_target *target, bool once)
{
    tq_transfer *transfer;
    MUST(tq_http_begin(http, peer, &transfer) == TQ_OK);
    MUST(tq_buf_add_text(tq_transfer_body(transfer), "id=1") == TQ_OK);
    if (once)
        tq_transfer_send_once(transfer);
    tq_http_submit(transfer, target, NULL);
    tq_transfer *ended;
    while ((ended = tq_http_take(http)) == NULL)
        MUST(tq_http_step(http, tq_http_wait_ns(http, tq_clock_now())) == TQ_OK);
    MUST(ended == transfer && tq_http_in_flight(http) == 0);
    check_reply(tq_transfer_reply(transfer));
    tq_http_release(transfer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const headers[] = {"Accept: application/json", NULL};
    static const tq_http_peer_options options = {
        .base_url = "http://127.0.0.1:1/",
        .connect_timeout_ns = TQ_SECOND,
        .request_timeout_ns = TQ_SECOND,
        .max_response_bytes = LARGEST_BODY,
        .max_connections = 2,
    };
    tq_http *http;
    tq_http_peer *peer;
    tq_http_target *target;
    MUST(tq_http_open(&http, NULL, TQ_HTTP_IN_PLACE) == TQ_OK);
    MUST(tq_http_peer_open(&peer, &options) == TQ_OK);
    MUST(tq_http_target_open(&target, peer, "status", headers) == TQ_OK);
    wire_answer(data, size);
    /* The second may go on the connection of the first, with what is left on it. */
    send_one(http, peer, target, false);
    send_one(http, peer, target, true);
    tq_http_target_close(target);
    tq_http_peer_close(peer);
    tq_http_close(http);
    wire_reset();
    return 0;
}
