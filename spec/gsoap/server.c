/* SPDX-License-Identifier: MIT */
/*
 * The Corporate Node as gSOAP serves it. `server [chunked]` listens on a free port of 127.0.0.1,
 * prints it, keeps connections alive for a few requests, and ends when stdin is closed. A task
 * moves on with each poll, so that nothing depends on a clock.
 */
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "node.nsmap"
#include "nodeH.h"

enum { MOST_TASKS = 32, REQUESTS_OF_A_CONNECTION = 5 };

struct task {
    char id[16];
    char outcome[64];
    char info[128];
    unsigned int stumbles;
    unsigned int polls;
};

static struct task tasks[MOST_TASKS];
static size_t task_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* What stands in a reply is gSOAP's own memory, and each string a copy of its own: of two pointers
 * to one string, rpc/encoded makes a reference. simTwins is for that. */
static char *copy(struct soap *soap, const char *text)
{
    return soap_strdup(soap, text);
}

static unsigned int *copy_number(struct soap *soap, unsigned int number)
{
    unsigned int *place = soap_malloc(soap, sizeof *place);
    *place = number;
    return place;
}

/* ---- tasks ---- */

static struct task *find(const char *id)
{
    for (size_t i = 0; id != NULL && i < task_count; i++)
        if (strcmp(tasks[i].id, id) == 0)
            return &tasks[i];
    return NULL;
}

/* The numbers and the boolean as JSON has them. */
static void write_info(struct task *task, const struct ns__RequestData *data)
{
    bool is_whole = data != NULL && data->amount != NULL && data->count != NULL && data->urgent;
    if (is_whole)
        snprintf(task->info, sizeof task->info, "{\"amount\":%.17g,\"count\":%lld,\"urgent\":%s}",
                 *data->amount, (long long)*data->count, *data->urgent == true_ ? "true" : "false");
    else
        snprintf(task->info, sizeof task->info, "{\n}");
}

static struct task *add_task(const char *outcome, const unsigned int *stumbles)
{
    if (task_count == MOST_TASKS)
        return NULL;
    struct task *task = &tasks[task_count++];
    snprintf(task->id, sizeof task->id, "GSOAP%zu", task_count);
    snprintf(task->outcome, sizeof task->outcome, "%s", outcome != NULL ? outcome : "FINISHED_OK");
    task->stumbles = stumbles != NULL ? *stumbles : 0;
    return task;
}

static void tell(struct soap *soap, const struct task *task, struct ns__TaskStatus *status)
{
    static const unsigned int progress[] = {0, 0, 30, 70, 100};
    unsigned int step = task->polls < 4 ? task->polls : 4;
    const char *now = step < 2 ? "PREPARATION" : step < 4 ? "TRANSFERRING" : task->outcome;
    status->type = copy(soap, "GIVE_MONEY");
    status->progressPercent = copy_number(soap, progress[step]);
    status->status = copy(soap, now);
    status->additionalInfo = copy(soap, task->info);
    status->taskId = copy(soap, task->id);
    status->requestStatus = copy(soap, "SUCCESS");
    status->requestStatusDescription = copy(soap, "Request succeeded.");
}

/* ---- operations, as soapcpp2 declares them ---- */

static int poll_task(struct soap *soap, const char *id, struct ns__TaskStatus *status)
{
    struct task *task = find(id);
    if (task == NULL) {
        status->requestStatus = copy(soap, "ERR_TASK_DOES_NOT_EXIST");
        status->requestStatusDescription = copy(soap, "Zadanie <nie> istnieje & ju\u017c.");
        return SOAP_OK;
    }
    if (task->stumbles > 0) {
        task->stumbles--;
        return soap_receiver_fault(soap, "stumbled", NULL);
    }
    task->polls++;
    tell(soap, task, status);
    return SOAP_OK;
}

int ns__getTaskStatus(struct soap *soap, char *id, char *transfer, enum xsd__boolean *callback,
                      struct ns__getTaskStatusResponse *reply)
{
    struct ns__TaskStatus *status = &reply->return_;
    pthread_mutex_lock(&lock);
    int err = poll_task(soap, id, status);
    pthread_mutex_unlock(&lock);
    if (transfer != NULL)
        status->type = copy(soap, transfer);
    if (callback != NULL)
        status->additionalInfo = copy(soap, *callback == true_ ? "true" : "false");
    return err;
}

