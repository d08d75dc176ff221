/* SPDX-License-Identifier: MIT */
/* Requests that are answered in this process, without a network: for simulated time. */
#include <stdio.h>

#include "base/err.h"
#include "clock/clock.h"
#include "http/internal.h"

void tq_http_play(tq_http *http, bool is_played)
{
    http->is_played = is_played;
}

void tq_play_start(tq_http *http, tq_transfer *transfer)
{
    tq_transfer **end = &http->played;
    while (*end != NULL)
        end = &(*end)->next_played;
    *end = transfer;
    transfer->next_played = NULL;
    transfer->is_played = true;
    transfer->is_asked = false;
    transfer->number = ++http->played_count;
    http->in_flight++;
    tq_transfer_note_sent(transfer, tq_clock_now());
}

void tq_play_stop(tq_http *http, tq_transfer *transfer)
{
    tq_transfer **link = &http->played;
    while (*link != transfer)
        link = &(*link)->next_played;
    *link = transfer->next_played;
    transfer->is_played = false;
}

bool tq_http_next_request(tq_http *http, tq_http_request *out)
{
    tq_transfer *transfer = http->played;
    while (transfer != NULL && transfer->is_asked)
        transfer = transfer->next_played;
    if (transfer == NULL)
        return false;
    transfer->is_asked = true;
    *out = (tq_http_request){
        .number = transfer->number,
        .url = transfer->target->text,
        .body = transfer->request.data != NULL ? transfer->request.data : "",
        .body_len = transfer->request.len,
    };
    return true;
}

static tq_transfer *find(tq_http *http, uint64_t number)
{
    tq_transfer *transfer = http->played;
    while (transfer != NULL && transfer->number != number)
        transfer = transfer->next_played;
    return transfer;
}

int tq_http_answer(tq_http *http, uint64_t number, const tq_http_reply *reply)
{
    tq_transfer *transfer = find(http, number);
    if (transfer == NULL)
        return TQ_OK;
    int err = tq_buf_add(&transfer->body, reply->body, reply->body_len);
    if (err != TQ_OK)
        return err;
    int64_t sent_ns = transfer->reply.sent_ns;
    transfer->reply = *reply;
    transfer->reply.sent_ns = sent_ns;
    transfer->reply.body = transfer->body.data != NULL ? transfer->body.data : "";
    if (reply->error != NULL) {
        snprintf(transfer->error, sizeof transfer->error, "%s", reply->error);
        transfer->reply.error = transfer->error;
    }
    transfer->reply.ended_ns = tq_clock_now();
    if (reply->outcome == TQ_HTTP_ANSWERED)
        tq_transfer_mark(transfer, (int32_t)reply->status);
    tq_play_stop(http, transfer);
    tq_http_finish(http, transfer);
    return TQ_OK;
}
