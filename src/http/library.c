/* SPDX-License-Identifier: MIT */
#include "http/library.h"

#include <pthread.h>
#include <stddef.h>

#include "base/err.h"
#include "http/libcurl.h"

#ifdef TQ_LIBCURL_LINKED

bool tq_http_library_is_linked(void)
{
    return true;
}

int tq_http_library_use(const void *functions)
{
    (void)functions;
    return TQ_OK;
}

#else

const tq_libcurl *tq_curl;

bool tq_http_library_is_linked(void)
{
    return false;
}

int tq_http_library_use(const void *functions)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    const tq_libcurl *given = functions;
    if (given == NULL || given->size != sizeof *given)
        return TQ_ERR_INVALID;
    /* Other Lua states may use them already, in other threads. */
    pthread_mutex_lock(&lock);
    if (tq_curl == NULL)
        tq_curl = given;
    pthread_mutex_unlock(&lock);
    return TQ_OK;
}

#endif

void tq_http_library_read(tq_http_library *library)
{
    const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
    *library = (tq_http_library){
        .version = info->version,
        .tls = info->ssl_version,
        .ca_file = info->cainfo,
        .can_wait_for_dns = (info->features & CURL_VERSION_ASYNCHDNS) != 0,
    };
}
