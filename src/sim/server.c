/* SPDX-License-Identifier: MIT */
#include "sim/server.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "sim/clock.h"
#include "sim/listener.h"

enum { EVENTS_AT_ONCE = 64, CONNECTION_LIMIT = 65536 };

/* ---- parked exchanges: a list in the order of `due`, searched from its end ---- */

static void list_insert(tq_sim_server *server, tq_sim_exchange *x)
{
    tq_sim_exchange *before = server->last;

    while (before != NULL && before->due > x->due) {
        before = before->previous;
    }
    x->previous = before;
    x->next = before != NULL ? before->next : server->first;
    *(x->previous != NULL ? &x->previous->next : &server->first) = x;
    *(x->next != NULL ? &x->next->previous : &server->last) = x;
}

static void list_remove(tq_sim_server *server, tq_sim_exchange *x)
{
    *(x->previous != NULL ? &x->previous->next : &server->first) = x->next;
    *(x->next != NULL ? &x->next->previous : &server->last) = x->previous;
    x->previous = x->next = NULL;
}

static void watch(tq_sim_exchange *x, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = x};
    int poller = x->server->poller;

    if (x->is_watched) {
        (void)epoll_ctl(poller, events != 0 ? EPOLL_CTL_MOD : EPOLL_CTL_DEL, x->fd, &event);
    } else if (events != 0) {
        (void)epoll_ctl(poller, EPOLL_CTL_ADD, x->fd, &event);
    }
    x->is_watched = events != 0;
}

void tq_sim_server_park(tq_sim_exchange *x, double due, uint32_t events)
{
    if (x->phase == TQ_SIM_PARKED) {
        list_remove(x->server, x);
    } else {
        x->phase = TQ_SIM_PARKED;
        MHD_suspend_connection(x->connection);
    }
    x->due = due;
    list_insert(x->server, x);
    watch(x, events);
}

void tq_sim_server_resume(tq_sim_exchange *x)
{
    list_remove(x->server, x);
    watch(x, 0);
    MHD_resume_connection(x->connection);
}

bool tq_sim_server_is_stopping(tq_sim_server *server)
{
    return atomic_load(&server->is_stopping);
}

/* ---- the loop ---- */

/* Milliseconds, rounded up; -1 for ever. */
static int time_to_wait(tq_sim_server *server)
{
    MHD_UNSIGNED_LONG_LONG daemon_ms;
    double ms = HUGE_VAL;

    if (server->first != NULL) {
        ms = ceil((server->first->due - tq_sim_now()) * 1e3);
    }
    if (MHD_get_timeout(server->daemon, &daemon_ms) == MHD_YES && (double)daemon_ms < ms) {
        ms = (double)daemon_ms;
    }
    if (isinf(ms)) {
        return -1;
    }
    return ms < 0 ? 0 : (int)fmin(ms, 3600e3);
}

/* No exchange is freed before the next MHD_run(): the pointers in `events` stay good. */
static void wake_on_events(const struct epoll_event *events, int count)
{
    double now = tq_sim_now();

    for (int i = 0; i < count; i++) {
        tq_sim_exchange *x = events[i].data.ptr;

        if (x != NULL && x->phase == TQ_SIM_PARKED) {
            bool hung_up = (events[i].events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0;

            tq_sim_exchange_wake(x, now, hung_up);
        }
    }
}

static void wake_due(tq_sim_server *server)
{
    double now = tq_sim_now();

    while (server->first != NULL && server->first->due <= now) {
        tq_sim_exchange_wake(server->first, now, false);
    }
}

static void release_all(tq_sim_server *server)
{
    while (server->first != NULL) {
        tq_sim_exchange_wake(server->first, tq_sim_now(), true);
    }
    MHD_run(server->daemon);
}

static void *serve(void *argument)
{
    tq_sim_server *server = argument;
    struct epoll_event events[EVENTS_AT_ONCE];

    while (!tq_sim_server_is_stopping(server)) {
        int count = epoll_wait(server->poller, events, EVENTS_AT_ONCE, time_to_wait(server));

        wake_on_events(events, count);
        wake_due(server);
        MHD_run(server->daemon);
    }
    release_all(server);
    return NULL;
}

/* ---- client certificates ---- */

/*
 * libmicrohttpd asks for a certificate, but takes a connection without one. GnuTLS, which it links,
 * is bound weakly, so that the simulator neither needs its headers nor fails to load without it.
 */
enum { CERT_REQUIRE = 2 }; /* GNUTLS_CERT_REQUIRE */
extern void gnutls_certificate_server_set_request(void *session, int demand) __attribute__((weak));
extern void gnutls_session_set_verify_cert(void *session, const char *hostname, unsigned int flags)
    __attribute__((weak));

static bool can_demand_certificates(void)
{
    return gnutls_certificate_server_set_request != NULL && gnutls_session_set_verify_cert != NULL;
}

static void demand_certificate(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info;

    info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    if (info != NULL) {
        gnutls_certificate_server_set_request(info->tls_session, CERT_REQUIRE);
        gnutls_session_set_verify_cert(info->tls_session, NULL, 0);
    }
}

/* ---- starting and stopping ---- */

static void number_connection(void *cls, struct MHD_Connection *connection, void **context,
                              enum MHD_ConnectionNotificationCode code)
{
    tq_sim_server *server = cls;

    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *context = (void *)(uintptr_t)(atomic_fetch_add(&server->connections, 1) + 1);
        if (server->wants_client_cert) {
            demand_certificate(connection);
        }
    }
}

