/* SPDX-License-Identifier: MIT */
/* Drives libcurl by its own poll, which looks at every socket each time: right for few transfers,
 * and wherever there is no epoll. */
#include "http/driver.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/err.h"
#include "clock/clock.h"

#define MS (TQ_SECOND / 1000)

struct tq_driver {
    CURLM *multi;
};

bool tq_driver_has_fd(void)
{
    return false;
}

size_t tq_driver_most(void)
{
    return 1;
}

int tq_driver_open(tq_driver **out)
{
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

int tq_driver_step(tq_driver *driver, int64_t wait_ns)
{
    int running;
    CURLMcode code = curl_multi_poll(driver->multi, NULL, 0, to_ms(wait_ns), NULL);
    if (code == CURLM_OK)
        code = curl_multi_perform(driver->multi, &running);
    return to_err(code);
}

bool tq_driver_kick(tq_driver *driver)
{
    int running;
    if (tq_driver_wait_ns(driver, 0) != 0)
        return false;
    curl_multi_perform(driver->multi, &running);
    return true;
}
