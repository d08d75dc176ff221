/* SPDX-License-Identifier: MIT */
#include "http/library.h"

#include <curl/curl.h>

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
