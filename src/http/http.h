/* SPDX-License-Identifier: MIT */
#ifndef TQ_HTTP_H
#define TQ_HTTP_H
/*
 * HTTP requests in flight, all behind one pollable fd. The only room that sees libcurl. It knows
 * nothing of tasks or services, and of budgets that they have a gate: bytes out, bytes in.
 *
 * - tq_http: the transfers of one engine. Nothing blocks but tq_http_wait.
 * - tq_http_peer: where the requests of one client go, with what connection, limits and identity.
 *   It keeps the easy handles that are not in use, options set, and queues what its
 * `max_connections` does not let go at once. It does no I/O before its first transfer.
 * - tq_http_target: one URL of a peer, parsed once, with its request headers.
 * - tq_transfer: one request and its reply. It goes through begin, submit, take and release.
 *
 *     tq_http_begin(http, peer, &transfer);
 *     tq_buf_add_text(tq_transfer_body(transfer), "id=123");
 *     tq_http_submit(transfer, target, owner);
 *     ... tq_http_step(http) when the fd is readable or the time has come ...
 *     while ((transfer = tq_http_take(http)) != NULL) {
 *         const tq_http_reply *reply = tq_transfer_reply(transfer);
 *         tq_http_release(transfer);
 *     }
 *
 * In a program that must not even be held up by what libcurl does at once, as a handshake, the
 * transport is opened with a thread of its own (thread.h), made at the first request, and then its
 * fd is a bell which that thread rings. Nothing else can tell the difference, but that a request
 * which is released in flight may hold its memory for a moment longer.
 *
 * A transport can also be played: its requests then go to whoever plays the services, and come back
 * with what that answers. Nothing else can tell the difference.
 *
 * Not safe for use by two threads at once. A process that was forked can close what its parent has
 * opened, which gives nothing back, and must not use it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fence.h"
#include "budget/gate.h"
#include "http/foreign.h"

typedef struct tq_http tq_http;
typedef struct tq_http_peer tq_http_peer;
typedef struct tq_http_target tq_http_target;
typedef struct tq_transfer tq_transfer;

/* Strings are copied. NULL and 0 mean libcurl's default, unless another is named. */
typedef struct tq_http_peer_options {
    const char *base_url; /* required: http or https, without query, fragment or user */
    const char *ca_file;
    const char *client_cert;
    const char *client_key;
    const char *proxy; /* default: none; the environment is not looked at */
    const char *user_agent;
    const char *username; /* HTTP basic authentication */
    const char *password;
    int64_t connect_timeout_ns; /* required */
    int64_t request_timeout_ns; /* required: a whole request, connecting included */
    size_t max_response_bytes;  /* required */
    size_t max_connections;     /* required: transfers in flight, the others queue */
    bool insecure;              /* do not verify who answers */
} tq_http_peer_options;

/* How a transfer ended, as far as HTTP knows. */
typedef enum tq_http_outcome {
    TQ_HTTP_ANSWERED,   /* a whole reply, whatever its status */
    TQ_HTTP_NETWORK,    /* no connection, a broken one, or no answer in time */
    TQ_HTTP_TLS,        /* the handshake broke off */
    TQ_HTTP_UNTRUSTED,  /* TLS verification, or a certificate or key that cannot be used */
    TQ_HTTP_UNREADABLE, /* what came is not HTTP, or too large */
    TQ_HTTP_UNSENT,     /* libcurl would not send it: out of memory, an unreadable file */
    TQ_HTTP_LATE        /* not sent, because its fence was passed */
} tq_http_outcome;

/* By what a whole reply with its body is known again, without keeping it. */
typedef struct tq_mark {
    uint64_t hash;  /* of the body, with a key of the transport's */
    int32_t status; /* of HTTP; 0 for none, which equals no other */
} tq_mark;

bool tq_mark_equals(tq_mark a, tq_mark b);

typedef struct tq_http_reply {
    tq_http_outcome outcome;
    const char *error;      /* one line of text where the outcome is not TQ_HTTP_ANSWERED */
    long status;            /* of HTTP; 0 when none came */
    int64_t retry_after_ns; /* Retry-After, both forms; negative when there is none */
    const char *body;       /* not NULL */
    size_t body_len;
    int64_t sent_ns; /* when the request went out, last time if twice; INT64_MIN if never */
    int64_t ended_ns;
    tq_mark mark;
} tq_http_reply;

