/* SPDX-License-Identifier: MIT */
/* A transport with a thread: what the tests of the transport do not see, which run over it too. */
#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "http_client.h"

static server srv; /* one at a time; its log is large */
static const answer hello[] = {{.bytes = HELLO}};

static client open_threaded(int port)
{
    setenv("TASKQUEUE_TEST_THREAD", "1", 1);
    return client_open(port);
}

static int count_threads(void)
{
    DIR *tasks = opendir("/proc/self/task");
    int count = 0;
    for (struct dirent *entry = readdir(tasks); entry != NULL; entry = readdir(tasks))
        count += entry->d_name[0] != '.';
    closedir(tasks);
    return count;
}

/* One that is joined is still listed for a moment. */
static bool has_threads(int count)
{
    for (int left = 1000; left > 0 && count_threads() != count; left--)
        usleep(1000);
    return count_threads() == count;
}

TEST("the thread begins with the first request, and ends with the transport")
{
    CHECK(server_start(&srv, hello, 1));
    int before = count_threads();
    client c = open_threaded(srv.port);
    tq_transfer *transfer = begin(&c, "x");
    CHECK(tq_http_step(c.http, 0) == TQ_OK);
    CHECK(count_threads() == before);
    tq_http_submit(transfer, c.target, NULL);
    CHECK(count_threads() == before + 1);
    CHECK(await(&c) == transfer);
    client_close(&c);
    CHECK(has_threads(before));
    server_stop(&srv);
}

TEST("a transport that sent nothing has no thread to end")
{
    client c = open_threaded(1);
    begin(&c, "x");
    client_close(&c);
}

TEST("releasing a request tells of its sending before, and never after")
{
    int fd, port = listen_in_silence(&fd), told = 0;
    client c = open_threaded(port);
    for (int i = 0; i < 200; i++) {
        int owner = 0;
        tq_transfer *transfer = begin(&c, "x");
        tq_http_submit(transfer, c.target, &owner);
        if (i % 2 != 0)
            usleep((useconds_t)check_random(400));
        last_owner = NULL;
        sendings = 0;
        tq_http_release(transfer);
        CHECK(sendings <= 1 && (sendings == 0 || last_owner == &owner));
        told += sendings;
        sendings = 0;
        CHECK(tq_http_step(c.http, 0) == TQ_OK);
        CHECK(sendings == 0);
    }
    CHECK(told > 0);
    CHECK(tq_http_in_flight(c.http) == 0 && tq_http_take(c.http) == NULL);
    client_close(&c);
    close(fd);
}

TEST("targets and peers may go while the thread still has their requests")
{
    int fd, port = listen_in_silence(&fd);
    for (int i = 0; i < 100; i++) {
        client c = open_threaded(port);
        tq_transfer *last = NULL;
        for (int j = 0; j < 12; j++)
            last = submit(&c, "x");
        if (i % 3 == 0)
            usleep((useconds_t)check_random(500));
        if (i % 4 == 0)
            tq_http_release(last);
        tq_http_peer_close(c.peer);
        tq_http_target_close(c.target);
        CHECK(tq_http_in_flight(c.http) == 0);
        if (i % 2 == 0)
            CHECK(tq_http_step(c.http, 0) == TQ_OK);
        tq_http_close(c.http);
    }
    close(fd);
}

/* Some of everything, in an order that is another one each time. */
static void do_something(client *c, tq_transfer *live[8])
{
    tq_transfer **place = &live[check_random(8)];
    if (*place == NULL)
        *place = submit(c, "x");
    else if (check_random(3) == 0)
        tq_http_release(*place), *place = NULL;
    CHECK(tq_http_step(c->http, check_random(4) == 0 ? MS : 0) == TQ_OK);
    for (tq_transfer *ended = tq_http_take(c->http); ended != NULL; ended = tq_http_take(c->http)) {
        for (int i = 0; i < 8; i++)
            if (live[i] == ended)
                live[i] = NULL;
        CHECK(tq_transfer_reply(ended)->outcome == TQ_HTTP_ANSWERED);
        CHECK(tq_transfer_reply(ended)->sent_ns > 0);
        tq_http_release(ended);
    }
}

TEST("starts, ends and releases may come in any order")
{
    CHECK(server_start(&srv, hello, 1));
    client c = open_threaded(srv.port);
    tq_transfer *live[8] = {NULL};
    for (int i = 0; i < 3000; i++)
        do_something(&c, live);
    client_close(&c);
    server_stop(&srv);
}

static pthread_t handler;
static volatile sig_atomic_t handled;

static void on_signal(int number)
{
    (void)number;
    handler = pthread_self();
    handled++;
}

TEST("signals are for the threads of the program")
{
    CHECK(server_start(&srv, hello, 1));
    client c = open_threaded(srv.port);
    sigset_t one, before;
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGUSR1, &action, NULL);
    CHECK(ask(&c, "x") == TQ_HTTP_ANSWERED);
    /* The server's thread is one of the program. */
    server_stop(&srv);
    sigemptyset(&one);
    sigaddset(&one, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &one, &before);
    kill(getpid(), SIGUSR1);
    usleep(20000);
    CHECK(handled == 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    CHECK(handled == 1 && pthread_equal(handler, pthread_self()));
    client_close(&c);
}

