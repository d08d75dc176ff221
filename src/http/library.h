/* SPDX-License-Identifier: MIT */
#ifndef TQ_HTTP_LIBRARY_H
#define TQ_HTTP_LIBRARY_H
/*
 * Where libcurl's functions come from, and what libcurl the process runs with, for whoever has to
 * find out why something does not work.
 *
 *     tq_http_library_use(functions_of_the_module_taskqueue_libcurl);
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

/* Is the program linked with libcurl, so that there is nothing to be set? */
bool tq_http_library_is_linked(void);

/* Takes the table of libcurl's functions (http/libcurl.h), which stays. Nothing else of this room
 * may be called before. Can be repeated, by any thread. TQ_ERR_INVALID when it is of another build.
 */
int tq_http_library_use(const void *functions);

void tq_http_library_read(tq_http_library *library);

#endif
