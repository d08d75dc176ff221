/* SPDX-License-Identifier: MIT */
#include "fleet/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fleet/resolve.h"

enum { CHUNK = 16 * 1024, LONGEST_FAILURE = 160 };

struct tq_connection {
    tq_resolve *resolve; /* while the name is looked up, and for its addresses */
    const struct addrinfo *next_address;
    int fd;
    bool is_up;
    bool has_failed;
    redisReader *reader;
    char *out; /* from `sent` to `len` is still to be sent */
    size_t sent, len, capacity;
    char failure[LONGEST_FAILURE];
};

static void drop_socket(tq_connection *link)
{
    if (link->fd >= 0)
        close(link->fd);
    link->fd = -1;
}

static void fail(tq_connection *link, const char *what, const char *why)
{
    snprintf(link->failure, sizeof link->failure, "%s: %s", what, why);
    link->has_failed = true;
    link->is_up = false;
    drop_socket(link);
    tq_resolve_end(link->resolve);
    link->resolve = NULL;
}

static bool begin_connecting(tq_connection *link, const struct sockaddr *address, socklen_t len)
{
    link->fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (link->fd < 0)
        return false;
    const int on = 1;
    if (address->sa_family != AF_UNIX)
        (void)setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(link->fd, address, len) == 0 || errno == EINPROGRESS)
        return true;
    int why = errno;
    drop_socket(link);
    errno = why;
    return false;
}

/* Tries the addresses from the next one on, until one of them can be tried. */
static void try_next(tq_connection *link, int error)
{
    while (link->next_address != NULL) {
        const struct addrinfo *address = link->next_address;
        link->next_address = address->ai_next;
        if (begin_connecting(link, address->ai_addr, address->ai_addrlen))
            return;
        error = errno;
    }
    fail(link, "cannot connect", strerror(error));
}

static void open_unix(tq_connection *link, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        fail(link, "cannot connect", "the path of the socket is too long");
        return;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (!begin_connecting(link, (struct sockaddr *)&address, sizeof address))
        fail(link, "cannot connect", strerror(errno));
}

tq_connection *tq_connection_open(const char *host, const char *port)
{
    tq_connection *link = calloc(1, sizeof *link);
    if (link == NULL)
        return NULL;
    link->fd = -1;
    link->reader = redisReaderCreate();
    if (link->reader == NULL) {
        free(link);
        return NULL;
    }
    if (port == NULL) {
        open_unix(link, host);
    } else {
        link->resolve = tq_resolve_start(host, port);
        if (link->resolve == NULL)
            fail(link, "cannot look the host up", "no thread for it");
    }
    return link;
}

void tq_connection_close(tq_connection *link)
{
    drop_socket(link);
    tq_resolve_end(link->resolve);
    redisReaderFree(link->reader);
    /* A password may have been in it. */
    if (link->out != NULL)
        explicit_bzero(link->out, link->capacity);
    free(link->out);
    free(link);
}

int tq_connection_fd(const tq_connection *link)
{
    if (link->fd < 0 && link->resolve != NULL)
        return tq_resolve_fd(link->resolve);
    return link->fd;
}

int tq_connection_wants(const tq_connection *link)
{
    if (link->fd < 0)
        return TQ_WANTS_READ;
    if (!link->is_up)
        return TQ_WANTS_WRITE;
    return TQ_WANTS_READ | (link->sent < link->len ? TQ_WANTS_WRITE : 0);
}

bool tq_connection_is_up(const tq_connection *link)
{
    return link->is_up;
}

static bool reserve(tq_connection *link, size_t more)
{
    if (link->sent > 0) {
        memmove(link->out, link->out + link->sent, link->len - link->sent);
        link->len -= link->sent;
        link->sent = 0;
    }
    size_t needed = link->len + more, capacity = link->capacity > 0 ? link->capacity : CHUNK;
    if (needed <= link->capacity)
        return true;
    while (capacity < needed)
        capacity *= 2;
    char *out = realloc(link->out, capacity);
    if (out == NULL)
        return false;
    link->out = out;
    link->capacity = capacity;
    return true;
}

bool tq_connection_send(tq_connection *link, int argc, const char **argv, const size_t *lengths)
{
    char *command;
    int len = redisFormatCommandArgv(&command, argc, argv, lengths);
    if (len < 0)
        return false;
    bool has_room = reserve(link, (size_t)len);
    if (has_room) {
        memcpy(link->out + link->len, command, (size_t)len);
        link->len += (size_t)len;
    }
    redisFreeCommand(command);
    return has_room;
}

static void resolve(tq_connection *link)
{
    const char *why;
    link->next_address = tq_resolve_result(link->resolve, &why);
    if (link->next_address != NULL)
        try_next(link, 0);
    else if (why != NULL)
        fail(link, "cannot look the host up", why);
}

/* The socket can be written: the connection was made, or could not be. */
static void finish_connecting(tq_connection *link)
{
    int error = 0;
    socklen_t len = sizeof error;
    struct sockaddr_storage peer;
    socklen_t peer_len = sizeof peer;
    if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = errno;
    if (error != 0) {
        drop_socket(link);
        try_next(link, error);
        return;
    }
    link->is_up = getpeername(link->fd, (struct sockaddr *)&peer, &peer_len) == 0;
}

static bool would_block(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/* Gives what went wrong, or 0. */
static int write_out(tq_connection *link)
{
    while (link->sent < link->len) {
        ssize_t done = send(link->fd, link->out + link->sent, link->len - link->sent, MSG_NOSIGNAL);
        if (done < 0)
            return would_block() ? 0 : errno;
        link->sent += (size_t)done;
    }
    return 0;
}

void tq_connection_flush(tq_connection *link)
{
    if (link->is_up)
        (void)write_out(link);
}

static void read_in(tq_connection *link)
{
    char bytes[CHUNK];
    while (!link->has_failed) {
        ssize_t got = recv(link->fd, bytes, sizeof bytes, 0);
        if (got < 0 && would_block())
            return;
        if (got <= 0)
            fail(link, "the connection broke", got == 0 ? "closed by Redis" : strerror(errno));
        else if (redisReaderFeed(link->reader, bytes, (size_t)got) != REDIS_OK)
            fail(link, "cannot read what Redis sent", link->reader->errstr);
    }
}

void tq_connection_step(tq_connection *link)
{
    if (link->fd < 0 && link->resolve != NULL && !link->has_failed)
        resolve(link);
    if (link->fd >= 0 && !link->is_up)
        finish_connecting(link);
    if (!link->is_up)
        return;
    int error = write_out(link);
    if (error != 0)
        fail(link, "the connection broke", strerror(error));
    else
        read_in(link);
}

redisReply *tq_connection_take(tq_connection *link)
{
    void *reply = NULL;
    if (redisReaderGetReply(link->reader, &reply) != REDIS_OK && !link->has_failed)
        fail(link, "cannot read what Redis sent", link->reader->errstr);
    return reply;
}

const char *tq_connection_failure(const tq_connection *link)
{
    return link->has_failed ? link->failure : NULL;
}
