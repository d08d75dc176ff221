/* SPDX-License-Identifier: MIT */
/* Drives libcurl by socket actions. Its callbacks note and return. */
#include "http/driver.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "clock/clock.h"
#include "http/foreign.h"
#include "http/poller.h"

/* How soon libcurl is called again after it had no memory to go on. */
enum { MEMORY_PAUSE_MS = 10 };

/* An instant that has passed: each request begins with it, without a look at the clock. */
enum { AT_ONCE = 0 };

/* Who owns an fd that is not libcurl's. */
enum { FOREIGN = UINT8_MAX };

/* One multi handle; its number in the driver is who owns its sockets. */
typedef struct driven {
    tq_driver *driver;
    CURLM *multi;
    int64_t timer_ns; /* when libcurl wants to be called; TQ_NEVER for not at all */
    bool has_acted;   /* since it was taken last */
} driven;

struct tq_driver {
    tq_poller poller;
    tq_foreign foreign;
    size_t count;
    driven parts[TQ_DRIVER_MOST];
};

bool tq_driver_has_fd(void)
{
    return true;
}

size_t tq_driver_most(void)
{
    return TQ_DRIVER_MOST;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *unused)
{
    (void)easy;
    (void)unused;
    const driven *part = data;
    tq_driver *driver = part->driver;
    int wanted = (what == CURL_POLL_IN || what == CURL_POLL_INOUT ? TQ_POLL_IN : 0) |
                 (what == CURL_POLL_OUT || what == CURL_POLL_INOUT ? TQ_POLL_OUT : 0);
    /* A socket that cannot be watched ends with its transfer's time-out. */
    (void)tq_poller_want(&driver->poller, fd, wanted, (uint8_t)(part - driver->parts));
    return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *data)
{
    (void)multi;
    driven *part = data;
    if (timeout_ms < 0)
        part->timer_ns = TQ_NEVER;
    else if (timeout_ms == 0)
        part->timer_ns = AT_ONCE;
    else
        part->timer_ns = tq_clock_add(tq_clock_now(), (int64_t)timeout_ms * (TQ_SECOND / 1000));
    return 0;
}

static curl_socket_t open_socket(void *data, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)purpose;
    tq_driver *driver = data;
    int type = address->socktype | SOCK_CLOEXEC;
    int fd = socket(address->family, type, address->protocol);
    if (fd < 0)
        return CURL_SOCKET_BAD;
    /* Without a place for it nobody would hear when it is ready. */
    if (tq_poller_opened(&driver->poller, fd) != TQ_OK) {
        close(fd);
        return CURL_SOCKET_BAD;
    }
    return fd;
}

static int close_socket(void *data, curl_socket_t fd)
{
    tq_driver *driver = data;
    tq_poller_closing(&driver->poller, fd);
    return close(fd);
}

int tq_driver_open(tq_driver **out, tq_driver_kind kind)
{
    tq_driver *driver = calloc(1, sizeof *driver);
    if (driver == NULL)
        return TQ_ERR_MEMORY;
    int err = tq_poller_open(&driver->poller,
                             kind == TQ_DRIVER_WOKEN ? TQ_POLLER_WOKEN : TQ_POLLER_TIMED);
    if (err != TQ_OK) {
        free(driver);
        return err;
    }
    *out = driver;
    return TQ_OK;
}

void tq_driver_add(tq_driver *driver, CURLM *multi)
{
    driven *part = &driver->parts[driver->count++];
    part->driver = driver;
    part->multi = multi;
    part->timer_ns = TQ_NEVER;
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, part);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, part);
}

void tq_driver_close(tq_driver *driver)
{
    tq_poller_close(&driver->poller);
    tq_foreign_free(&driver->foreign);
    free(driver);
}

void tq_driver_adopt(tq_driver *driver, CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, driver);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, driver);
}

int tq_driver_fd(const tq_driver *driver)
{
    return driver->poller.epoll_fd;
}

void tq_driver_arm(tq_driver *driver, int64_t at_ns)
{
    tq_poller_arm(&driver->poller, at_ns);
}

