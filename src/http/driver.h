/* SPDX-License-Identifier: MIT */
#ifndef TQ_DRIVER_H
#define TQ_DRIVER_H
/*
 * What makes libcurl work on the transfers of some multi handles. There are two, of which a build
 * has one (POLLER= of make):
 *
 * - driver_epoll.c: socket actions on an epoll set (poller.h), whose fd any loop can watch.
 * - driver_multi.c: curl_multi_poll and curl_multi_perform, for systems without epoll. It has no
 *   fd, so that only who waits in tq_driver_step can drive it: the built-in loop. It waits for one
 *   multi handle alone.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/libcurl.h"

typedef struct tq_driver tq_driver;

/* Is there an fd? */
bool tq_driver_has_fd(void);

/* How many multi handles it can drive. */
enum { TQ_DRIVER_MOST = 16 };
size_t tq_driver_most(void);

/* Who makes it go on: whoever watches its fd, or a thread of its own, which others wake. */
typedef enum tq_driver_kind { TQ_DRIVER_WATCHED, TQ_DRIVER_WOKEN } tq_driver_kind;

/* 0, TQ_ERR_MEMORY or TQ_ERR_SYSTEM. */
int tq_driver_open(tq_driver **out, tq_driver_kind kind);
void tq_driver_close(tq_driver *driver);

/* Takes over one more multi handle, which the caller keeps and frees before the driver. */
void tq_driver_add(tq_driver *driver, CURLM *multi);

/* Sets what an easy handle needs before it is added to a multi handle. */
void tq_driver_adopt(tq_driver *driver, CURL *easy);

/* Readable when there is something to do, including what is due by time, once armed; -1 when there
 * is no fd. */
int tq_driver_fd(const tq_driver *driver);

/* TQ_DRIVER_WATCHED: makes the fd readable at `at_ns` at the latest. */
void tq_driver_arm(tq_driver *driver, int64_t at_ns);

/* How long until libcurl has something to do of itself; TQ_NEVER when it has not. */
int64_t tq_driver_wait_ns(const tq_driver *driver, int64_t now);

/* Lets libcurl do what is ready, after waiting at most `wait_ns` for it; an interrupted wait is no
 * error. What it does not come to it leaves ready. 0, TQ_ERR_MEMORY or TQ_ERR_SYSTEM. */
int tq_driver_step(tq_driver *driver, int64_t wait_ns);

/* Watches an fd that is not libcurl's for TQ_FD_… (foreign.h), until it is ready once. 0,
 * TQ_ERR_MEMORY, or TQ_ERR_SYSTEM for what cannot be watched. */
int tq_driver_watch(tq_driver *driver, int fd, int wanted);
void tq_driver_unwatch(tq_driver *driver, int fd);

/* One that has become ready, and is watched no longer; -1 for none. */
int tq_driver_take_ready(tq_driver *driver);
bool tq_driver_has_ready(const tq_driver *driver);

/* TQ_DRIVER_WOKEN: ends a wait of another thread in tq_driver_step, or keeps its next one from
 * beginning. */
void tq_driver_wake(const tq_driver *driver);

/* Lets libcurl do what is due by time, new transfers included. False when nothing was. */
bool tq_driver_kick(tq_driver *driver);

/* One of the multi handles on which libcurl has worked since it was taken last, so that transfers
 * may have ended there; NULL for none. */
CURLM *tq_driver_take_acted(tq_driver *driver);

#endif
