/* SPDX-License-Identifier: MIT */
#include "sim/listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int listen_on(const struct addrinfo *address, const char **what)
{
    int yes = 1;
    int kind = address->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC;
    int fd = socket(address->ai_family, kind, address->ai_protocol);

    if (fd < 0) {
        *what = "cannot make a socket";
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, SOMAXCONN) != 0) {
        int error = errno;

        *what = "cannot listen";
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static int port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {.v6 = {0}};
    socklen_t size = sizeof address;

    if (getsockname(fd, &address.any, &size) != 0) {
        return 0;
    }
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

int tq_sim_listener_open(const char *host, int *port, const char **what)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *addresses;
    char service[16];
    int status;
    int fd;

    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    (void)snprintf(service, sizeof service, "%d", *port);
    status = getaddrinfo(host, service, &hints, &addresses);
    if (status != 0) {
        *what = gai_strerror(status);
        errno = 0;
        return -1;
    }
    fd = listen_on(addresses, what);
    freeaddrinfo(addresses);
    if (fd >= 0) {
        *port = port_of(fd);
    }
    return fd;
}
