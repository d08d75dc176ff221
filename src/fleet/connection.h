/* SPDX-License-Identifier: MIT */
#ifndef TQ_CONNECTION_H
#define TQ_CONNECTION_H
/*
 * A connection to a Redis server that never blocks: hiredis writes the commands down and reads the
 * replies, and the bytes in between go by a socket that whoever owns the connection watches. Names
 * are looked up in a thread (resolve.h).
 *
 *     tq_connection *link = tq_connection_open("127.0.0.1", "6379");
 *     tq_connection_send(link, argc, argv, lengths);
 *     ... when its fd is ready for what it wants:
 *     tq_connection_step(link);
 *     while ((reply = tq_connection_take(link)) != NULL) freeReplyObject(reply);
 *
 * The fd and what it wants change with each step. Once it has failed it stays so.
 */
#include <stdbool.h>
#include <stddef.h>

#include <hiredis.h>

typedef struct tq_connection tq_connection;

enum { TQ_WANTS_READ = 1, TQ_WANTS_WRITE = 2 };

/* `port` NULL: `host` is the path of a unix socket. NULL when there is no memory. */
tq_connection *tq_connection_open(const char *host, const char *port);
void tq_connection_close(tq_connection *link);

/* -1 once it has failed. */
int tq_connection_fd(const tq_connection *link);
int tq_connection_wants(const tq_connection *link);
bool tq_connection_is_up(const tq_connection *link);

/* Puts a command into the queue, also before there is a connection. False when there is no memory.
 */
bool tq_connection_send(tq_connection *link, int argc, const char **argv, const size_t *lengths);

/* Goes on as far as it can without waiting; at once after sending, too. */
void tq_connection_step(tq_connection *link);

/* Writes what is in the queue, as far as it can without waiting; what goes wrong shows in the next
 * step.
 */
void tq_connection_flush(tq_connection *link);

/* The next reply, of the caller then; NULL for none. */
redisReply *tq_connection_take(tq_connection *link);

/* Why it failed, one line without what was sent; NULL while it has not. */
const char *tq_connection_failure(const tq_connection *link);

#endif
