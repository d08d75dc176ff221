/* SPDX-License-Identifier: MIT */
/* libcurl's multi handle, driven by socket actions. Its callbacks note and return. */
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "clock/clock.h"
#include "http/internal.h"

/* The pool must not shrink with the number of transfers, as libcurl's default does. */
enum { POOLED_CONNECTIONS = 4096 };

static void init_libcurl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *unused)
{
    (void)easy;
    (void)unused;
    tq_http *http = data;
    int wanted = (what == CURL_POLL_IN || what == CURL_POLL_INOUT ? TQ_POLL_IN : 0) |
                 (what == CURL_POLL_OUT || what == CURL_POLL_INOUT ? TQ_POLL_OUT : 0);
    /* A socket that cannot be watched ends with its transfer's time-out. */
    (void)tq_poller_want(&http->poller, fd, wanted);
    return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *data)
{
    (void)multi;
    tq_http *http = data;
    http->timer_ns = timeout_ms < 0
                         ? TQ_NEVER
                         : tq_clock_add(tq_clock_now(), (int64_t)timeout_ms * (TQ_SECOND / 1000));
    return 0;
}

curl_socket_t tq_http_open_socket(void *data, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)purpose;
    tq_http *http = data;
    int type = address->socktype | SOCK_CLOEXEC;
    int fd = socket(address->family, type, address->protocol);
    if (fd < 0)
        return CURL_SOCKET_BAD;
    (void)tq_poller_opened(&http->poller, fd);
    return fd;
}

int tq_http_close_socket(void *data, curl_socket_t fd)
{
    tq_http *http = data;
    tq_poller_closing(&http->poller, fd);
    return close(fd);
}

static int open_multi(tq_http *http)
{
    http->multi = curl_multi_init();
    if (http->multi == NULL)
        return TQ_ERR_MEMORY;
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)POOLED_CONNECTIONS);
    return TQ_OK;
}

int tq_http_open(tq_http **out, tq_http_on_sent *on_sent)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_libcurl);
    tq_http *http = calloc(1, sizeof *http);
    if (http == NULL)
        return TQ_ERR_MEMORY;
    http->timer_ns = TQ_NEVER;
    http->on_sent = on_sent;
    int err = tq_poller_open(&http->poller);
    if (err == TQ_OK)
        err = open_multi(http);
    if (err != TQ_OK) {
        tq_poller_close(&http->poller);
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
    tq_poller_close(&http->poller);
    curl_free(http->played_url);
    free(http);
}

int tq_http_fd(const tq_http *http)
{
    return http->poller.epoll_fd;
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
    if (http->timer_ns == TQ_NEVER)
        return TQ_NEVER;
    return http->timer_ns > now ? http->timer_ns - now : 0;
}

void tq_http_arm(tq_http *http, int64_t at_ns)
{
    tq_poller_arm(&http->poller, at_ns);
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

static int to_curl(int ready)
{
    return (ready & TQ_POLL_IN ? CURL_CSELECT_IN : 0) |
           (ready & TQ_POLL_OUT ? CURL_CSELECT_OUT : 0) |
           (ready & TQ_POLL_ERROR ? CURL_CSELECT_ERR : 0);
}

void tq_http_kick(tq_http *http)
{
    int running;
    if (http->timer_ns == TQ_NEVER || http->timer_ns > tq_clock_now())
        return;
    http->timer_ns = TQ_NEVER;
    curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect(http);
}

int tq_http_step(tq_http *http, int64_t wait_ns)
{
    tq_poll_event events[TQ_POLL_BATCH];
    int count, running;
    do {
        count = tq_poller_wait(&http->poller, wait_ns, events);
        for (int i = 0; i < count; i++)
            curl_multi_socket_action(http->multi, events[i].fd, to_curl(events[i].ready), &running);
        wait_ns = 0;
    } while (count == TQ_POLL_BATCH);
    collect(http);
    tq_http_kick(http);
    return count < 0 ? count : TQ_OK;
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

const char *tq_http_version(void)
{
    return curl_version();
}
