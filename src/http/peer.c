/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "clock/clock.h"
#include "http/internal.h"

/* Handles at rest are kept for the next poll up to here; each is about 6 KB. */
enum { IDLE_KEPT = 64, IDLE_BUFFER_KEPT = 64 * 1024 };

/* Copies one string option over itself; false when there is no memory. */
static bool own(const char **option)
{
    if (*option == NULL)
        return true;
    *option = strdup(*option);
    return *option != NULL;
}

static void disown(const char **option)
{
    char *text = (char *)*option;
    if (text != NULL)
        explicit_bzero(text, strlen(text));
    free(text);
    *option = NULL;
}

/* The string options of `o`, each passed to `each`. */
#define STRING_OPTIONS(o)                                                                          \
    {                                                                                              \
        &(o)->base_url, &(o)->ca_file, &(o)->client_cert, &(o)->client_key, &(o)->proxy,           \
            &(o)->user_agent, &(o)->username, &(o)->password                                       \
    }
enum { STRING_OPTION_COUNT = 8 };

static bool own_strings(tq_http_peer_options *options)
{
    const char **strings[STRING_OPTION_COUNT] = STRING_OPTIONS(options);
    bool all = true;
    for (int i = 0; i < STRING_OPTION_COUNT; i++)
        all = own(strings[i]) && all;
    return all;
}

static void free_strings(tq_http_peer_options *options)
{
    const char **strings[STRING_OPTION_COUNT] = STRING_OPTIONS(options);
    for (int i = 0; i < STRING_OPTION_COUNT; i++)
        disown(strings[i]);
}

int tq_http_peer_open(tq_http_peer **out, const tq_http_peer_options *options)
{
    int err = tq_http_check_base_url(options->base_url);
    if (err != TQ_OK)
        return err;
    tq_http_peer *peer = calloc(1, sizeof *peer);
    if (peer == NULL)
        return TQ_ERR_MEMORY;
    peer->options = *options;
    if (!own_strings(&peer->options)) {
        free_strings(&peer->options);
        free(peer);
        return TQ_ERR_MEMORY;
    }
    *out = peer;
    return TQ_OK;
}

void tq_http_peer_close(tq_http_peer *peer)
{
    if (peer == NULL)
        return;
    tq_http_peer_detach(peer);
    free_strings(&peer->options);
    free(peer);
}

bool tq_http_peer_has_room_for(const tq_http_peer *peer, size_t count)
{
    return peer->active + peer->queue.count + count <= peer->options.max_connections;
}

bool tq_http_peer_is_used(const tq_http_peer *peer)
{
    return peer->live.first != NULL || peer->idle.first != NULL;
}

bool tq_http_peer_has_room(const tq_http_peer *peer)
{
    return tq_http_peer_has_room_for(peer, 1);
}

void tq_http_peer_attach(tq_http_peer *peer, tq_http *http)
{
    peer->http = http;
    peer->prev = NULL;
    peer->next = http->peers;
    if (peer->next != NULL)
        peer->next->prev = peer;
    http->peers = peer;
}

static void free_or_doom(tq_transfer *transfer)
{
    if (!transfer->is_pinned) {
        tq_transfer_free(transfer);
        return;
    }
    tq_http_leave_shard(transfer);
    transfer->is_doomed = true;
    transfer->peer = NULL;
}

static void free_list(tq_list *list)
{
    while (list->first != NULL) {
        tq_transfer *transfer = list->first;
        tq_list_remove(list, transfer);
        free_or_doom(transfer);
    }
}

static void free_done(tq_http *http, const tq_http_peer *peer)
{
    for (tq_transfer *transfer = http->done.first, *next; transfer != NULL; transfer = next) {
        next = transfer->next;
        if (transfer->peer != peer)
            continue;
        tq_list_remove(&http->done, transfer);
        free_or_doom(transfer);
    }
}

static void forget_done(tq_http *http, const tq_http_peer *peer)
{
    for (tq_transfer *transfer = http->done.first, *next; transfer != NULL; transfer = next) {
        next = transfer->next;
        if (transfer->peer == peer)
            tq_list_remove(&http->done, transfer);
    }
}

static void begin_to_leave(tq_transfer *transfer)
{
    tq_http_peer *peer = transfer->peer;
    tq_list_remove(&peer->live, transfer);
    transfer->state = TQ_TRANSFER_LEAVING;
    tq_list_append(&peer->leaving, transfer);
}

static void stop_active(tq_http_peer *peer)
{
    for (tq_transfer *transfer = peer->live.first, *next; transfer != NULL; transfer = next) {
        next = transfer->next;
        if (transfer->state == TQ_TRANSFER_ACTIVE && !tq_http_stop(peer->http, transfer))
            begin_to_leave(transfer);
    }
    peer->active = 0;
}

/* Those that are leaving find that they have no peer any more. */
static void let_leave(tq_list *leaving)
{
    while (leaving->first != NULL) {
        tq_transfer *transfer = leaving->first;
        tq_list_remove(leaving, transfer);
        transfer->peer = NULL;
    }
}

static void leave_transport(tq_http_peer *peer)
{
    if (peer->prev != NULL)
        peer->prev->next = peer->next;
    else
        peer->http->peers = peer->next;
    if (peer->next != NULL)
        peer->next->prev = peer->prev;
    peer->http = NULL;
}

