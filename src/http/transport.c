/* SPDX-License-Identifier: MIT */
/* libcurl's multi handles: what goes into them, and what has ended. */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fork.h"
#include "clock/clock.h"
#include "http/thread.h"

/* The pool must not shrink with the number of transfers, as libcurl's default does. */
enum { POOLED_CONNECTIONS = 4096 };

/* From so many transfers on another shard costs less than it saves: it has a store of certificates
 * and an address cache of its own. */
enum { SHARD_SIZE = 64 };

/* When libcurl wants to be called is known to the thread alone; but as long as something is in
 * flight there is something to come, and no program must take the transport for idle. */
#define PRESENCE (10 * TQ_SECOND)

static void init_libcurl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static bool open_shard(tq_http *http)
{
    CURLM *multi = curl_multi_init();
    if (multi == NULL)
        return false;
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)POOLED_CONNECTIONS);
    /* A thread takes it over with the first request on it. */
    if (http->thread == NULL)
        tq_driver_add(http->driver, multi);
    http->shards[http->shard_count++] = (tq_shard){.multi = multi};
    return true;
}

static int open_driver(tq_http *http, tq_http_mode mode)
{
    bool is_threaded = mode == TQ_HTTP_THREADED;
    int err = tq_driver_open(&http->driver, is_threaded ? TQ_DRIVER_WOKEN : TQ_DRIVER_WATCHED);
    if (err != TQ_OK)
        return err;
    if (is_threaded)
        err = tq_thread_open(http);
    if (err == TQ_OK && open_shard(http))
        return TQ_OK;
    if (http->thread != NULL)
        tq_thread_close(http->thread);
    tq_driver_close(http->driver);
    return err == TQ_OK ? TQ_ERR_MEMORY : err;
}

int tq_http_open(tq_http **out, tq_http_on_sent *on_sent, tq_http_mode mode)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_libcurl);
    tq_http *http = calloc(1, sizeof *http);
    if (http == NULL)
        return TQ_ERR_MEMORY;
    http->on_sent = on_sent;
    http->forks = tq_forks();
    http->has_key = getentropy(&http->key, sizeof http->key) == 0;
    int err = open_driver(http, mode);
    if (err != TQ_OK) {
        free(http);
        return err;
    }
    *out = http;
    return TQ_OK;
}

bool tq_http_is_parents(const tq_http *http)
{
    return http->forks != tq_forks();
}

static void lose(const tq_list *list, tq_http_on_lost *lost)
{
    for (const tq_transfer *transfer = list->first; transfer != NULL; transfer = transfer->next)
        if (lost != NULL && transfer->owner != NULL && transfer->state != TQ_TRANSFER_BEGUN)
            lost(transfer->owner);
}

void tq_http_abandon(tq_http *http, tq_http_on_lost *lost)
{
    lose(&http->done, lost);
    while (http->peers != NULL) {
        lose(&http->peers->live, lost);
        lose(&http->peers->queue, lost);
        tq_http_peer_abandon(http->peers);
    }
}

void tq_http_close(tq_http *http)
{
    /* Connections, epoll set and thread are the parent's. */
    if (tq_http_is_parents(http)) {
        tq_http_abandon(http, NULL);
        return;
    }
    while (http->peers != NULL)
        tq_http_peer_detach(http->peers);
    if (http->thread != NULL) {
        tq_thread_stop(http->thread);
        /* What it hands back is nobody's any more. */
        (void)tq_thread_step(http->thread, 0);
        tq_thread_close(http->thread);
    }
    for (size_t i = 0; i < http->shard_count; i++)
        curl_multi_cleanup(http->shards[i].multi);
    tq_driver_close(http->driver);
    free(http);
}

bool tq_http_is_pollable(void)
{
    return tq_driver_has_fd();
}

int tq_http_fd(const tq_http *http)
{
    if (http->thread != NULL)
        return tq_thread_fd(http->thread);
    return tq_driver_fd(http->driver);
}

size_t tq_http_in_flight(const tq_http *http)
{
    return http->in_flight;
}

size_t tq_http_ended(const tq_http *http)
{
    return http->done.count;
}

int64_t tq_http_wait_ns(const tq_http *http, int64_t now)
{
    if (http->done.count > 0)
        return 0;
    for (const tq_transfer *played = http->played; played != NULL; played = played->next_played)
        if (!played->is_asked)
            return 0;
    if (http->thread != NULL)
        return tq_thread_has_news(http->thread) ? 0 : http->in_flight > 0 ? PRESENCE : TQ_NEVER;
    return tq_driver_has_ready(http->driver) ? 0 : tq_driver_wait_ns(http->driver, now);
}

void tq_http_arm(tq_http *http, int64_t at_ns)
{
    if (http->thread != NULL)
        tq_thread_arm(http->thread, at_ns);
    else
        tq_driver_arm(http->driver, at_ns);
}

int tq_http_listen(tq_http *http, const char *directory, const char **path)
{
    return http->thread != NULL ? tq_thread_listen(http->thread, directory, path) : TQ_ERR_INVALID;
}

int tq_http_hang(tq_http *http)
{
    return http->thread != NULL ? tq_thread_hang(http->thread) : TQ_ERR_INVALID;
}

