/* SPDX-License-Identifier: MIT */
#ifndef SERVER_H
#define SERVER_H
/*
 * A tiny HTTP server for tests, in a thread, on a free port of 127.0.0.1. It answers the requests
 * one after the other with the bytes of its script and writes down what it was asked.
 *
 *     server s;
 *     server_start(&s, (const answer[]){{"HTTP/1.1 204 No Content\r\n\r\n"}}, 1);
 *     ...
 *     server_stop(&s);            from here on the log can be read
 *     CHECK(s.requests == 1);
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SERVER_CONNECTIONS = 120, SERVER_LOG = 120, SERVER_REQUEST = 8192 };

typedef struct answer {
    const char *bytes; /* NULL for none */
    size_t len;        /* 0 for all of `bytes` */
    bool hang_up;      /* close the connection after it */
} answer;

typedef struct server {
    int listen_fd, port, stop_fds[2];
    pthread_t thread;
    const answer *script; /* the last one is repeated */
    size_t answers;
    struct pollfd fds[2 + SERVER_CONNECTIONS];
    nfds_t count;
    size_t connections, requests;
    char log[SERVER_LOG][SERVER_REQUEST]; /* whole requests */
} server;

/* Listens and never accepts: whoever connects waits for an answer. Gives the port. */
static inline int listen_in_silence(int *fd)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof address;
    *fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(*fd, (struct sockaddr *)&address, len) != 0 || listen(*fd, 128) != 0 ||
        getsockname(*fd, (struct sockaddr *)&address, &len) != 0)
        return -1;
    return ntohs(address.sin_port);
}

/* The whole request, or false when the connection was closed before its end. */
static inline bool server_read(int fd, char *request)
{
    size_t len = 0;
    for (;;) {
        ssize_t got = recv(fd, request + len, SERVER_REQUEST - 1 - len, 0);
        if (got <= 0)
            return false;
        len += (size_t)got;
        request[len] = '\0';
        const char *end = strstr(request, "\r\n\r\n");
        const char *length = strcasestr(request, "\r\nContent-Length:");
        size_t body = length != NULL ? strtoul(length + 17, NULL, 10) : 0;
        if (end != NULL && len >= (size_t)(end + 4 - request) + body)
            return true;
    }
}

static inline bool server_answer(server *s, int fd)
{
    char request[SERVER_REQUEST];
    if (!server_read(fd, request))
        return false;
    size_t number = s->requests < s->answers ? s->requests : s->answers - 1;
    if (s->requests < SERVER_LOG)
        strcpy(s->log[s->requests], request);
    s->requests++;
    const answer *a = &s->script[number];
    size_t len = a->len > 0 || a->bytes == NULL ? a->len : strlen(a->bytes);
    if (len > 0 && send(fd, a->bytes, len, MSG_NOSIGNAL) < 0)
        return false;
    return !a->hang_up;
}

static inline void *server_run(void *data)
{
    server *s = data;
    for (;;) {
        poll(s->fds, s->count, -1);
        if (s->fds[0].revents != 0)
            return NULL;
        if (s->fds[1].revents != 0 && s->count < 2 + SERVER_CONNECTIONS) {
            s->fds[s->count] = (struct pollfd){accept(s->listen_fd, NULL, NULL), POLLIN, 0};
            s->count++;
            s->connections++;
            continue;
        }
        for (nfds_t i = s->count; i-- > 2;) {
            if (s->fds[i].revents == 0 || server_answer(s, s->fds[i].fd))
                continue;
            close(s->fds[i].fd);
            s->fds[i] = s->fds[--s->count];
        }
    }
}

static inline bool server_start(server *s, const answer *script, size_t answers)
{
    *s = (server){.script = script, .answers = answers, .count = 2};
    s->port = listen_in_silence(&s->listen_fd);
    if (s->port < 0 || pipe(s->stop_fds) != 0)
        return false;
    s->fds[0] = (struct pollfd){s->stop_fds[0], POLLIN, 0};
    s->fds[1] = (struct pollfd){s->listen_fd, POLLIN, 0};
    return pthread_create(&s->thread, NULL, server_run, s) == 0;
}

static inline void server_stop(server *s)
{
    close(s->stop_fds[1]);
    pthread_join(s->thread, NULL);
    close(s->stop_fds[0]);
    close(s->listen_fd);
    for (nfds_t i = 2; i < s->count; i++)
        close(s->fds[i].fd);
}

#endif
