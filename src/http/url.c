/* SPDX-License-Identifier: MIT */
/* What a URL says of where requests go, asked of libcurl's own parser, which will go there. */
#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "http/internal.h"

int tq_http_of_url(CURLUcode code)
{
    if (code == CURLUE_OUT_OF_MEMORY)
        return TQ_ERR_MEMORY;
    return code == CURLUE_OK ? TQ_OK : TQ_ERR_INVALID;
}

/* TQ_ERR_INVALID when the URL has no such part. */
static int find_part(CURLU *url, CURLUPart part)
{
    char *text = NULL;
    int err = tq_http_of_url(curl_url_get(url, part, &text, 0));
    curl_free(text);
    return err;
}

/* TQ_ERR_INVALID when it has another one. */
static int check_scheme(CURLU *url, const char *const schemes[])
{
    char *scheme = NULL;
    int err = tq_http_of_url(curl_url_get(url, CURLUPART_SCHEME, &scheme, 0));
    if (err != TQ_OK)
        return err;
    int i = 0;
    while (schemes[i] != NULL && strcmp(schemes[i], scheme) != 0)
        i++;
    curl_free(scheme);
    return schemes[i] != NULL ? TQ_OK : TQ_ERR_INVALID;
}

static bool scheme_is_one_of(CURLU *url, const char *const schemes[])
{
    return check_scheme(url, schemes) == TQ_OK;
}

static int check_no_user(CURLU *url)
{
    int err = find_part(url, CURLUPART_USER);
    if (err == TQ_OK)
        return TQ_ERR_INVALID;
    return err == TQ_ERR_INVALID ? TQ_OK : err;
}

int tq_http_check_base_url(const char *text)
{
    static const char *const schemes[] = {"http", "https", NULL};
    /* libcurl drops a "?" or a "#" with nothing behind it, and the path would go into it. */
    if (strpbrk(text, "?#") != NULL)
        return TQ_ERR_INVALID;
    CURLU *url = curl_url();
    if (url == NULL)
        return TQ_ERR_MEMORY;
    int err = tq_http_of_url(curl_url_set(url, CURLUPART_URL, text, 0));
    if (err == TQ_OK)
        err = check_scheme(url, schemes);
    if (err == TQ_OK)
        err = find_part(url, CURLUPART_HOST);
    if (err == TQ_OK)
        err = check_no_user(url);
    curl_url_cleanup(url);
    return err;
}

/* A proxy's URL may do without a scheme, and have one that libcurl fetches nothing by. */
static CURLU *parse_proxy(const char *text)
{
    CURLU *url = curl_url();
    unsigned flags = CURLU_NON_SUPPORT_SCHEME | CURLU_DEFAULT_SCHEME;
    if (url != NULL && curl_url_set(url, CURLUPART_URL, text, flags) == CURLUE_OK)
        return url;
    curl_url_cleanup(url);
    return NULL;
}

bool tq_http_is_proxy(const char *text)
{
    static const char *const schemes[] = {"http",   "https",   "socks4", "socks4a",
                                          "socks5", "socks5h", NULL};
    CURLU *url = parse_proxy(text);
    bool is = url != NULL && scheme_is_one_of(url, schemes);
    curl_url_cleanup(url);
    return is;
}

/* By spelling alone: what another name resolves to is the network's word. */
static bool is_loopback(const char *host)
{
    struct in_addr address;
    return strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
           (inet_pton(AF_INET, host, &address) == 1 && ntohl(address.s_addr) >> 24 == 127);
}

static bool goes_to_loopback(CURLU *url)
{
    char *host = NULL;
    if (url == NULL || curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK)
        return false;
    bool is = is_loopback(host);
    curl_free(host);
    return is;
}

bool tq_http_is_exposed(const char *base_url, const char *proxy)
{
    static const char *const encrypted[] = {"https", NULL};
    CURLU *url = curl_url();
    CURLU *way = proxy != NULL ? parse_proxy(proxy) : NULL;
    bool is_read = url != NULL && curl_url_set(url, CURLUPART_URL, base_url, 0) == CURLUE_OK;
    bool is_safe = is_read && (scheme_is_one_of(url, encrypted) ||
                               (goes_to_loopback(url) && (proxy == NULL || goes_to_loopback(way))));
    curl_url_cleanup(url);
    curl_url_cleanup(way);
    return !is_safe;
}
