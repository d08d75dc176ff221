/* SPDX-License-Identifier: MIT */
#ifndef TQ_SIM_SERVER_H
#define TQ_SIM_SERVER_H
/*
 * The HTTP server: a listening socket, a libmicrohttpd daemon and one thread that drives it from
 * outside, together with the parked exchanges, over one epoll descriptor. The server is the
 * userdata that the user holds; its thread ends, and everything is freed, in tq_sim_server_stop().
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/types.h>

#include "sim/exchange.h"
#include "sim/state.h"

struct tq_sim_server {
    tq_sim_state state;
    struct MHD_Daemon *daemon;
    int listener;
    int poller; /* epoll: `wakeup`, the daemon's own epoll descriptor, sockets of parked exchanges
                 */
    int wakeup; /* eventfd */
    int port;
    pid_t pid; /* a forked child has the memory but not the thread */
    pthread_t thread;
    bool has_thread;
    bool wants_client_cert;
    bool is_open;
    atomic_bool is_stopping;
    atomic_uint_fast64_t connections;
    tq_sim_exchange *first; /* parked, the earliest due first */
    tq_sim_exchange *last;
};

/* The state that tq_sim_server_stop() may be called in, with nothing opened. */
void tq_sim_server_init(tq_sim_server *server);

/*
 * PEM text. With `client_ca` a client has to show a certificate that it signed. Under TLS no reply
 * may have `wire` bytes: they would go past it.
 */
typedef struct tq_sim_tls {
    const char *cert;
    const char *key;
    const char *client_ca; /* or NULL */
    const char *priority;  /* of GnuTLS; NULL for what libmicrohttpd finds right */
} tq_sim_tls;

/*
 * Starts to listen and serve; NULL, or what failed, with errno set or 0. `state` is open already.
 * `tls` is NULL for plain HTTP, and need not outlive the call.
 */
const char *tq_sim_server_start(tq_sim_server *server, const char *host, int port,
                                const tq_sim_tls *tls);

/* Ends the thread, the connections and the state. Idempotent. */
void tq_sim_server_stop(tq_sim_server *server);

/*
 * For exchanges, in the server's thread. `park` suspends the connection (or moves what is parked
 * already) until `due`, HUGE_VAL for never, or until its socket shows one of `events` of epoll;
 * `resume` hands the connection back to libmicrohttpd.
 */
void tq_sim_server_park(tq_sim_exchange *x, double due, uint32_t events);
void tq_sim_server_resume(tq_sim_exchange *x);

/* From now on nothing may be parked: libmicrohttpd aborts when it is stopped with that. */
bool tq_sim_server_is_stopping(tq_sim_server *server);

#endif
