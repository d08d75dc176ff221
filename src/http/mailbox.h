/* SPDX-License-Identifier: MIT */
#ifndef TQ_MAILBOX_H
#define TQ_MAILBOX_H
/*
 * What a transport's thread (thread.c) and its worker (worker.c) have between them; thread.h tells
 * how they live together.
 */
#include <pthread.h>

#include "http/thread.h"

/* A chain of transfers in the order of their coming. */
typedef struct tq_chain {
    tq_transfer *first;
    tq_transfer *last;
} tq_chain;

struct tq_thread {
    tq_http *http;
    pthread_t id;
    unsigned forks;
    bool is_running;
    tq_thread *next, *prev; /* of those that are running */

    /* The thread's own. */
    size_t shards_known;
    tq_chain finished; /* not handed back yet */
    tq_chain early;    /* at their gates, in the order of their coming */
    bool is_own_ready; /* `own` has something, and the worker was not told yet */

    /* The worker's own: file descriptors of others. The thread watches for it whether one is ready,
     * when it has been asked to. */
    tq_driver *own; /* NULL before there is one */

    pthread_mutex_t lock; /* over all that follows, but for the bell */
    bool is_over;
    tq_chain posted;
    tq_transfer *recalled; /* chained by their mail */
    tq_transfer *noted;
    tq_chain returned;
    size_t shard_count;
    int own_fd;        /* to be watched from now on, or -1 */
    bool is_own_spent; /* its watching: it is done once */
    bool has_ends;     /* some were returned that are to be told at once */
    bool is_rung;      /* and the worker has not looked since */
    bool is_asleep;    /* the thread waits, until then */
    int64_t asleep_until_ns;
    int64_t armed_ns; /* when the worker wants the bell rung, whatever happens */
    int64_t note_ns;  /* when it is rung for what can wait so long */
    int64_t beat_ns;  /* when it is rung to be heard */

    /* Taken after the other lock by whoever takes both. The worker alone hangs and unhangs the
     * bell, and needs neither lock to ring it. */
    pthread_mutex_t bell_lock;
    tq_bell bell;
};

static inline void tq_chain_add(tq_chain *to, tq_transfer *transfer)
{
    transfer->next_posted = NULL;
    if (to->last != NULL)
        to->last->next_posted = transfer;
    else
        to->first = transfer;
    to->last = transfer;
}

static inline tq_chain tq_chain_take(tq_chain *from)
{
    tq_chain taken = *from;
    *from = (tq_chain){NULL, NULL};
    return taken;
}

/* thread.c: has the thread begin, unless it has. 0 or TQ_ERR_SYSTEM. */
int tq_thread_need(tq_thread *thread);

#endif