/* Called when a request goes out on its connection, or with the next step after that, and before
 * its transfer is released at the latest. It may touch C memory only. */
typedef void tq_http_on_sent(void *owner, int64_t now);

typedef enum tq_http_mode { TQ_HTTP_IN_PLACE, TQ_HTTP_THREADED } tq_http_mode;

/* Opens the transport. 0, TQ_ERR_MEMORY or TQ_ERR_SYSTEM. */
int tq_http_open(tq_http **out, tq_http_on_sent *on_sent, tq_http_mode mode);

/* Of a process that was forked, whose the transport of its parent is not: forgets all transfers and
 * connections, and gives nothing back. `lost` is told the owner of each transfer that was
 * submitted and not released. Peers stay valid. */
typedef void tq_http_on_lost(void *owner);
void tq_http_abandon(tq_http *http, tq_http_on_lost *lost);
bool tq_http_is_parents(const tq_http *http);

/* Drops all transfers and connections. Peers stay valid; their transfers do not. */
void tq_http_close(tq_http *http);

/* Does this build have an fd to watch? Without epoll there is none: only tq_http_step waits. */
bool tq_http_is_pollable(void);

/* Readable when there is something to do, including what is due by time, once armed; -1 when there
 * is no fd. */
int tq_http_fd(const tq_http *http);

/* How long until tq_http_step has something to do of itself; TQ_NEVER when it has not. */
int64_t tq_http_wait_ns(const tq_http *http, int64_t now);

/* Makes the fd readable at `at_ns` at the latest, so that a loop needs to watch nothing else. */
void tq_http_arm(tq_http *http, int64_t at_ns);

/* Does what is ready, after waiting at most `wait_ns` for it. 0, or TQ_ERR_SYSTEM; an interrupted
 * wait is no error. */
int tq_http_step(tq_http *http, int64_t wait_ns);

/* For programs that can watch no fd but connect a socket of their own, of a transport with a
 * thread. tq_http_listen gives the path of a socket in a new directory below `directory`. When the
 * program is connected to it, tq_http_hang has the bell rung there, at least once a second, and
 * removes the files. Its reader calls tq_http_step then, which waits for nothing, until it has the
 * bell taken back by tq_http_unhang. 0, TQ_ERR_MEMORY, TQ_ERR_SYSTEM, TQ_ERR_INVALID for a path
 * that is too long or a transport in place. */
int tq_http_listen(tq_http *http, const char *directory, const char **path);
int tq_http_hang(tq_http *http);
void tq_http_unhang(tq_http *http);

/* Starts what was submitted since the last step, without looking at the sockets. */
void tq_http_kick(tq_http *http);

/* Watches an fd of somebody else's for TQ_FD_… (foreign.h) until it is ready, once, or its watching
 * is ended; that has to be before it is closed. 0, TQ_ERR_MEMORY or TQ_ERR_SYSTEM. */
int tq_http_watch_fd(tq_http *http, int fd, int wanted);
void tq_http_unwatch_fd(tq_http *http, int fd);

/* An fd that has become ready and is watched no longer, or -1. */
int tq_http_take_ready(tq_http *http);

size_t tq_http_in_flight(const tq_http *http);

/* How many have ended and were not taken yet. */
size_t tq_http_ended(const tq_http *http);

/* 0, TQ_ERR_MEMORY, or TQ_ERR_INVALID for a base URL that is not as required. */
int tq_http_peer_open(tq_http_peer **out, const tq_http_peer_options *options);

/* Can this be the URL of a proxy? Nothing of it is shown in an error then. */
bool tq_http_is_proxy(const char *text);

/* Would requests to `base_url`, by way of `proxy` unless that is NULL, leave this machine in plain
 * text? So would plain HTTP to a loopback address that is meant for the proxy. What cannot be read
 * counts as exposed. */
bool tq_http_is_exposed(const char *base_url, const char *proxy);

/* Cancels the peer's transfers and frees it. NULL is let pass. */
void tq_http_peer_close(tq_http_peer *peer);

/* May another transfer go at once, or so many more, or would they queue? */
bool tq_http_peer_has_room(const tq_http_peer *peer);
bool tq_http_peer_has_room_for(const tq_http_peer *peer, size_t count);

