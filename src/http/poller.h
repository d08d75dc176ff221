/* SPDX-License-Identifier: MIT */
#ifndef TQ_POLLER_H
#define TQ_POLLER_H
/*
 * The sockets of libcurl and one alarm in one epoll set, whose fd any loop can watch.
 *
 * libcurl takes a connection off the set when it goes idle and puts it on again when it is used
 * again. For sockets that were opened through us (and whose end we therefore hear of) the
 * registration is kept in between, which saves two system calls a request.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What besides sockets makes its fd readable: its time, or another thread. */
typedef enum tq_poller_kind { TQ_POLLER_TIMED, TQ_POLLER_WOKEN } tq_poller_kind;

enum { TQ_POLL_IN = 1, TQ_POLL_OUT = 2, TQ_POLL_ERROR = 4 };
/* What is reported at a time: few, for the sake of the loop that a step runs in. */
enum { TQ_POLL_BATCH = 16 };

typedef struct tq_poll_socket {
    uint8_t wanted;     /* TQ_POLL_… that libcurl asks for; 0 while the socket is idle */
    uint8_t registered; /* what epoll has */
    bool is_in;         /* in the epoll set */
    bool is_ours;       /* opened through tq_poller_opened */
    uint8_t owner;      /* who wants to know, as the caller numbers them */
} tq_poll_socket;

typedef struct tq_poll_event {
    int fd;
    int ready; /* TQ_POLL_… */
    uint8_t owner;
} tq_poll_event;

typedef struct tq_poller {
    int epoll_fd;
    int alarm_fd;
    tq_poller_kind kind;
    bool waits_by_ms;        /* the kernel knows no finer wait */
    int64_t armed_ns;        /* when the alarm goes off; TQ_NEVER when it is not armed */
    tq_poll_socket *sockets; /* by fd */
    size_t count;
} tq_poller;

/* 0, or TQ_ERR_SYSTEM with nothing left open. */
int tq_poller_open(tq_poller *poller, tq_poller_kind kind);
void tq_poller_close(tq_poller *poller);

/* Says what libcurl wants to know of a socket, 0 for nothing any more, and for whom: that comes
 * back with its events. */
int tq_poller_want(tq_poller *poller, int fd, int wanted, uint8_t owner);

/* A socket has been opened or is about to be closed. */
int tq_poller_opened(tq_poller *poller, int fd);
void tq_poller_closing(tq_poller *poller, int fd);

/* TQ_POLLER_TIMED: makes the set's fd readable at `at_ns` at the latest. */
void tq_poller_arm(tq_poller *poller, int64_t at_ns);

/* TQ_POLLER_WOKEN: ends the wait of another thread, or keeps its next one from beginning. */
void tq_poller_wake(const tq_poller *poller);

/* Waits at most `wait_ns` and writes what is ready. Gives how many, or TQ_ERR_SYSTEM. */
int tq_poller_wait(tq_poller *poller, int64_t wait_ns, tq_poll_event events[TQ_POLL_BATCH]);

#endif