void tq_driver_wake(const tq_driver *driver)
{
    tq_poller_wake(&driver->poller);
}

int64_t tq_driver_wait_ns(const tq_driver *driver, int64_t now)
{
    int64_t first_ns = TQ_NEVER;
    for (const driven *part = driver->parts; part < driver->parts + driver->count; part++)
        first_ns = part->timer_ns < first_ns ? part->timer_ns : first_ns;
    if (first_ns == TQ_NEVER)
        return TQ_NEVER;
    return first_ns > now ? first_ns - now : 0;
}

static int to_curl(int ready)
{
    return (ready & TQ_POLL_IN ? CURL_CSELECT_IN : 0) |
           (ready & TQ_POLL_OUT ? CURL_CSELECT_OUT : 0) |
           (ready & TQ_POLL_ERROR ? CURL_CSELECT_ERR : 0);
}

/* Without memory libcurl sets no timer, and may not ask to watch a socket that it waits for: the
 * transfer ends with its time-out then, which takes another call to begin. */
static void act(driven *part, curl_socket_t fd, int ready)
{
    int running;
    part->has_acted = true;
    if (curl_multi_socket_action(part->multi, fd, ready, &running) != CURLM_OK)
        (void)on_timer(part->multi, MEMORY_PAUSE_MS, part);
}

int tq_driver_watch(tq_driver *driver, int fd, int wanted)
{
    int events = (wanted & TQ_FD_IN ? TQ_POLL_IN : 0) | (wanted & TQ_FD_OUT ? TQ_POLL_OUT : 0);
    int err = tq_foreign_want(&driver->foreign, fd, wanted);
    if (err == TQ_OK)
        err = tq_poller_want(&driver->poller, fd, events, FOREIGN);
    if (err != TQ_OK)
        (void)tq_foreign_forget(&driver->foreign, fd);
    return err;
}

void tq_driver_unwatch(tq_driver *driver, int fd)
{
    if (tq_foreign_forget(&driver->foreign, fd))
        (void)tq_poller_want(&driver->poller, fd, 0, FOREIGN);
}

int tq_driver_take_ready(tq_driver *driver)
{
    return tq_foreign_take(&driver->foreign);
}

bool tq_driver_has_ready(const tq_driver *driver)
{
    return driver->foreign.ready > 0;
}

static void take_event(tq_driver *driver, const tq_poll_event *event)
{
    if (event->owner != FOREIGN) {
        act(&driver->parts[event->owner], event->fd, to_curl(event->ready));
        return;
    }
    (void)tq_poller_want(&driver->poller, event->fd, 0, FOREIGN);
    tq_foreign_note(&driver->foreign, event->fd);
}

int tq_driver_step(tq_driver *driver, int64_t wait_ns)
{
    tq_poll_event events[TQ_POLL_BATCH];
    int count = tq_poller_wait(&driver->poller, wait_ns, events);
    for (int i = 0; i < count; i++)
        take_event(driver, &events[i]);
    return count < 0 ? count : TQ_OK;
}

/* Reads the clock at most once, into `now`, which is 0 until then. */
static bool is_due(const driven *part, int64_t *now)
{
    if (part->timer_ns == TQ_NEVER || part->timer_ns == AT_ONCE)
        return part->timer_ns == AT_ONCE;
    if (*now == 0)
        *now = tq_clock_now();
    return part->timer_ns <= *now;
}

bool tq_driver_kick(tq_driver *driver)
{
    bool any = false;
    int64_t now = 0;
    for (driven *part = driver->parts; part < driver->parts + driver->count; part++) {
        if (!is_due(part, &now))
            continue;
        part->timer_ns = TQ_NEVER;
        act(part, CURL_SOCKET_TIMEOUT, 0);
        any = true;
    }
    return any;
}

CURLM *tq_driver_take_acted(tq_driver *driver)
{
    for (driven *part = driver->parts; part < driver->parts + driver->count; part++) {
        if (!part->has_acted)
            continue;
        part->has_acted = false;
        return part->multi;
    }
    return NULL;
}