/* Has it begun a transfer? */
bool tq_http_peer_is_used(const tq_http_peer *peer);

/* The peer's base URL with `path` behind it, with the request headers in `headers` ("Name: value"),
 * a list that NULL ends; they are copied. 0, TQ_ERR_MEMORY or TQ_ERR_INVALID. */
int tq_http_target_open(tq_http_target **out, tq_http_peer *peer, const char *path,
                        const char *const headers[]);
void tq_http_target_close(tq_http_target *target);

/* An unused transfer of the peer, with an empty body. */
int tq_http_begin(tq_http *http, tq_http_peer *peer, tq_transfer **out);

/* The request's body, to be filled in; overwritten after use. */
tq_buf *tq_transfer_body(tq_transfer *transfer);

/* A part of a multipart body, used instead of the plain body once there is one. A file is read
 * while it is sent; TQ_ERR_INVALID when it cannot be opened. */
int tq_transfer_add_text(tq_transfer *transfer, const char *name, const char *value, size_t len);
int tq_transfer_add_file(tq_transfer *transfer, const char *name, const char *path,
                         const char *file_name, const char *type);

bool tq_transfer_is_multipart(const tq_transfer *transfer);

/* The request goes out at most once: when its connection breaks afterwards the transfer fails
 * rather than being repeated on another one. */
void tq_transfer_send_once(tq_transfer *transfer);

/* The request does not go out once the fence is passed. It is held until the transfer is released;
 * NULL for none. */
void tq_transfer_set_fence(tq_transfer *transfer, tq_fence *fence);

/* May a request be submitted ahead of the instant at which it is to go out? */
bool tq_http_can_wait(const tq_http *http);

/* Once the transport has been kicked, the request goes out when the gate has a slot for it, after
 * those that were submitted with the same gate before, and tells the gate what becomes of the slot.
 * It is held until the transfer is released. To be set before it is submitted, for a peer that has
 * room. */
void tq_transfer_set_gate(tq_transfer *transfer, tq_gate *gate);

/* A reply with this mark tells nothing new: while others wait at the same gate it is not told at
 * once, but together with what comes within some milliseconds. */
void tq_transfer_expect(tq_transfer *transfer, tq_mark mark);

/* Tells what has gone out by now, without a step. */
void tq_http_hear_sent(tq_http *http);

/* Gives the transfer a target of its own, freed with it. */
void tq_transfer_own_target(tq_transfer *transfer, tq_http_target *target);

/* POSTs it, at once or when its turn comes. The target must outlive the transfer; NULL for the
 * transfer's own one. What goes wrong shows in the reply. */
void tq_http_submit(tq_transfer *transfer, const tq_http_target *target, void *owner);

/* A transfer that has ended, in the order of their ends, or NULL. Its reply is valid until it is
 * released. */
tq_transfer *tq_http_take(tq_http *http);
const tq_http_reply *tq_transfer_reply(const tq_transfer *transfer);
void *tq_transfer_owner(const tq_transfer *transfer);

/* Ends a transfer in any state: one in flight is cancelled. */
void tq_http_release(tq_transfer *transfer);

/* From now on requests that are submitted are played, or sent again. */
void tq_http_play(tq_http *http, bool is_played);

/* The next request that was sent since this was asked last, or NULL: what is written in it, and a
 * number by which it is answered. The texts are valid until the next call of this room. */
typedef struct tq_http_request {
    uint64_t number;
    const char *url;
    const char *body;
    size_t body_len;
} tq_http_request;

bool tq_http_next_request(tq_http *http, tq_http_request *out);

/* Ends a played request with that reply, whose texts are copied. A request that is not there any
 * more, because it was cancelled, is let pass. 0, TQ_ERR_MEMORY or TQ_ERR_TOO_BIG. */
int tq_http_answer(tq_http *http, uint64_t number, const tq_http_reply *reply);

/* While a transfer is pinned its body and its reply stay where they are, whatever becomes of it and
 * its peer: releasing it then takes effect with the unpinning. For readers that may be interrupted,
 * as by a collection of garbage. True when the transfer outlived its pin. */
void tq_transfer_pin(tq_transfer *transfer);
bool tq_transfer_unpin(tq_transfer *transfer);

#endif
