// SPDX-License-Identifier: MIT
// clang-format off
//
// The Corporate Node for gSOAP's soapcpp2, whose dialect this is: it is no C header. It generates
// both ends, build/gsoap/server and build/gsoap/client, with which spec/gsoap_spec.lua lets an
// implementation of SOAP 1.1 that nobody here wrote talk to the client and to the simulator.
// getTaskStatus is as on the node's page, and giveMoneyRequest has arguments that nest as they do
// there; `outcome`, `stumbles` and the operations sim... are the specs' own.

//gsoap ns service name: node
//gsoap ns service style: rpc
//gsoap ns service encoding: encoded
//gsoap ns service namespace: ns1
//gsoap ns schema namespace: ns1
//gsoap ns schema form: unqualified

typedef char *xsd__string;
typedef double xsd__double;
typedef long long xsd__long;
typedef unsigned int xsd__unsignedInt;
typedef char *XML;
enum xsd__boolean { false_ = 0, true_ = 1 };

struct ns__Address {
    xsd__string city 0:1;
    xsd__string street 0:1;
};

struct ns__RequestData {
    xsd__string username 0:1;
    xsd__string title 0:1;
    xsd__double *amount 0:1;
    xsd__long *count 0:1;
    enum xsd__boolean *urgent 0:1;
    struct ns__Address *address 0:1;
    int __sizetag;
    xsd__string *tag 0:100;
};

struct ns__TaskStatus {
    xsd__string type 0:1;
    xsd__unsignedInt *progressPercent 0:1;
    xsd__string status 0:1;
    xsd__string additionalInfo 0:1;
    xsd__string taskId 0:1;
    xsd__string requestStatus 0:1;
    xsd__string requestStatusDescription 0:1;
};

struct ns__NewTask {
    xsd__string requestStatus 0:1;
    xsd__string requestStatusDescription 0:1;
    xsd__string taskId 0:1;
};

struct ns__Echo {
    struct ns__RequestData *requestData 0:1;
    xsd__unsignedInt *connection 0:1;
    xsd__string requestStatus 0:1;
};

struct ns__Text {
    xsd__string text 0:1;
};

struct ns__Twins {
    xsd__string requestStatus 0:1;
    xsd__string requestStatusDescription 0:1;
};

struct ns__getTaskStatusResponse { struct ns__TaskStatus return_; };
struct ns__giveMoneyRequestResponse { struct ns__NewTask return_; };
struct ns__simEchoResponse { struct ns__Echo return_; };
struct ns__simOrderResponse { struct ns__Text return_; };
struct ns__simTwinsResponse { struct ns__Twins return_; };
struct ns__simFaultResponse { struct ns__Text return_; };

int ns__getTaskStatus(xsd__string taskId 0:1, xsd__string uniqueTransferId 0:1,
                      enum xsd__boolean *callback 0:1, struct ns__getTaskStatusResponse *reply);

// `outcome` is the status that the task ends with, and `stumbles` says how many of the first polls
// get a Fault.
int ns__giveMoneyRequest(struct ns__RequestData *requestData 0:1, xsd__string outcome 0:1,
                         xsd__unsignedInt *stumbles 0:1,
                         struct ns__giveMoneyRequestResponse *reply);

// The argument as it was understood.
int ns__simEcho(struct ns__RequestData *requestData 0:1, struct ns__simEchoResponse *reply);

// The XML within `data`, as text.
int ns__simOrder(XML data 0:1, struct ns__simOrderResponse *reply);

// The text as requestStatus and as requestStatusDescription: one value, which SOAP 1.1 (5.1, 5.2.1)
// lets an encoder write once, beside the operation, and refer to with href.
int ns__simTwins(xsd__string text 0:1, struct ns__simTwinsResponse *reply);

// Always a Fault.
int ns__simFault(xsd__string text 0:1, struct ns__simFaultResponse *reply);
