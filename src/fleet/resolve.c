/* SPDX-License-Identifier: MIT */
#include "fleet/resolve.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Belongs to whoever asked and to the thread; the last of them frees it. */
struct tq_resolve {
    atomic_int holders;
    char *host, *port;
    int fds[2]; /* the thread closes its end when it has a result */
    atomic_bool is_done;
    int error; /* of getaddrinfo */
    struct addrinfo *list;
};

static void release(tq_resolve *job)
{
    if (atomic_fetch_sub(&job->holders, 1) > 1)
        return;
    if (job->list != NULL)
        freeaddrinfo(job->list);
    free(job->host);
    free(job->port);
    free(job);
}

static void *look_up(void *data)
{
    tq_resolve *job = data;
    int fd = job->fds[1];
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    job->error = getaddrinfo(job->host, job->port, &hints, &job->list);
    atomic_store(&job->is_done, true);
    release(job);
    close(fd);
    return NULL;
}

/* Signals are the program's. */
static int start_thread(tq_resolve *job)
{
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&thread, NULL, look_up, job);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed == 0)
        pthread_detach(thread);
    return failed;
}

static tq_resolve *new_job(const char *host, const char *port)
{
    tq_resolve *job = calloc(1, sizeof *job);
    if (job == NULL)
        return NULL;
    atomic_init(&job->holders, 2);
    job->host = strdup(host);
    job->port = strdup(port);
    if (job->host != NULL && job->port != NULL && pipe2(job->fds, O_CLOEXEC | O_NONBLOCK) == 0)
        return job;
    atomic_store(&job->holders, 1);
    release(job);
    return NULL;
}

tq_resolve *tq_resolve_start(const char *host, const char *port)
{
    tq_resolve *job = new_job(host, port);
    if (job == NULL || start_thread(job) == 0)
        return job;
    close(job->fds[1]);
    close(job->fds[0]);
    atomic_store(&job->holders, 1);
    release(job);
    return NULL;
}

int tq_resolve_fd(const tq_resolve *job)
{
    return job->fds[0];
}

const struct addrinfo *tq_resolve_result(tq_resolve *job, const char **why)
{
    *why = NULL;
    if (!atomic_load(&job->is_done))
        return NULL;
    if (job->error != 0)
        *why = gai_strerror(job->error);
    return job->list;
}

void tq_resolve_end(tq_resolve *job)
{
    if (job == NULL)
        return;
    close(job->fds[0]);
    release(job);
}
