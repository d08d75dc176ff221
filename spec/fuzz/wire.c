/* SPDX-License-Identifier: MIT */
#include "wire.h"

#include <curl/curl.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"

enum { MOST_CONNECTIONS = 16 };

static struct {
    const void *bytes;
    size_t len;
    int ends[MOST_CONNECTIONS];
    int count;
} wire;

void wire_answer(const void *bytes, size_t len)
{
    wire.bytes = bytes;
    wire.len = len;
}

void wire_reset(void)
{
    while (wire.count > 0)
        close(wire.ends[--wire.count]);
}

int __wrap_socket(int family, int type, int protocol);
int __wrap_socket(int family, int type, int protocol)
{
    int pair[2];
    (void)family, (void)protocol;
    MUST(wire.count < MOST_CONNECTIONS);
    MUST(socketpair(AF_UNIX, type, 0, pair) == 0);
    /* The bytes wait in the socket: inputs are smaller than what it takes at once. */
    MUST(send(pair[1], wire.bytes, wire.len, MSG_NOSIGNAL) == (ssize_t)wire.len);
    MUST(shutdown(pair[1], SHUT_WR) == 0);
    wire.ends[wire.count++] = pair[1];
    return pair[0];
}

static int is_connected(void *data, curl_socket_t fd, curlsocktype purpose)
{
    (void)data, (void)fd, (void)purpose;
    return CURL_SOCKOPT_ALREADY_CONNECTED;
}

CURL *__real_curl_easy_init(void);
CURL *__wrap_curl_easy_init(void);
CURL *__wrap_curl_easy_init(void)
{
    CURL *easy = __real_curl_easy_init();
    if (easy != NULL)
        curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, is_connected);
    return easy;
}
