/* SPDX-License-Identifier: MIT */
#ifndef TQ_BELL_H
#define TQ_BELL_H
/*
 * What a thread rings so that another one comes and looks: a pair of sockets, of which one end
 * becomes readable. Where a program can watch no fd of others but can connect a socket of its own,
 * as nginx does, the bell is hung on such a connection instead: the program connects to a path,
 * and reads.
 *
 *     tq_bell_open(&bell);
 *     tq_bell_ring(&bell);           ... tq_bell_fd(&bell) is readable, until
 *     tq_bell_hush(&bell);
 *
 * Only tq_bell_ring may be called by two threads at once, and then not beside the others.
 */
#include <stdbool.h>

typedef struct tq_bell {
    int ends[2];  /* ringing the first makes the second readable; -1 while it hangs elsewhere */
    int hung;     /* what is rung instead, or -1 */
    int listener; /* while a connection is awaited, else -1 */
    char *path;   /* of the listener's socket, alone in its directory */
} tq_bell;

/* 0, TQ_ERR_MEMORY or TQ_ERR_SYSTEM, with nothing left open. */
int tq_bell_open(tq_bell *bell);
void tq_bell_close(tq_bell *bell);

/* The fd that gets readable. It does not while the bell hangs elsewhere. */
int tq_bell_fd(const tq_bell *bell);

void tq_bell_ring(const tq_bell *bell);

/* Takes in what was rung; not from where the bell hangs, since its reader does that. */
void tq_bell_hush(const tq_bell *bell);

/* Begins to listen, in a new directory below `directory` that only this user may enter; `path`
 * is to be connected to, and valid until the bell is hung or closed. 0, TQ_ERR_MEMORY,
 * TQ_ERR_SYSTEM, or TQ_ERR_INVALID for a path that is too long. */
int tq_bell_listen(tq_bell *bell, const char *directory, const char **path);

/* Hangs the bell on the connection that this process has made meanwhile, and removes the files;
 * TQ_ERR_SYSTEM when there is none. Without listening first it stays where it hangs. */
int tq_bell_hang(tq_bell *bell);

/* Takes it back from there, and stops listening. */
void tq_bell_unhang(tq_bell *bell);
bool tq_bell_is_hung(const tq_bell *bell);

#endif