void tq_http_peer_abandon(tq_http_peer *peer)
{
    const tq_list none = {0};
    peer->live = peer->queue = peer->idle = peer->leaving = none;
    peer->active = 0;
    leave_transport(peer);
}

void tq_http_peer_detach(tq_http_peer *peer)
{
    tq_http *http = peer->http;
    if (http == NULL)
        return;
    if (tq_http_is_parents(http)) {
        forget_done(http, peer);
        tq_http_peer_abandon(peer);
        return;
    }
    stop_active(peer);
    free_list(&peer->live);
    free_list(&peer->queue);
    free_list(&peer->idle);
    let_leave(&peer->leaving);
    free_done(http, peer);
    leave_transport(peer);
}

void tq_http_fail_unstarted(tq_transfer *transfer)
{
    transfer->reply.ended_ns = tq_clock_now();
    tq_transfer_end(transfer, CURLE_OUT_OF_MEMORY);
    transfer->state = TQ_TRANSFER_DONE;
    tq_list_append(&transfer->peer->http->done, transfer);
}

void tq_http_peer_advance(tq_http_peer *peer)
{
    while (peer->queue.first != NULL && peer->active < peer->options.max_connections) {
        tq_transfer *transfer = peer->queue.first;
        tq_list_remove(&peer->queue, transfer);
        if (tq_http_start(peer->http, transfer) != TQ_OK) {
            tq_http_fail_unstarted(transfer);
            continue;
        }
        transfer->state = TQ_TRANSFER_ACTIVE;
        tq_list_append(&peer->live, transfer);
        peer->active++;
    }
}

int tq_http_begin(tq_http *http, tq_http_peer *peer, tq_transfer **out)
{
    if (peer->http == NULL)
        tq_http_peer_attach(peer, http);
    tq_transfer *transfer = peer->idle.last;
    if (transfer != NULL) {
        tq_list_remove(&peer->idle, transfer);
    } else {
        int err = tq_transfer_new(peer, &transfer);
        if (err != TQ_OK)
            return err;
    }
    transfer->state = TQ_TRANSFER_BEGUN;
    tq_list_append(&peer->live, transfer);
    *out = transfer;
    return TQ_OK;
}

/* Out of whatever list it is in. False when a thread still has it; `advance` is set when there is
 * room for another one. */
static bool take_out(tq_transfer *transfer, bool *advance)
{
    tq_http_peer *peer = transfer->peer;
    *advance = transfer->state == TQ_TRANSFER_ACTIVE;
    if (*advance) {
        peer->active--;
        if (!tq_http_stop(peer->http, transfer)) {
            begin_to_leave(transfer);
            return false;
        }
    }
    if (transfer->state == TQ_TRANSFER_QUEUED)
        tq_list_remove(&peer->queue, transfer);
    else if (transfer->state == TQ_TRANSFER_DONE)
        tq_list_remove(&peer->http->done, transfer);
    else
        tq_list_remove(&peer->live, transfer);
    return true;
}

static bool is_reusable(const tq_transfer *transfer)
{
    return transfer->mime == NULL && transfer->peer->idle.count < IDLE_KEPT;
}

static void empty(tq_buf *buf)
{
    if (buf->capacity > IDLE_BUFFER_KEPT)
        tq_buf_free(buf);
    else
        tq_buf_wipe(buf);
}

static void rest(tq_transfer *transfer)
{
    tq_http_target_close(transfer->own_target);
    transfer->own_target = NULL;
    tq_transfer_set_fence(transfer, NULL);
    transfer->owner = NULL;
    tq_transfer_set_gate(transfer, NULL);
    tq_transfer_expect(transfer, (tq_mark){0});
    transfer->send_once = false;
    transfer->times_sent = 0;
    transfer->state = TQ_TRANSFER_IDLE;
    empty(&transfer->request);
    empty(&transfer->body);
    tq_list_append(&transfer->peer->idle, transfer);
}

static void rest_or_free(tq_transfer *transfer)
{
    if (is_reusable(transfer))
        rest(transfer);
    else
        tq_transfer_free(transfer);
}

void tq_http_reclaim(tq_transfer *transfer)
{
    if (transfer->peer == NULL) {
        tq_transfer_free(transfer);
        return;
    }
    tq_list_remove(&transfer->peer->leaving, transfer);
    rest_or_free(transfer);
}

void tq_http_release(tq_transfer *transfer)
{
    tq_http_peer *peer = transfer->peer;
    bool advance;
    if (transfer->is_pinned) {
        transfer->is_doomed = true;
        return;
    }
    /* Its connection is the parent's; there is only nobody any more who would hear of it. */
    if (tq_http_is_parents(transfer->http)) {
        transfer->owner = NULL;
        return;
    }
    if (take_out(transfer, &advance))
        rest_or_free(transfer);
    if (advance)
        tq_http_peer_advance(peer);
}

void tq_transfer_pin(tq_transfer *transfer)
{
    transfer->is_pinned = true;
}

bool tq_transfer_unpin(tq_transfer *transfer)
{
    bool is_doomed = transfer->is_doomed;
    transfer->is_pinned = transfer->is_doomed = false;
    if (is_doomed && transfer->peer != NULL)
        tq_http_release(transfer);
    else if (is_doomed)
        tq_transfer_free(transfer);
    return !is_doomed;
}