static struct MHD_OptionItem option(enum MHD_OPTION name, const char *value)
{
    struct MHD_OptionItem item = {.option = name, .ptr_value = (void *)(uintptr_t)value};

    return item;
}

static unsigned int tls_options(const tq_sim_tls *tls, struct MHD_OptionItem options[5])
{
    int count = 0;

    if (tls != NULL) {
        options[count++] = option(MHD_OPTION_HTTPS_MEM_CERT, tls->cert);
        options[count++] = option(MHD_OPTION_HTTPS_MEM_KEY, tls->key);
    }
    if (tls != NULL && tls->client_ca != NULL) {
        options[count++] = option(MHD_OPTION_HTTPS_MEM_TRUST, tls->client_ca);
    }
    if (tls != NULL && tls->priority != NULL) {
        options[count++] = option(MHD_OPTION_HTTPS_PRIORITIES, tls->priority);
    }
    options[count] = option(MHD_OPTION_END, NULL);
    return tls != NULL ? MHD_USE_TLS : 0;
}

static const char *start_daemon(tq_sim_server *server, const tq_sim_tls *tls)
{
    struct MHD_OptionItem options[5];
    unsigned int flags = tls_options(tls, options);

    server->wants_client_cert = tls != NULL && tls->client_ca != NULL;
    if (server->wants_client_cert && !can_demand_certificates()) {
        errno = 0;
        return "libmicrohttpd has no GnuTLS to check client certificates with";
    }
    errno = 0;
    server->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | flags, 0, NULL, NULL, tq_sim_exchange_step,
        server, MHD_OPTION_LISTEN_SOCKET, server->listener, MHD_OPTION_URI_LOG_CALLBACK,
        tq_sim_exchange_begin, server, MHD_OPTION_NOTIFY_COMPLETED, tq_sim_exchange_end, server,
        MHD_OPTION_NOTIFY_CONNECTION, number_connection, server, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned int)CONNECTION_LIMIT, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
    if (server->daemon == NULL) {
        return tls != NULL ? "cannot start the HTTPS server with this certificate and key"
                           : "cannot start the HTTP server";
    }
    server->listener = -1; /* the daemon's now */
    return NULL;
}

static bool poll_also(tq_sim_server *server, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};

    return epoll_ctl(server->poller, EPOLL_CTL_ADD, fd, &event) == 0;
}

static const char *open_poller(tq_sim_server *server)
{
    const union MHD_DaemonInfo *info;

    info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    server->poller = epoll_create1(EPOLL_CLOEXEC);
    server->wakeup = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (info == NULL || server->poller < 0 || server->wakeup < 0 ||
        !poll_also(server, info->epoll_fd) || !poll_also(server, server->wakeup)) {
        return "cannot watch the connections";
    }
    return NULL;
}

/* Signals are the business of the program's own threads. */
static const char *start_thread(tq_sim_server *server)
{
    sigset_t all;
    sigset_t before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    errno = pthread_create(&server->thread, NULL, serve, server);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    server->has_thread = errno == 0;
    return server->has_thread ? NULL : "cannot start the server's thread";
}

void tq_sim_server_init(tq_sim_server *server)
{
    memset(server, 0, sizeof *server);
    server->listener = server->poller = server->wakeup = -1;
    atomic_init(&server->is_stopping, false);
    atomic_init(&server->connections, 0);
    server->pid = getpid();
}

const char *tq_sim_server_start(tq_sim_server *server, const char *host, int port,
                                const tq_sim_tls *tls)
{
    const char *what = NULL;

    server->port = port;
    server->listener = tq_sim_listener_open(host, &server->port, &what);
    if (server->listener < 0) {
        return what;
    }
    what = start_daemon(server, tls);
    if (what == NULL) {
        what = open_poller(server);
    }
    if (what == NULL) {
        what = start_thread(server);
    }
    server->is_open = what == NULL;
    return what;
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

static void stop_thread(tq_sim_server *server)
{
    uint64_t one = 1;

    atomic_store(&server->is_stopping, true);
    (void)!write(server->wakeup, &one, sizeof one);
    pthread_join(server->thread, NULL);
    server->has_thread = false;
}

void tq_sim_server_stop(tq_sim_server *server)
{
    server->is_open = false;
    if (server->pid != getpid()) {
        return;
    }
    if (server->has_thread) {
        stop_thread(server);
    }
    if (server->daemon != NULL) {
        MHD_stop_daemon(server->daemon);
        server->daemon = NULL;
    }
    close_fd(&server->listener);
    close_fd(&server->poller);
    close_fd(&server->wakeup);
    tq_sim_state_close(&server->state);
}
