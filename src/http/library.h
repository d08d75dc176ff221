/* SPDX-License-Identifier: MIT */
#ifndef TQ_HTTP_LIBRARY_H
#define TQ_HTTP_LIBRARY_H
/*
 * What libcurl the process runs with, for whoever has to find out why something does not work.
 *
 *     tq_http_library library;
 *     tq_http_library_read(&library);
 */
#include <stdbool.h>

/* The strings are libcurl's own and stay. */
typedef struct tq_http_library {
    const char *version;   /* "7.88.1" */
    const char *tls;       /* "OpenSSL/3.0.17"; NULL when it has no TLS */
    const char *ca_file;   /* where it looks for authorities; NULL when it was not built with one */
    bool can_wait_for_dns; /* names are looked up without blocking */
} tq_http_library;

void tq_http_library_read(tq_http_library *library);

#endif
