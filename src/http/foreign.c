/* SPDX-License-Identifier: MIT */
#include "http/foreign.h"

#include <stdlib.h>

#include "base/err.h"

static tq_foreign_fd *find(tq_foreign *foreign, int fd)
{
    for (size_t i = 0; i < foreign->count; i++)
        if (foreign->fds[i].fd == fd)
            return &foreign->fds[i];
    return NULL;
}

static void drop(tq_foreign *foreign, tq_foreign_fd *entry)
{
    foreign->ready -= entry->is_ready;
    *entry = foreign->fds[--foreign->count];
}

static int grow(tq_foreign *foreign)
{
    size_t capacity = foreign->capacity > 0 ? foreign->capacity * 2 : 4;
    tq_foreign_fd *fds = realloc(foreign->fds, capacity * sizeof *fds);
    if (fds == NULL)
        return TQ_ERR_MEMORY;
    foreign->fds = fds;
    foreign->capacity = capacity;
    return TQ_OK;
}

int tq_foreign_want(tq_foreign *foreign, int fd, int wanted)
{
    (void)tq_foreign_forget(foreign, fd);
    if (foreign->count == foreign->capacity && grow(foreign) != TQ_OK)
        return TQ_ERR_MEMORY;
    foreign->fds[foreign->count++] = (tq_foreign_fd){.fd = fd, .wanted = wanted};
    return TQ_OK;
}

bool tq_foreign_forget(tq_foreign *foreign, int fd)
{
    tq_foreign_fd *entry = find(foreign, fd);
    if (entry == NULL)
        return false;
    drop(foreign, entry);
    return true;
}

void tq_foreign_note(tq_foreign *foreign, int fd)
{
    tq_foreign_fd *entry = find(foreign, fd);
    if (entry == NULL || entry->is_ready)
        return;
    entry->is_ready = true;
    foreign->ready++;
}

int tq_foreign_take(tq_foreign *foreign)
{
    for (size_t i = 0; i < foreign->count && foreign->ready > 0; i++) {
        if (foreign->fds[i].is_ready) {
            int fd = foreign->fds[i].fd;
            drop(foreign, &foreign->fds[i]);
            return fd;
        }
    }
    return -1;
}

void tq_foreign_free(tq_foreign *foreign)
{
    free(foreign->fds);
    *foreign = (tq_foreign){0};
}