/* How a child ends that was forked with requests in flight. */
static int status_of_child(client *c, void (*end)(client *c))
{
    pid_t child = fork();
    int status = -1;
    if (child == 0) {
        alarm(20);
        end(c);
        _exit(99);
    }
    CHECK(waitpid(child, &status, 0) == child);
    return status;
}

static void close_and_exit(client *c)
{
    tq_http_close(c->http);
    tq_http_peer_close(c->peer);
    exit(7);
}

TEST("a child that was forked leaves alone what is its parent's")
{
    CHECK(server_start(&srv, hello, 1));
    client c = open_threaded(srv.port);
    CHECK(ask(&c, "x") == TQ_HTTP_ANSWERED);
    tq_transfer *transfer = submit(&c, "y");
    fflush(stdout);
    int status = status_of_child(&c, close_and_exit);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    CHECK(await(&c) == transfer);
    CHECK(tq_transfer_reply(transfer)->outcome == TQ_HTTP_ANSWERED);
    client_close(&c);
    server_stop(&srv);
    CHECK(srv.connections == 1);
}

static void exit_in_flight(client *unused)
{
    int fd, port = listen_in_silence(&fd);
    client c = open_threaded(port);
    (void)unused;
    submit(&c, "x");
    step_until_sent(&c, 1);
    exit(8);
}

TEST("a program may exit with requests in flight")
{
    fflush(stdout);
    for (int i = 0; i < 20; i++) {
        int status = status_of_child(NULL, exit_in_flight);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 8);
    }
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    strcpy(address.sun_path, path);
    CHECK(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    return fd;
}

/* Waits until the bell is rung, and takes that in. */
static bool hears(int fd)
{
    char byte;
    struct pollfd bell = {.fd = fd, .events = POLLIN};
    return poll(&bell, 1, 5000) == 1 && read(fd, &byte, 1) == 1;
}

TEST("the bell can be hung on a connection, of which no file is left")
{
    CHECK(server_start(&srv, hello, 1));
    client c = open_threaded(srv.port);
    const char *path;
    char copy[108];
    struct stat found;
    CHECK(tq_http_listen(c.http, "/tmp", &path) == TQ_OK);
    strcpy(copy, path);
    int fd = connect_to(copy);
    *strrchr(copy, '/') = '\0';
    CHECK(stat(copy, &found) == 0 && (found.st_mode & 0777) == 0700);
    CHECK(tq_http_hang(c.http) == TQ_OK);
    CHECK(stat(copy, &found) != 0);
    tq_transfer *transfer = submit(&c, "x"), *taken = NULL;
    while (taken == NULL && hears(fd)) {
        CHECK(tq_http_step(c.http, TQ_SECOND) == TQ_OK);
        taken = tq_http_take(c.http);
    }
    CHECK(taken == transfer);
    /* Now there is nothing to be rung for, but that there is somebody. */
    CHECK(hears(fd) && hears(fd));
    tq_http_unhang(c.http);
    tq_http_release(transfer);
    CHECK(ask(&c, "y") == TQ_HTTP_ANSWERED);
    client_close(&c);
    close(fd);
    server_stop(&srv);
}

TEST("a bell that hangs already stays there, and what was not heard is rung again elsewhere")
{
    CHECK(server_start(&srv, hello, 1));
    client c = open_threaded(srv.port);
    const char *path;
    CHECK(tq_http_hang(c.http) == TQ_ERR_SYSTEM && errno == ENOTCONN);
    CHECK(tq_http_listen(c.http, "/tmp", &path) == TQ_OK);
    int fd = connect_to(path);
    CHECK(tq_http_hang(c.http) == TQ_OK);
    CHECK(tq_http_hang(c.http) == TQ_ERR_SYSTEM && errno == ENOTCONN);
    tq_transfer *transfer = submit(&c, "x");
    while (tq_http_wait_ns(c.http, tq_clock_now()) > 0 && hears(fd))
        continue;
    tq_http_unhang(c.http);
    struct pollfd bell = {.fd = tq_http_fd(c.http), .events = POLLIN};
    CHECK(!tq_http_is_pollable() || poll(&bell, 1, 5000) == 1);
    CHECK(await(&c) == transfer);
    client_close(&c);
    char byte;
    while (read(fd, &byte, 1) > 0)
        continue;
    CHECK(read(fd, &byte, 1) == 0);
    close(fd);
    server_stop(&srv);
}

static void knock(client *c)
{
    (void)c;
    connect_to(getenv("BELL"));
    _exit(0);
}

TEST("the bell is not hung on the connection of another process")
{
    client c = open_threaded(1);
    const char *path;
    CHECK(tq_http_listen(c.http, "/tmp", &path) == TQ_OK);
    setenv("BELL", path, 1);
    CHECK(status_of_child(&c, knock) == 0);
    CHECK(tq_http_hang(c.http) == TQ_ERR_SYSTEM);
    CHECK(access(getenv("BELL"), F_OK) != 0);
    CHECK(tq_http_listen(c.http, "/does/not/exist", &path) == TQ_ERR_SYSTEM);
    client_close(&c);
}

TEST("a transport in place has no bell to hang")
{
    tq_http *http;
    const char *path;
    CHECK(tq_http_open(&http, NULL, TQ_HTTP_IN_PLACE) == TQ_OK);
    CHECK(tq_http_listen(http, "/tmp", &path) == TQ_ERR_INVALID);
    CHECK(tq_http_hang(http) == TQ_ERR_INVALID);
    tq_http_close(http);
}
