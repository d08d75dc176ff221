/* SPDX-License-Identifier: MIT */
#include "http/poller.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/err.h"
#include "clock/clock.h"

/* A timer that another thread sets off would wake as well, but takes twice as long for it. */
static int open_alarm(tq_poller_kind kind)
{
    return kind == TQ_POLLER_TIMED ? timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)
                                   : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

/* What wakes is never read: each time it is written to it is reported once. */
static int add_alarm(tq_poller *poller)
{
    struct epoll_event event = {.events = EPOLLIN |
                                          (poller->kind == TQ_POLLER_WOKEN ? (uint32_t)EPOLLET : 0),
                                .data = {.fd = poller->alarm_fd}};
    return epoll_ctl(poller->epoll_fd, EPOLL_CTL_ADD, poller->alarm_fd, &event);
}

int tq_poller_open(tq_poller *poller, tq_poller_kind kind)
{
    *poller = (tq_poller){.armed_ns = TQ_NEVER, .alarm_fd = -1, .kind = kind};
    poller->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (poller->epoll_fd >= 0)
        poller->alarm_fd = open_alarm(kind);
    if (poller->alarm_fd >= 0 && add_alarm(poller) == 0)
        return TQ_OK;
    int why = errno;
    tq_poller_close(poller);
    errno = why;
    return TQ_ERR_SYSTEM;
}

void tq_poller_close(tq_poller *poller)
{
    if (poller->alarm_fd >= 0)
        close(poller->alarm_fd);
    if (poller->epoll_fd >= 0)
        close(poller->epoll_fd);
    free(poller->sockets);
    *poller = (tq_poller){.epoll_fd = -1, .alarm_fd = -1};
}

static int grow(tq_poller *poller, size_t needed)
{
    size_t count = poller->count != 0 ? poller->count : 64;
    while (count < needed)
        count *= 2;
    tq_poll_socket *sockets = realloc(poller->sockets, count * sizeof *sockets);
    if (sockets == NULL)
        return TQ_ERR_MEMORY;
    memset(sockets + poller->count, 0, (count - poller->count) * sizeof *sockets);
    poller->sockets = sockets;
    poller->count = count;
    return TQ_OK;
}

static tq_poll_socket *socket_of(tq_poller *poller, int fd)
{
    size_t index = (size_t)fd;
    if (index >= poller->count && grow(poller, index + 1) != TQ_OK)
        return NULL;
    return &poller->sockets[index];
}

static uint32_t to_epoll(int wanted)
{
    return (wanted & TQ_POLL_IN ? (uint32_t)EPOLLIN : 0) |
           (wanted & TQ_POLL_OUT ? (uint32_t)EPOLLOUT : 0);
}

static int from_epoll(uint32_t events)
{
    return (events & (EPOLLIN | EPOLLRDHUP) ? TQ_POLL_IN : 0) |
           (events & EPOLLOUT ? TQ_POLL_OUT : 0) |
           (events & (EPOLLERR | EPOLLHUP) ? TQ_POLL_ERROR : 0);
}

static int register_socket(tq_poller *poller, tq_poll_socket *socket, int fd)
{
    struct epoll_event event = {.events = to_epoll(socket->wanted), .data = {.fd = fd}};
    int how = socket->is_in ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    int failed = epoll_ctl(poller->epoll_fd, how, fd, &event);
    if (failed != 0 && errno == ENOENT)
        failed = epoll_ctl(poller->epoll_fd, EPOLL_CTL_ADD, fd, &event);
    else if (failed != 0 && errno == EEXIST)
        failed = epoll_ctl(poller->epoll_fd, EPOLL_CTL_MOD, fd, &event);
    socket->is_in = failed == 0;
    socket->registered = socket->wanted;
    return failed == 0 ? TQ_OK : TQ_ERR_SYSTEM;
}