void tq_http_unhang(tq_http *http)
{
    if (http->thread != NULL)
        tq_thread_unhang(http->thread);
}

int tq_http_watch_fd(tq_http *http, int fd, int wanted)
{
    if (http->thread != NULL)
        return tq_thread_watch_fd(http->thread, fd, wanted);
    return tq_driver_watch(http->driver, fd, wanted);
}

void tq_http_unwatch_fd(tq_http *http, int fd)
{
    if (http->thread != NULL)
        tq_thread_unwatch_fd(http->thread, fd);
    else
        tq_driver_unwatch(http->driver, fd);
}

int tq_http_take_ready(tq_http *http)
{
    if (http->thread != NULL)
        return tq_thread_take_ready(http->thread);
    return tq_driver_take_ready(http->driver);
}

static tq_shard *first_with_room(tq_http *http)
{
    for (size_t i = 0; i < http->shard_count; i++)
        if (http->shards[i].transfers < SHARD_SIZE)
            return &http->shards[i];
    return NULL;
}

static tq_shard *emptiest(tq_http *http)
{
    tq_shard *least = &http->shards[0];
    for (size_t i = 1; i < http->shard_count; i++)
        if (http->shards[i].transfers < least->transfers)
            least = &http->shards[i];
    return least;
}

void tq_http_join_shard(tq_http *http, tq_transfer *transfer)
{
    tq_shard *shard = first_with_room(http);
    if (shard == NULL && http->shard_count < tq_driver_most() && open_shard(http))
        shard = &http->shards[http->shard_count - 1];
    transfer->shard = shard != NULL ? shard : emptiest(http);
    transfer->shard->transfers++;
}

bool tq_http_can_wait(const tq_http *http)
{
    return http->thread != NULL && !http->is_played;
}

void tq_http_leave_shard(tq_transfer *transfer)
{
    if (transfer->shard != NULL)
        transfer->shard->transfers--;
    transfer->shard = NULL;
}

int tq_http_start(tq_http *http, tq_transfer *transfer)
{
    if (http->is_played) {
        tq_play_start(http, transfer);
        return TQ_OK;
    }
    int err = TQ_OK;
    if (http->thread != NULL)
        err = tq_thread_post(http->thread, transfer);
    else if (curl_multi_add_handle(transfer->shard->multi, transfer->easy) != CURLM_OK)
        err = TQ_ERR_MEMORY;
    if (err == TQ_OK)
        http->in_flight++;
    return err;
}

bool tq_http_stop(tq_http *http, tq_transfer *transfer)
{
    http->in_flight--;
    if (transfer->is_played) {
        tq_play_stop(http, transfer);
    } else if (http->thread != NULL) {
        tq_thread_recall(http->thread, transfer);
        return false;
    } else {
        curl_multi_remove_handle(transfer->shard->multi, transfer->easy);
    }
    return true;
}

void tq_http_finish(tq_http *http, tq_transfer *transfer)
{
    tq_http_peer *peer = transfer->peer;
    http->in_flight--;
    peer->active--;
    tq_list_remove(&peer->live, transfer);
    transfer->state = TQ_TRANSFER_DONE;
    tq_list_append(&http->done, transfer);
    tq_http_peer_advance(peer);
}

static void collect_from(tq_http *http, CURLM *multi, tq_http_finisher *finish)
{
    int left;
    for (CURLMsg *message = curl_multi_info_read(multi, &left); message != NULL;
         message = curl_multi_info_read(multi, &left)) {
        tq_transfer *transfer = NULL;
        CURLcode result = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        finish(http, transfer, result);
    }
}

void tq_http_collect(tq_http *http, tq_http_finisher *finish)
{
    for (CURLM *multi = tq_driver_take_acted(http->driver); multi != NULL;
         multi = tq_driver_take_acted(http->driver))
        collect_from(http, multi, finish);
}

void tq_http_note_end(tq_transfer *transfer, CURLcode result, int64_t now)
{
    long status = 0;
    transfer->reply.ended_ns = now;
    if (result != CURLE_OK || !transfer->headers.has_end)
        return;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    tq_transfer_mark(transfer, (int32_t)status);
}

static void finish_here(tq_http *http, tq_transfer *transfer, CURLcode result)
{
    tq_http_note_end(transfer, result, tq_clock_now());
    tq_transfer_end(transfer, result);
    curl_multi_remove_handle(transfer->shard->multi, transfer->easy);
    tq_http_finish(http, transfer);
}

void tq_http_hear_sent(tq_http *http)
{
    if (http->thread != NULL)
        tq_thread_hear_sent(http->thread);
}

void tq_http_kick(tq_http *http)
{
    if (http->thread != NULL)
        tq_thread_kick(http->thread);
    else if (tq_driver_kick(http->driver))
        tq_http_collect(http, finish_here);
}

int tq_http_step(tq_http *http, int64_t wait_ns)
{
    if (http->thread != NULL)
        return tq_thread_step(http->thread, wait_ns);
    int err = tq_driver_step(http->driver, wait_ns);
    tq_http_collect(http, finish_here);
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
