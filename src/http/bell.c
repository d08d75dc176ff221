/* SPDX-License-Identifier: MIT */
#include "http/bell.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"

#define SOCKET_NAME "/bell"

int tq_bell_open(tq_bell *bell)
{
    *bell = (tq_bell){.ends = {-1, -1}, .hung = -1, .listener = -1};
    int type = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
    return socketpair(AF_UNIX, type, 0, bell->ends) == 0 ? TQ_OK : TQ_ERR_SYSTEM;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Leaves nothing behind, whatever has become of the socket. */
static void stop_listening(tq_bell *bell)
{
    close_fd(&bell->listener);
    if (bell->path == NULL)
        return;
    unlink(bell->path);
    *strrchr(bell->path, '/') = '\0';
    rmdir(bell->path);
    free(bell->path);
    bell->path = NULL;
}

void tq_bell_unhang(tq_bell *bell)
{
    stop_listening(bell);
    close_fd(&bell->hung);
}

void tq_bell_close(tq_bell *bell)
{
    tq_bell_unhang(bell);
    close_fd(&bell->ends[0]);
    close_fd(&bell->ends[1]);
}

int tq_bell_fd(const tq_bell *bell)
{
    return bell->ends[1];
}

bool tq_bell_is_hung(const tq_bell *bell)
{
    return bell->hung >= 0;
}

void tq_bell_ring(const tq_bell *bell)
{
    int fd = bell->hung >= 0 ? bell->hung : bell->ends[0];
    /* A full socket has been rung already, and nobody hears one that is closed. */
    (void)!send(fd, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void tq_bell_hush(const tq_bell *bell)
{
    char bytes[64];
    while (recv(bell->ends[1], bytes, sizeof bytes, MSG_DONTWAIT) == (ssize_t)sizeof bytes)
        continue;
}

static int make_path(tq_bell *bell, const char *directory)
{
    static const char name[] = "/taskqueue-XXXXXX";
    size_t len = strlen(directory) + sizeof name - 1;
    bell->path = malloc(len + sizeof SOCKET_NAME);
    if (bell->path == NULL)
        return TQ_ERR_MEMORY;
    memcpy(bell->path, directory, strlen(directory));
    memcpy(bell->path + strlen(directory), name, sizeof name);
    /* The directory is for its owner alone. */
    if (mkdtemp(bell->path) != NULL) {
        memcpy(bell->path + len, SOCKET_NAME, sizeof SOCKET_NAME);
        return TQ_OK;
    }
    free(bell->path);
    bell->path = NULL;
    return TQ_ERR_SYSTEM;
}

static int listen_at(tq_bell *bell, const struct sockaddr_un *address)
{
    bell->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool listens = bell->listener >= 0 &&
                   bind(bell->listener, (const struct sockaddr *)address, sizeof *address) == 0 &&
                   listen(bell->listener, 1) == 0;
    return listens ? TQ_OK : TQ_ERR_SYSTEM;
}

int tq_bell_listen(tq_bell *bell, const char *directory, const char **path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    tq_bell_unhang(bell);
    int err = make_path(bell, directory);
    if (err != TQ_OK)
        return err;
    size_t size = strlen(bell->path) + 1;
    err = size <= sizeof address.sun_path ? TQ_OK : TQ_ERR_INVALID;
    if (err == TQ_OK) {
        memcpy(address.sun_path, bell->path, size);
        err = listen_at(bell, &address);
    }
    *path = bell->path;
    if (err != TQ_OK) {
        int why = errno;
        stop_listening(bell);
        errno = why;
    }
    return err;
}

static bool is_of_this_process(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid == getpid();
}

int tq_bell_hang(tq_bell *bell)
{
    if (bell->listener < 0) {
        errno = ENOTCONN;
        return TQ_ERR_SYSTEM;
    }
    int fd = accept4(bell->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    while (fd >= 0 && !is_of_this_process(fd)) {
        close(fd);
        fd = accept4(bell->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    }
    int why = errno;
    stop_listening(bell);
    bell->hung = fd;
    errno = why;
    return fd >= 0 ? TQ_OK : TQ_ERR_SYSTEM;
}
