/* SPDX-License-Identifier: MIT */
#ifndef TQ_FORK_H
#define TQ_FORK_H
/*
 * Has this process been forked since? What a process holds that its child must leave alone, as
 * threads, connections and an epoll set, remembers this number and compares.
 *
 *     object->forks = tq_forks();
 *     bool is_parents = object->forks != tq_forks();
 *
 * Asking is a look at memory, not a system call.
 */

/* How often this process and those it descends from have forked since it was first asked. */
unsigned tq_forks(void);

#endif
