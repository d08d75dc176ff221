/* SPDX-License-Identifier: MIT */
#include "sim/exchange.h"

#include <errno.h>
#include <linux/sockios.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "sim/answer.h"
#include "sim/clock.h"
#include "sim/server.h"

static const size_t MAX_BODY = (size_t)64 << 20;
static const double FLUSH_PAUSE = 1e-3;
static const double FLUSH_PATIENCE = 1.0;

/* ---- the request ---- */

void *tq_sim_exchange_begin(void *cls, const char *uri, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info;
    tq_sim_exchange *x = calloc(1, sizeof *x);

    if (x == NULL) {
        return NULL;
    }
    info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    x->server = cls;
    x->connection = connection;
    x->fd = info->connect_fd;
    x->uri = strdup(uri);
    return x;
}

static bool make_room(tq_sim_bytes *b, size_t size)
{
    size_t room = b->room != 0 ? b->room : 1024;
    char *bytes;

    while (room < size) {
        room *= 2;
    }
    if (room == b->room) {
        return true;
    }
    bytes = realloc(b->bytes, room);
    if (bytes == NULL) {
        return false;
    }
    b->bytes = bytes;
    b->room = room;
    return true;
}

/* Too big a body is counted, not kept: the client hears of it when it has sent it all. */
static enum MHD_Result receive(tq_sim_exchange *x, const char *data, size_t *size)
{
    x->body_bytes += *size;
    if (x->body_bytes <= MAX_BODY) {
        if (!make_room(&x->body, x->body.size + *size)) {
            return MHD_NO;
        }
        memcpy(x->body.bytes + x->body.size, data, *size);
        x->body.size += *size;
    }
    *size = 0;
    return MHD_YES;
}

/* ---- the answer ---- */

/* What the service's reply asks for, once the delay is over. True while it stays parked. */
static bool begin_reply(tq_sim_exchange *x, double now)
{
    if (x->reply.is_silent) {
        tq_sim_server_park(x, HUGE_VAL, EPOLLRDHUP);
        return true;
    }
    if (x->reply.is_wire) {
        tq_sim_server_park(x, now, 0);
        return true;
    }
    return false;
}

static enum MHD_Result answer(tq_sim_exchange *x)
{
    double now = tq_sim_now();

    tq_sim_answer(x, x->body_bytes > MAX_BODY);
    if (x->reply.delay > 0) {
        tq_sim_server_park(x, now + x->reply.delay, 0);
        return MHD_YES;
    }
    if (begin_reply(x, now)) {
        return MHD_YES;
    }
    x->phase = TQ_SIM_READY;
    return MHD_queue_response(x->connection, (unsigned int)x->reply.status, x->reply.response);
}

enum MHD_Result tq_sim_exchange_step(void *cls, struct MHD_Connection *connection, const char *url,
                                     const char *method, const char *version, const char *data,
                                     size_t *size, void **context)
{
    tq_sim_exchange *x = *context;

    (void)cls, (void)url, (void)version;
    if (x == NULL || x->uri == NULL || tq_sim_server_is_stopping(x->server)) {
        return MHD_NO;
    }
    if (x->phase == TQ_SIM_NEW) {
        x->phase = TQ_SIM_RECEIVING;
        x->method = method;
        return MHD_YES;
    }
    if (*size > 0) {
        return receive(x, data, size);
    }
    if (x->phase == TQ_SIM_RECEIVING) {
        return answer(x);
    }
    if (x->phase == TQ_SIM_READY) {
        return MHD_queue_response(connection, (unsigned int)x->reply.status, x->reply.response);
    }
    return MHD_NO;
}

/* ---- bytes past libmicrohttpd ---- */

static void finish(tq_sim_exchange *x, enum tq_sim_phase phase)
{
    x->phase = phase;
    tq_sim_server_resume(x);
}

/*
 * libmicrohttpd shuts a socket down before it closes it, which sends a FIN whatever SO_LINGER
 * says. Connecting to nowhere is what makes Linux send the RST at once.
 */
static void reset_socket(int fd)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    struct sockaddr nowhere = {.sa_family = AF_UNSPEC};

    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    (void)connect(fd, &nowhere, sizeof nowhere);
}

/* A reset drops what the client has not taken yet: wait for it, but not for ever. */
static bool is_flushed(tq_sim_exchange *x, double now)
{
    int unsent = 0;

    if (x->give_up <= 0) {
        x->give_up = now + FLUSH_PATIENCE;
    }
    return ioctl(x->fd, SIOCOUTQ, &unsent) != 0 || unsent == 0 || now >= x->give_up;
}

static void end_wire(tq_sim_exchange *x, double now)
{
    if (x->reply.is_held) {
        x->reply.is_silent = true;
        tq_sim_server_park(x, HUGE_VAL, EPOLLRDHUP);
        return;
    }
    if (!x->reply.is_reset) {
        (void)shutdown(x->fd, SHUT_WR);
    } else if (is_flushed(x, now)) {
        reset_socket(x->fd);
    } else {
        tq_sim_server_park(x, now + FLUSH_PAUSE, 0);
        return;
    }
    finish(x, TQ_SIM_OVER);
}

static size_t bytes_to_send(const tq_sim_exchange *x)
{
    size_t left = x->reply.wire.size - x->sent;

    if (x->sent < x->reply.burst) {
        return left < x->reply.burst - x->sent ? left : x->reply.burst - x->sent;
    }
    return left < 1 ? left : 1;
}

static void send_wire(tq_sim_exchange *x, double now)
{
    size_t size = bytes_to_send(x);
    ssize_t sent;

    if (size == 0) {
        end_wire(x, now);
        return;
    }
    sent = send(x->fd, x->reply.wire.bytes + x->sent, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
        x->sent += (size_t)sent;
        tq_sim_server_park(x, x->sent < x->reply.burst ? now : now + x->reply.pace, 0);
    } else if (errno == EAGAIN || errno == EINTR) {
        tq_sim_server_park(x, HUGE_VAL, EPOLLOUT);
    } else {
        finish(x, TQ_SIM_OVER);
    }
}

/* The delay of an ordinary reply is over, a wire reply goes on, or the client is gone. */
void tq_sim_exchange_wake(tq_sim_exchange *x, double now, bool hung_up)
{
    if (hung_up) {
        finish(x, TQ_SIM_OVER);
    } else if (x->reply.is_silent) {
        tq_sim_server_park(x, HUGE_VAL, EPOLLRDHUP);
    } else if (x->reply.is_wire) {
        send_wire(x, now);
    } else {
        finish(x, TQ_SIM_READY);
    }
}

void tq_sim_exchange_end(void *cls, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode how)
{
    tq_sim_exchange *x = *context;

    (void)cls, (void)connection, (void)how;
    if (x == NULL) {
        return;
    }
    if (x->reply.response != NULL) {
        MHD_destroy_response(x->reply.response);
    }
    free(x->reply.wire.bytes);
    free(x->body.bytes);
    free(x->uri);
    free(x);
    *context = NULL;
}