static void unregister_socket(tq_poller *poller, tq_poll_socket *socket, int fd)
{
    if (socket->is_in)
        epoll_ctl(poller->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    socket->is_in = false;
}

int tq_poller_want(tq_poller *poller, int fd, int wanted, uint8_t owner)
{
    tq_poll_socket *socket = socket_of(poller, fd);
    if (socket == NULL)
        return TQ_ERR_MEMORY;
    socket->wanted = (uint8_t)wanted;
    socket->owner = owner;
    if (wanted == 0) {
        if (!socket->is_ours)
            unregister_socket(poller, socket, fd);
        return TQ_OK;
    }
    if (socket->is_in && socket->registered == wanted)
        return TQ_OK;
    return register_socket(poller, socket, fd);
}

int tq_poller_opened(tq_poller *poller, int fd)
{
    tq_poll_socket *socket = socket_of(poller, fd);
    if (socket == NULL)
        return TQ_ERR_MEMORY;
    *socket = (tq_poll_socket){.is_ours = true};
    return TQ_OK;
}

void tq_poller_closing(tq_poller *poller, int fd)
{
    tq_poll_socket *socket = socket_of(poller, fd);
    if (socket == NULL)
        return;
    unregister_socket(poller, socket, fd);
    *socket = (tq_poll_socket){0};
}

void tq_poller_arm(tq_poller *poller, int64_t at_ns)
{
    if (at_ns >= poller->armed_ns)
        return;
    /* An it_value of zero would disarm; the past is as good as the first nanosecond. */
    int64_t at = at_ns > 0 ? at_ns : 1;
    struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(at / TQ_SECOND), .tv_nsec = (long)(at % TQ_SECOND)}};
    if (timerfd_settime(poller->alarm_fd, TFD_TIMER_ABSTIME, &when, NULL) == 0)
        poller->armed_ns = at_ns;
}

void tq_poller_wake(const tq_poller *poller)
{
    (void)eventfd_write(poller->alarm_fd, 1);
}

static void note_alarm(tq_poller *poller)
{
    uint64_t expirations;
    if (poller->kind == TQ_POLLER_WOKEN)
        return;
    ssize_t got = read(poller->alarm_fd, &expirations, sizeof expirations);
    if (got > 0)
        poller->armed_ns = TQ_NEVER;
}

/* Kernels before 5.11 and older C libraries wait by the millisecond. */
static int wait_ms(const tq_poller *poller, int64_t wait_ns, struct epoll_event *ready)
{
    enum { LONGEST_MS = 60000 };
    int64_t ms = wait_ns / 1000000 + (wait_ns % 1000000 != 0);
    return epoll_wait(poller->epoll_fd, ready, TQ_POLL_BATCH,
                      ms > LONGEST_MS ? LONGEST_MS : (int)ms);
}

static int wait_epoll(tq_poller *poller, int64_t wait_ns, struct epoll_event *ready)
{
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 35)
    struct timespec span = {.tv_sec = (time_t)(wait_ns / TQ_SECOND),
                            .tv_nsec = (long)(wait_ns % TQ_SECOND)};
    const struct timespec *timeout = wait_ns == TQ_NEVER ? NULL : &span;
    if (!poller->waits_by_ms) {
        int count = epoll_pwait2(poller->epoll_fd, ready, TQ_POLL_BATCH, timeout, NULL);
        if (count >= 0 || errno != ENOSYS)
            return count;
        poller->waits_by_ms = true;
    }
#endif
    return wait_ms(poller, wait_ns, ready);
}

int tq_poller_wait(tq_poller *poller, int64_t wait_ns, tq_poll_event events[TQ_POLL_BATCH])
{
    struct epoll_event ready[TQ_POLL_BATCH];
    int count = wait_epoll(poller, wait_ns, ready);
    if (count < 0)
        return errno == EINTR ? 0 : TQ_ERR_SYSTEM;
    int kept = 0;
    for (int i = 0; i < count; i++) {
        int fd = ready[i].data.fd;
        if (fd == poller->alarm_fd) {
            note_alarm(poller);
            continue;
        }
        tq_poll_socket *socket = socket_of(poller, fd);
        if (socket == NULL || socket->wanted == 0) {
            /* An idle connection that the other side closed: libcurl finds out when it uses it. */
            if (socket != NULL)
                unregister_socket(poller, socket, fd);
            continue;
        }
        events[kept++] =
            (tq_poll_event){.fd = fd, .ready = from_epoll(ready[i].events), .owner = socket->owner};
    }
    return kept;
}
