/* SPDX-License-Identifier: MIT */
/*
 * The plain libcurl programs that polls are compared with: easy handles that are used again, their
 * options set once, replies counted and not read. Driven by curl_multi_poll, or by socket actions
 * on an epoll set as libcurl's documentation shows it.
 *
 *     curl poll|epoll json|soap URL IN_FLIGHT SECONDS [UNANSWERED_URL COUNT]
 *
 * prints: requests, CPU seconds, seconds, peak memory in KiB. COUNT requests more are sent to a
 * server that leaves them unanswered.
 */
#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>

enum { EVENTS = 64 };

static const char form_request[] = "id=1&apiKey=0123456789abcdef0123456789abcdef";
static struct curl_slist *headers;
static char soap_request[2048];
static bool is_soap;

static CURLM *multi;
static int epoll_fd;
static long timeout_ms = -1;
static unsigned long requests;

static void die(const char *why)
{
    fprintf(stderr, "bench/polls/curl: %s\n", why);
    exit(1);
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static double cpu_now(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

static size_t ignore(char *bytes, size_t size, size_t count, void *data)
{
    (void)bytes;
    (void)data;
    return size * count;
}

static void read_soap_request(void)
{
    FILE *file = fopen("bench/polls/request.soap", "r");
    if (file == NULL || fread(soap_request, 1, sizeof soap_request - 1, file) == 0)
        die("cannot read bench/polls/request.soap");
    fclose(file);
}

static void add(const char *url)
{
    CURL *easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, is_soap ? soap_request : form_request);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore);
    curl_multi_add_handle(multi, easy);
}

static void again(void)
{
    int left;
    CURLMsg *message;
    while ((message = curl_multi_info_read(multi, &left)) != NULL) {
        CURL *easy = message->easy_handle;
        long status = 0;
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        if (message->data.result != CURLE_OK || status != 200)
            die("a request failed");
        requests++;
        curl_multi_remove_handle(multi, easy);
        curl_multi_add_handle(multi, easy);
    }
}

static void poll_until(double end)
{
    while (seconds_now() < end) {
        int running;
        curl_multi_perform(multi, &running);
        again();
        curl_multi_poll(multi, NULL, 0, 1000, NULL);
    }
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *known)
{
    (void)easy;
    (void)data;
    struct epoll_event event = {.data.fd = fd};
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    event.events = (what & CURL_POLL_IN ? (uint32_t)EPOLLIN : 0) |
                   (what & CURL_POLL_OUT ? (uint32_t)EPOLLOUT : 0);
    epoll_ctl(epoll_fd, known != NULL ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
    curl_multi_assign(multi, fd, &epoll_fd);
    return 0;
}

static int on_timer(CURLM *unused, long ms, void *data)
{
    (void)unused;
    (void)data;
    timeout_ms = ms;
    return 0;
}

static void act(const struct epoll_event *event)
{
    int running;
    int ready = (event->events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                (event->events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                (event->events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
    curl_multi_socket_action(multi, event->data.fd, ready, &running);
}

static void epoll_until(double end)
{
    struct epoll_event events[EVENTS];
    while (seconds_now() < end) {
        int running;
        int count = epoll_wait(epoll_fd, events, EVENTS, timeout_ms < 0 ? 1000 : (int)timeout_ms);
        for (int i = 0; i < count; i++)
            act(&events[i]);
        if (count == 0 || timeout_ms == 0) {
            timeout_ms = -1; /* it goes off once */
            curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
        }
        again();
    }
}

static void use_epoll(void)
{
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
}

static void add_all(char **args)
{
    int in_flight = atoi(args[4]);
    for (int i = 0; args[6] != NULL && i < atoi(args[7]); i++)
        add(args[6]);
    for (int i = 0; i < in_flight; i++)
        add(args[3]);
}

static void set_up(char **args, bool by_epoll)
{
    is_soap = strcmp(args[2], "soap") == 0;
    if (is_soap) {
        read_soap_request();
        headers = curl_slist_append(NULL, "Content-Type: text/xml; charset=utf-8");
        headers = curl_slist_append(headers, "SOAPAction: \"\"");
    }
    multi = curl_multi_init();
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, 4096L);
    if (by_epoll)
        use_epoll();
    add_all(args);
}

int main(int argc, char **argv)
{
    if (argc != 6 && argc != 8)
        die("poll|epoll json|soap URL IN_FLIGHT SECONDS [UNANSWERED_URL COUNT]");
    bool by_epoll = strcmp(argv[1], "epoll") == 0;
    void (*run_until)(double) = by_epoll ? epoll_until : poll_until;
    double seconds = atof(argv[5]);
    set_up(argv, by_epoll);
    run_until(seconds_now() + seconds / 3);
    unsigned long before = requests;
    double cpu = cpu_now(), began = seconds_now();
    run_until(began + seconds);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("%lu %.6f %.6f %ld\n", requests - before, cpu_now() - cpu, seconds_now() - began,
           usage.ru_maxrss);
    return 0;
}
