/* SPDX-License-Identifier: MIT */
/* Drives libcurl by its own poll, which looks at every socket each time: right for few transfers,
 * and wherever there is no epoll. */
#include "http/driver.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>

#include "base/err.h"
#include "clock/clock.h"
#include "http/foreign.h"

#define MS (TQ_SECOND / 1000)

struct tq_driver {
    CURLM *multi;
    tq_foreign foreign;
    bool has_acted; /* since it was taken last */
};

bool tq_driver_has_fd(void)
{
    return false;
}

size_t tq_driver_most(void)
{
    return 1;
}

int tq_driver_open(tq_driver **out, tq_driver_kind kind)
{
    (void)kind;
    tq_driver *driver = calloc(1, sizeof *driver);
    if (driver == NULL)
        return TQ_ERR_MEMORY;
    *out = driver;
    return TQ_OK;
}

void tq_driver_add(tq_driver *driver, CURLM *multi)
{
    driver->multi = multi;
}

void tq_driver_close(tq_driver *driver)
{
    tq_foreign_free(&driver->foreign);
    free(driver);
}

/* No program that is started may inherit a connection. */
static int on_socket_open(void *unused, curl_socket_t fd, curlsocktype purpose)
{
    (void)unused;
    (void)purpose;
    return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 ? CURL_SOCKOPT_OK : CURL_SOCKOPT_ERROR;
}

void tq_driver_adopt(tq_driver *driver, CURL *easy)
{
    (void)driver;
    curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket_open);
}

int tq_driver_fd(const tq_driver *driver)
{
    (void)driver;
    return -1;
}

void tq_driver_arm(tq_driver *driver, int64_t at_ns)
{
    (void)driver;
    (void)at_ns;
}

void tq_driver_wake(const tq_driver *driver)
{
    if (driver->multi != NULL)
        curl_multi_wakeup(driver->multi);
}

int64_t tq_driver_wait_ns(const tq_driver *driver, int64_t now)
{
    (void)now;
    long wait_ms = -1;
    curl_multi_timeout(driver->multi, &wait_ms);
    return wait_ms < 0 ? TQ_NEVER : wait_ms * MS;
}

/* Up to the next millisecond: waking too early would spin. */
static int to_ms(int64_t wait_ns)
{
    enum { LONGEST_MS = 60000 };
    int64_t ms = wait_ns / MS + (wait_ns % MS != 0);
    return ms > LONGEST_MS ? LONGEST_MS : (int)ms;
}

static int to_err(CURLMcode code)
{
    if (code == CURLM_OK)
        return TQ_OK;
    return code == CURLM_OUT_OF_MEMORY ? TQ_ERR_MEMORY : TQ_ERR_SYSTEM;
}

int tq_driver_watch(tq_driver *driver, int fd, int wanted)
{
    return tq_foreign_want(&driver->foreign, fd, wanted);
}

void tq_driver_unwatch(tq_driver *driver, int fd)
{
    (void)tq_foreign_forget(&driver->foreign, fd);
}

int tq_driver_take_ready(tq_driver *driver)
{
    return tq_foreign_take(&driver->foreign);
}

bool tq_driver_has_ready(const tq_driver *driver)
{
    return driver->foreign.ready > 0;
}

/* libcurl does not tell of an fd that it broke, so that it is asked again. */
static void note_ready(tq_driver *driver)
{
    for (size_t i = 0; i < driver->foreign.count; i++) {
        const tq_foreign_fd *entry = &driver->foreign.fds[i];
        struct pollfd fd = {.fd = entry->fd,
                            .events = (short)((entry->wanted & TQ_FD_IN ? POLLIN : 0) |
                                              (entry->wanted & TQ_FD_OUT ? POLLOUT : 0))};
        if (poll(&fd, 1, 0) > 0)
            tq_foreign_note(&driver->foreign, fd.fd);
    }
}

/* Those beyond the most are found at the end of the wait. */
enum { MOST_FOREIGN = 64 };

static unsigned list_foreign(const tq_driver *driver, struct curl_waitfd fds[MOST_FOREIGN])
{
    unsigned count = 0;
    for (; count < driver->foreign.count && count < MOST_FOREIGN; count++) {
        const tq_foreign_fd *entry = &driver->foreign.fds[count];
        fds[count] = (struct curl_waitfd){
            .fd = entry->fd,
            .events = (short)((entry->wanted & TQ_FD_IN ? CURL_WAIT_POLLIN : 0) |
                              (entry->wanted & TQ_FD_OUT ? CURL_WAIT_POLLOUT : 0))};
    }
    return count;
}

static CURLMcode perform(tq_driver *driver)
{
    int running;
    driver->has_acted = true;
    return curl_multi_perform(driver->multi, &running);
}

int tq_driver_step(tq_driver *driver, int64_t wait_ns)
{
    struct curl_waitfd fds[MOST_FOREIGN];
    unsigned count = list_foreign(driver, fds);
    CURLMcode code = curl_multi_poll(driver->multi, fds, count, to_ms(wait_ns), NULL);
    note_ready(driver);
    if (code == CURLM_OK)
        code = perform(driver);
    return to_err(code);
}

bool tq_driver_kick(tq_driver *driver)
{
    if (tq_driver_wait_ns(driver, 0) != 0)
        return false;
    (void)perform(driver);
    return true;
}

CURLM *tq_driver_take_acted(tq_driver *driver)
{
    bool has_acted = driver->has_acted;
    driver->has_acted = false;
    return has_acted ? driver->multi : NULL;
}
