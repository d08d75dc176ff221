/* SPDX-License-Identifier: MIT */
#ifndef TQ_SIM_EXCHANGE_H
#define TQ_SIM_EXCHANGE_H
/*
 * One HTTP request and its answer, from the request line to the moment when libmicrohttpd lets go
 * of it. The request is gathered whole, handed to the service as a table, and the service's reply
 * table says what happens to the connection:
 *
 *   status, headers = { { name, value }, … }, body     an ordinary reply, sent by libmicrohttpd
 *   wire = "bytes", burst = n, pace = s, reset = bool  these bytes instead, the first n at once and
 *                                                      each further one after s seconds, then the
 *                                                      connection is closed, or reset
 *   hold = true                                        with `wire`: silence after it
 *   silent = true                                      nothing, ever
 *   delay = s                                          before any of the first two
 *
 * Whatever cannot be sent at once is parked: the connection is suspended and the server's loop
 * calls tq_sim_exchange_wake() when it is due or its socket has something to say. Everything here
 * runs in the server's thread.
 */
#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct tq_sim_server tq_sim_server;

/* `bytes` is the exchange's own. */
typedef struct tq_sim_bytes {
    char *bytes;
    size_t size;
    size_t room;
} tq_sim_bytes;

typedef struct tq_sim_reply {
    int status;
    struct MHD_Response *response; /* the ordinary reply */
    bool is_silent;
    bool is_wire;
    bool is_reset;
    bool is_held;
    tq_sim_bytes wire;
    size_t burst;
    double pace;
    double delay;
} tq_sim_reply;

enum tq_sim_phase {
    TQ_SIM_NEW,
    TQ_SIM_RECEIVING,
    TQ_SIM_PARKED, /* in the server's list of parked exchanges, suspended */
    TQ_SIM_READY,  /* its ordinary reply may be sent */
    TQ_SIM_OVER    /* nothing more to send: close the connection */
};

typedef struct tq_sim_exchange {
    tq_sim_server *server;
    struct MHD_Connection *connection;
    int fd;
    enum tq_sim_phase phase;
    char *uri;          /* as it was on the request line, query included */
    const char *method; /* libmicrohttpd's */
    tq_sim_bytes body;
    uint64_t body_bytes; /* received, kept or not */
    tq_sim_reply reply;
    size_t sent;
    double give_up; /* no more waiting for the client to take the last bytes */
    /* the server's: see server.h */
    double due;
    bool is_watched;
    struct tq_sim_exchange *previous;
    struct tq_sim_exchange *next;
} tq_sim_exchange;

/* The four callbacks of libmicrohttpd; `cls` is the server. */
void *tq_sim_exchange_begin(void *cls, const char *uri, struct MHD_Connection *connection);
enum MHD_Result tq_sim_exchange_step(void *cls, struct MHD_Connection *connection, const char *url,
                                     const char *method, const char *version, const char *data,
                                     size_t *size, void **context);
void tq_sim_exchange_end(void *cls, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode how);

/* A parked exchange is due, or its socket is writable (`hung_up` false) or gone (true). */
void tq_sim_exchange_wake(tq_sim_exchange *x, double now, bool hung_up);

#endif
