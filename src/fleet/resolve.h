/* SPDX-License-Identifier: MIT */
#ifndef TQ_RESOLVE_H
#define TQ_RESOLVE_H
/*
 * Looks a host's addresses up in a thread, because the C library blocks while it does.
 *
 *     tq_resolve *job = tq_resolve_start("redis.example", "6379");
 *     ... tq_resolve_fd(job) becomes readable ...
 *     const struct addrinfo *list = tq_resolve_result(job, &why);
 *     tq_resolve_end(job);                at any time: who has to wait for it is the thread
 */
#include <netdb.h>

typedef struct tq_resolve tq_resolve;

/* NULL when there is no memory, or no thread. */
tq_resolve *tq_resolve_start(const char *host, const char *port);
int tq_resolve_fd(const tq_resolve *job);

/* The addresses, valid until the end; NULL while it goes on, with `why` NULL, or when there is
 * none, with the reason. */
const struct addrinfo *tq_resolve_result(tq_resolve *job, const char **why);
void tq_resolve_end(tq_resolve *job);

#endif
