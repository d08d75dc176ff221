/* SPDX-License-Identifier: MIT */
#ifndef TQ_FOREIGN_H
#define TQ_FOREIGN_H
/*
 * File descriptors that are not libcurl's and are watched beside its sockets: each once, until it
 * is ready. There are few, so that they are a list.
 *
 *     tq_foreign_want(&foreign, fd, TQ_FD_IN);
 *     ... whoever waits finds it ready: tq_foreign_note(&foreign, fd) ...
 *     while ((fd = tq_foreign_take(&foreign)) >= 0) ...
 */
#include <stdbool.h>
#include <stddef.h>

enum { TQ_FD_IN = 1, TQ_FD_OUT = 2 };

typedef struct tq_foreign_fd {
    int fd;
    int wanted; /* TQ_FD_… */
    bool is_ready;
} tq_foreign_fd;

typedef struct tq_foreign {
    tq_foreign_fd *fds;
    size_t count, capacity;
    size_t ready;
} tq_foreign;

/* Replaces what was wanted of it. 0 or TQ_ERR_MEMORY. */
int tq_foreign_want(tq_foreign *foreign, int fd, int wanted);
/* False when it was not in the list. */
bool tq_foreign_forget(tq_foreign *foreign, int fd);
void tq_foreign_note(tq_foreign *foreign, int fd);
/* One that is ready, and no longer in the list then; -1 for none. */
int tq_foreign_take(tq_foreign *foreign);
void tq_foreign_free(tq_foreign *foreign);

#endif
