/* SPDX-License-Identifier: MIT */
/*
 * A client of the Corporate Node that gSOAP made. It prints the fields of what comes back as
 * key=value lines, with \n and \r in place of line ends, and ends with 1 after a Fault.
 *
 *     client URL getTaskStatus ID [TRANSFER [true|false]]
 *     client URL giveMoneyRequest USERNAME TITLE [AMOUNT COUNT true|false]
 *     client URL simEcho USERNAME TITLE [AMOUNT COUNT true|false]
 *     client URL simFault TEXT
 *     client URL twins USERNAME
 *
 * giveMoneyRequest polls its task once; twins is simEcho with one string as username and title.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node.nsmap"
#include "nodeH.h"

static void print_text(const char *key, const char *text)
{
    if (text == NULL)
        return;
    printf("%s=", key);
    for (; *text != '\0'; text++) {
        if (*text == '\n' || *text == '\r')
            fputs(*text == '\n' ? "\\n" : "\\r", stdout);
        else
            putchar(*text);
    }
    putchar('\n');
}

static enum xsd__boolean boolean(const char *text)
{
    return strcmp(text, "true") == 0 ? true_ : false_;
}

static int print_fault(struct soap *soap)
{
    soap_set_fault(soap);
    print_text("faultcode", *soap_faultcode(soap));
    print_text("faultstring", *soap_faultstring(soap));
    print_text("detail", soap_fault_detail(soap));
    return 1;
}

static int get_status(struct soap *soap, const char *url, char *id, char *transfer,
                      const char *callback)
{
    struct ns__getTaskStatusResponse reply;
    enum xsd__boolean is_called = callback != NULL ? boolean(callback) : false_;
    if (soap_call_ns__getTaskStatus(soap, url, "", id, transfer, callback ? &is_called : NULL,
                                    &reply) != SOAP_OK)
        return print_fault(soap);
    const struct ns__TaskStatus *status = &reply.return_;
    print_text("type", status->type);
    if (status->progressPercent != NULL)
        printf("progressPercent=%u\n", *status->progressPercent);
    print_text("status", status->status);
    print_text("additionalInfo", status->additionalInfo);
    print_text("taskId", status->taskId);
    print_text("requestStatus", status->requestStatus);
    print_text("requestStatusDescription", status->requestStatusDescription);
    return 0;
}

static int give_money(struct soap *soap, const char *url, struct ns__RequestData *data)
{
    struct ns__giveMoneyRequestResponse reply;
    if (soap_call_ns__giveMoneyRequest(soap, url, "", data, NULL, NULL, &reply) != SOAP_OK)
        return print_fault(soap);
    print_text("created", reply.return_.taskId);
    print_text("createdStatus", reply.return_.requestStatus);
    print_text("createdDescription", reply.return_.requestStatusDescription);
    return get_status(soap, url, reply.return_.taskId, NULL, NULL);
}

static void print_data(const struct ns__RequestData *data)
{
    print_text("username", data->username);
    print_text("title", data->title);
    if (data->amount != NULL)
        printf("amount=%.17g\n", *data->amount);
    if (data->count != NULL)
        printf("count=%lld\n", (long long)*data->count);
    if (data->urgent != NULL)
        printf("urgent=%s\n", *data->urgent == true_ ? "true" : "false");
    if (data->address != NULL)
        print_text("city", data->address->city);
    for (int i = 0; i < data->__sizetag; i++)
        print_text("tag", data->tag[i]);
}

static int echo(struct soap *soap, const char *url, struct ns__RequestData *data)
{
    struct ns__simEchoResponse reply;
    if (soap_call_ns__simEcho(soap, url, "", data, &reply) != SOAP_OK)
        return print_fault(soap);
    print_text("requestStatus", reply.return_.requestStatus);
    if (reply.return_.requestData != NULL)
        print_data(reply.return_.requestData);
    return 0;
}

static int fault(struct soap *soap, const char *url, char *text)
{
    struct ns__simFaultResponse reply;
    return soap_call_ns__simFault(soap, url, "", text, &reply) != SOAP_OK ? print_fault(soap) : 0;
}

typedef int operation(struct soap *soap, const char *url, struct ns__RequestData *data);

/* With arguments from the command line, and some that are always the same. */
static int with_data(struct soap *soap, const char *url, int argc, char **argv, operation *call)
{
    char *tags[] = {"one", "two"};
    struct ns__Address address = {.city = "\u0141\u00f3d\u017a"};
    struct ns__RequestData data = {
        .username = argv[0], .title = argv[1], .address = &address, .__sizetag = 2, .tag = tags};
    if (argc < 5)
        return call(soap, url, &data);
    double amount = strtod(argv[2], NULL);
    LONG64 count = strtoll(argv[3], NULL, 10);
    enum xsd__boolean urgent = boolean(argv[4]);
    data.amount = &amount;
    data.count = &count;
    data.urgent = &urgent;
    return call(soap, url, &data);
}

static int run(struct soap *soap, int argc, char **argv)
{
    const char *url = argv[1], *name = argv[2];
    struct ns__RequestData twins = {.username = argv[3], .title = argv[3]};
    if (strcmp(name, "getTaskStatus") == 0)
        return get_status(soap, url, argv[3], argc > 4 ? argv[4] : NULL, argc > 5 ? argv[5] : NULL);
    if (strcmp(name, "simFault") == 0)
        return fault(soap, url, argv[3]);
    if (strcmp(name, "twins") == 0)
        return echo(soap, url, &twins);
    if (argc < 5)
        return 2;
    return with_data(soap, url, argc - 3, argv + 3,
                     strcmp(name, "simEcho") == 0 ? echo : give_money);
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fputs("client: arguments are missing\n", stderr);
        return 2;
    }
    struct soap *soap = soap_new1(SOAP_IO_KEEPALIVE | SOAP_C_UTFSTRING);
    soap->connect_timeout = soap->send_timeout = soap->recv_timeout = 10;
    int status = run(soap, argc, argv);
    soap_destroy(soap);
    soap_end(soap);
    soap_free(soap);
    return status;
}