int ns__giveMoneyRequest(struct soap *soap, struct ns__RequestData *data, char *outcome,
                         unsigned int *stumbles, struct ns__giveMoneyRequestResponse *reply)
{
    pthread_mutex_lock(&lock);
    struct task *task = add_task(outcome, stumbles);
    if (task != NULL)
        write_info(task, data);
    pthread_mutex_unlock(&lock);
    struct ns__NewTask *made = &reply->return_;
    made->requestStatus = copy(soap, task != NULL ? "SUCCESS" : "ERR_TECHNICAL_PROBLEM");
    made->requestStatusDescription = copy(soap, task != NULL ? "Request succeeded." : "Too many.");
    made->taskId = task != NULL ? copy(soap, task->id) : NULL;
    return SOAP_OK;
}

int ns__simEcho(struct soap *soap, struct ns__RequestData *data, struct ns__simEchoResponse *reply)
{
    const unsigned int *connection = soap->user;
    reply->return_.requestData = data;
    reply->return_.connection = copy_number(soap, *connection);
    reply->return_.requestStatus = copy(soap, "SUCCESS");
    return SOAP_OK;
}

int ns__simOrder(struct soap *soap, char *data, struct ns__simOrderResponse *reply)
{
    (void)soap;
    reply->return_.text = data;
    return SOAP_OK;
}

int ns__simTwins(struct soap *soap, char *text, struct ns__simTwinsResponse *reply)
{
    (void)soap;
    reply->return_.requestStatus = text;
    reply->return_.requestStatusDescription = text;
    return SOAP_OK;
}

int ns__simFault(struct soap *soap, char *text, struct ns__simFaultResponse *reply)
{
    (void)reply;
    return soap_receiver_fault(soap, text != NULL ? text : "no text",
                               "<reason>fuse &amp; wire</reason>");
}

/* ---- serving ---- */

static void *serve(void *connection)
{
    struct soap *soap = connection;
    soap_serve(soap);
    soap_destroy(soap);
    soap_end(soap);
    soap_free(soap);
    return NULL;
}

/* Waits for a connection; false when stdin is closed. */
static bool is_called(const struct soap *soap)
{
    struct pollfd watched[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                               {.fd = soap->master, .events = POLLIN}};
    while (poll(watched, 2, -1) < 0)
        continue;
    return watched[0].revents == 0;
}

/* A thread for each connection: one that is idle keeps nobody waiting. */
static void take_connections(struct soap *soap)
{
    static unsigned int connections[1024];
    pthread_t thread;
    for (size_t i = 0; i < sizeof connections / sizeof *connections && is_called(soap); i++) {
        if (!soap_valid_socket(soap_accept(soap)))
            break;
        connections[i] = (unsigned int)i + 1;
        struct soap *own = soap_copy(soap);
        own->user = &connections[i];
        pthread_create(&thread, NULL, serve, own);
        pthread_detach(thread);
    }
}

static int port_of(const struct soap *soap)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    if (getsockname(soap->master, (struct sockaddr *)&address, &size) != 0)
        return 0;
    return ntohs(address.sin_port);
}

int main(int argc, char **argv)
{
    bool is_chunked = argc > 1 && strcmp(argv[1], "chunked") == 0;
    soap_mode mode = SOAP_IO_KEEPALIVE | SOAP_C_UTFSTRING;
    struct soap *soap = soap_new2(mode, mode | (is_chunked ? SOAP_IO_CHUNK : 0));
    soap->max_keep_alive = REQUESTS_OF_A_CONNECTION;
    soap->bind_flags = SO_REUSEADDR;
    if (!soap_valid_socket(soap_bind(soap, "127.0.0.1", 0, 16))) {
        soap_print_fault(soap, stderr);
        return 1;
    }
    printf("%d\n", port_of(soap));
    fflush(stdout);
    take_connections(soap);
    soap_destroy(soap);
    soap_end(soap);
    soap_free(soap);
    return 0;
}
