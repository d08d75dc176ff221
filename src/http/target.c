/* SPDX-License-Identifier: MIT */
/* Where a request goes: all that libcurl would otherwise make out again for each one. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "http/internal.h"

static bool add_header(tq_http_target *target, const char *header)
{
    struct curl_slist *longer = curl_slist_append(target->headers, header);
    if (longer != NULL)
        target->headers = longer;
    return longer != NULL;
}

/* As an option libcurl would write it for each request twice. A proxy that makes a tunnel is told
 * the option alone (transfer.c). */
static bool add_user_agent(tq_http_target *target, const tq_http_peer_options *options)
{
    if (options->user_agent == NULL || options->proxy != NULL)
        return true;
    tq_buf line;
    tq_buf_init(&line, SIZE_MAX / 2);
    bool added = tq_buf_add_text(&line, "User-Agent: ") == TQ_OK &&
                 tq_buf_add_text(&line, options->user_agent) == TQ_OK &&
                 add_header(target, line.data);
    tq_buf_free(&line);
    return added;
}

static int add_headers(tq_http_target *target, const tq_http_peer *peer,
                       const char *const headers[])
{
    /* Without this one libcurl asks before it sends a large body, and waits a second. */
    bool added = add_header(target, "Expect:") && add_user_agent(target, &peer->options);
    for (size_t i = 0; added && headers[i] != NULL; i++)
        added = add_header(target, headers[i]);
    return added ? TQ_OK : TQ_ERR_MEMORY;
}

static int set_url(tq_http_target *target, const tq_http_peer *peer, const char *path)
{
    tq_buf text;
    tq_buf_init(&text, SIZE_MAX / 2);
    int err = tq_buf_add_text(&text, peer->options.base_url);
    if (err == TQ_OK)
        err = tq_buf_add_text(&text, path);
    if (err == TQ_OK)
        err = tq_http_of_url(curl_url_set(target->url, CURLUPART_URL, text.data, 0));
    tq_buf_free(&text);
    return err;
}

/* libcurl puts path and query together again for each request, unless it knows of neither and is
 * told what to write. A proxy has to see the whole URL. */
static int set_line(tq_http_target *target, bool is_for_proxy)
{
    if (curl_url_get(target->url, CURLUPART_URL, &target->text, 0) != CURLUE_OK)
        return TQ_ERR_MEMORY;
    if (is_for_proxy)
        return TQ_OK;
    target->line = strchr(strstr(target->text, "://") + 3, '/');
    CURLUcode code = curl_url_set(target->url, CURLUPART_QUERY, NULL, 0);
    if (code == CURLUE_OK)
        code = curl_url_set(target->url, CURLUPART_PATH, NULL, 0);
    return tq_http_of_url(code);
}

int tq_http_target_open(tq_http_target **out, tq_http_peer *peer, const char *path,
                        const char *const headers[])
{
    tq_http_target *target = calloc(1, sizeof *target);
    if (target == NULL)
        return TQ_ERR_MEMORY;
    target->number = ++peer->targets_made;
    target->url = curl_url();
    int err = target->url != NULL ? set_url(target, peer, path) : TQ_ERR_MEMORY;
    if (err == TQ_OK)
        err = set_line(target, peer->options.proxy != NULL);
    if (err == TQ_OK)
        err = add_headers(target, peer, headers);
    if (err != TQ_OK) {
        tq_http_target_close(target);
        return err;
    }
    *out = target;
    return TQ_OK;
}

void tq_http_target_hold(const tq_http_target *target)
{
    ((tq_http_target *)target)->holders++;
}

void tq_http_target_close(tq_http_target *target)
{
    if (target == NULL)
        return;
    if (target->holders > 0) {
        target->holders--;
        return;
    }
    curl_slist_free_all(target->headers);
    curl_url_cleanup(target->url);
    /* It may hold the key. */
    if (target->text != NULL)
        explicit_bzero(target->text, strlen(target->text));
    curl_free(target->text);
    free(target);
}

static bool is_large(const tq_transfer *transfer)
{
    enum { LARGE = 64 * 1024 };
    return transfer->mime != NULL || transfer->request.len > LARGE;
}

bool tq_http_target_set(tq_transfer *transfer, const tq_http_target *target)
{
    CURL *easy = transfer->easy;
    struct curl_slist *headers = is_large(transfer) ? target->headers : target->headers->next;
    transfer->target = target;
    if (transfer->target_number == target->number && transfer->headers_set == headers)
        return true;
    transfer->target_number = 0;
    curl_easy_setopt(easy, CURLOPT_CURLU, target->url);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    if (curl_easy_setopt(easy, CURLOPT_REQUEST_TARGET, target->line) != CURLE_OK)
        return false;
    transfer->target_number = target->number;
    transfer->headers_set = headers;
    return true;
}
