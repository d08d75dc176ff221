/* SPDX-License-Identifier: MIT */
/* libcurl's multi handle: what goes into it, and what has ended. */
#include <pthread.h>
#include <stdlib.h>

#include "base/err.h"
#include "http/internal.h"

/* The pool must not shrink with the number of transfers, as libcurl's default does. */
enum { POOLED_CONNECTIONS = 4096 };

static void init_libcurl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static int open_multi(tq_http *http)
{
    http->multi = curl_multi_init();
    if (http->multi == NULL)
        return TQ_ERR_MEMORY;
    curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)POOLED_CONNECTIONS);
    return tq_driver_open(&http->driver, http->multi);
}

int tq_http_open(tq_http **out, tq_http_on_sent *on_sent)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_libcurl);
    tq_http *http = calloc(1, sizeof *http);
    if (http == NULL)
        return TQ_ERR_MEMORY;
    http->on_sent = on_sent;
    int err = open_multi(http);
    if (err != TQ_OK) {
        curl_multi_cleanup(http->multi);
        free(http);
        return err;
    }
    *out = http;
    return TQ_OK;
}

void tq_http_close(tq_http *http)
{
    while (http->peers != NULL)
        tq_http_peer_detach(http->peers);
    curl_multi_cleanup(http->multi);
    tq_driver_close(http->driver);
    curl_free(http->played_url);
    free(http);
}

bool tq_http_is_pollable(void)
{
    return tq_driver_has_fd();
}

int tq_http_fd(const tq_http *http)
{
    return tq_driver_fd(http->driver);
}

size_t tq_http_in_flight(const tq_http *http)
{
    return http->in_flight;
}

int64_t tq_http_wait_ns(const tq_http *http, int64_t now)
{
    if (http->done.count > 0)
        return 0;
    for (const tq_transfer *played = http->played; played != NULL; played = played->next_played)
        if (!played->is_asked)
            return 0;
    return tq_driver_wait_ns(http->driver, now);
}

void tq_http_arm(tq_http *http, int64_t at_ns)
{
    tq_driver_arm(http->driver, at_ns);
}

int tq_http_start(tq_http *http, tq_transfer *transfer)
{
    if (http->is_played) {
        tq_play_start(http, transfer);
        return TQ_OK;
    }
    if (curl_multi_add_handle(http->multi, transfer->easy) != CURLM_OK)
        return TQ_ERR_MEMORY;
    http->in_flight++;
    return TQ_OK;
}

void tq_http_stop(tq_http *http, tq_transfer *transfer)
{
    if (transfer->is_played)
        tq_play_stop(http, transfer);
    else
        curl_multi_remove_handle(http->multi, transfer->easy);
    http->in_flight--;
}

void tq_http_finish(tq_http *http, tq_transfer *transfer)
{
    tq_http_peer *peer = transfer->peer;
    tq_http_stop(http, transfer);
    peer->active--;
    tq_list_remove(&peer->live, transfer);
    transfer->state = TQ_TRANSFER_DONE;
    tq_list_append(&http->done, transfer);
    tq_http_peer_advance(peer);
}

static void collect(tq_http *http)
{
    int left;
    for (CURLMsg *message = curl_multi_info_read(http->multi, &left); message != NULL;
         message = curl_multi_info_read(http->multi, &left)) {
        tq_transfer *transfer = NULL;
        CURLcode result = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        tq_transfer_end(transfer, result);
        tq_http_finish(http, transfer);
    }
}

void tq_http_kick(tq_http *http)
{
    if (tq_driver_kick(http->driver))
        collect(http);
}

int tq_http_step(tq_http *http, int64_t wait_ns)
{
    int err = tq_driver_step(http->driver, wait_ns);
    collect(http);
    tq_http_kick(http);
    return err;
}

tq_transfer *tq_http_take(tq_http *http)
{
    tq_transfer *transfer = http->done.first;
    if (transfer == NULL)
        return NULL;
    tq_list_remove(&http->done, transfer);
    transfer->state = TQ_TRANSFER_TAKEN;
    tq_list_append(&transfer->peer->live, transfer);
    return transfer;
}
