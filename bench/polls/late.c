/* SPDX-License-Identifier: MIT */
/*
 * A server that answers every status poll a span of time after it came, as services do that have
 * something to look up: late PORT MILLISECONDS.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { QUEUE = 1 << 14, EVENTS = 256, MOST_FDS = 1 << 14, LONGEST_REQUEST = 4096 };

typedef struct connection {
    size_t len;
    char text[LONGEST_REQUEST];
} connection;

static connection *connections[MOST_FDS];

/* Due in the order of their coming. */
typedef struct request {
    int fd;
    long long due_ns;
} request;

static request queue[QUEUE];
static unsigned head, tail;
static unsigned long long replies;

static long long now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static int listen_at(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((in_port_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 4096) < 0) {
        perror("late");
        exit(1);
    }
    return fd;
}

static void watch(int poller, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
}

static void take_connection(int poller, int listener)
{
    int fd = accept(listener, NULL, NULL), on = 1;
    if (fd < 0 || fd >= MOST_FDS || (connections[fd] = calloc(1, sizeof(connection))) == NULL) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    watch(poller, fd);
}

/* The size of the request that the text begins with; 0 while it is not whole. */
static size_t request_size(const char *text)
{
    const char *end = strstr(text, "\r\n\r\n");
    const char *length = strcasestr(text, "\r\nContent-Length:");
    if (end == NULL || length == NULL)
        return 0;
    size_t size = (size_t)(end + 4 - text) + strtoul(length + 17, NULL, 10);
    return strlen(text) >= size ? size : 0;
}

static void close_connection(int fd)
{
    close(fd);
    free(connections[fd]);
    connections[fd] = NULL;
}

static void take_request(int fd, long long delay_ns)
{
    connection *from = connections[fd];
    ssize_t count = recv(fd, from->text + from->len, sizeof from->text - 1 - from->len, 0);
    if (count <= 0) {
        close_connection(fd);
        return;
    }
    from->len += (size_t)count;
    from->text[from->len] = '\0';
    size_t size = request_size(from->text);
    if (size == 0)
        return;
    from->len -= size;
    memmove(from->text, from->text + size, from->len + 1);
    if (tail - head < QUEUE)
        queue[tail++ % QUEUE] = (request){.fd = fd, .due_ns = now_ns() + delay_ns};
}

static void answer(int fd)
{
    char body[128], reply[256];
    int len = snprintf(body, sizeof body,
                       "{\"code\":0,\"data\":{\"progress\":42,\"status\":1},\"message\":\"%llu\"}",
                       replies++);
    int size = snprintf(reply, sizeof reply,
                        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                        "Content-Length: %d\r\n\r\n%s",
                        len, body);
    (void)!send(fd, reply, (size_t)size, MSG_NOSIGNAL);
}

static void answer_due(void)
{
    long long now = now_ns();
    for (; head != tail && queue[head % QUEUE].due_ns <= now; head++)
        answer(queue[head % QUEUE].fd);
}

static int wait_for(int poller, struct epoll_event *events)
{
    long long wait = head == tail ? 1000000000LL : queue[head % QUEUE].due_ns - now_ns();
    struct timespec span = {.tv_sec = wait / 1000000000,
                            .tv_nsec = wait > 0 ? wait % 1000000000 : 0};
    return epoll_pwait2(poller, events, EVENTS, &span, NULL);
}

int main(int argc, char **argv)
{
    long long delay_ns = (argc > 2 ? atoll(argv[2]) : 0) * 1000000;
    int listener = listen_at(argc > 1 ? atoi(argv[1]) : 0), poller = epoll_create1(0);
    struct epoll_event events[EVENTS];
    watch(poller, listener);
    for (;;) {
        int count = wait_for(poller, events);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == listener)
                take_connection(poller, listener);
            else
                take_request(events[i].data.fd, delay_ns);
        }
        answer_due();
    }
}
