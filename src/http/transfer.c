/* SPDX-License-Identifier: MIT */
/* An easy handle gets its options once; a request sets its URL, its headers and its body. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "clock/clock.h"
#include "http/thread.h"

/* Replies are small; a small receive buffer is a third of a handle's memory and time. */
enum { RECEIVE_BUFFER = 4096, MOST_HEADERS = 256 * 1024 };

/* Seconds that an address is gone to without asking for it again. A burst of new connections needs
 * no more; a service that has moved would not be found for longer. */
#define ADDRESS_KEPT 1L

/* CURLE_TOO_LARGE of libcurl 8.6 and later. */
#define TOO_LARGE ((CURLcode)100)

void tq_list_append(tq_list *list, tq_transfer *transfer)
{
    transfer->next = NULL;
    transfer->prev = list->last;
    if (list->last != NULL)
        list->last->next = transfer;
    else
        list->first = transfer;
    list->last = transfer;
    list->count++;
}

void tq_list_remove(tq_list *list, tq_transfer *transfer)
{
    if (transfer->prev != NULL)
        transfer->prev->next = transfer->next;
    else
        list->first = transfer->next;
    if (transfer->next != NULL)
        transfer->next->prev = transfer->prev;
    else
        list->last = transfer->prev;
    list->count--;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *data)
{
    tq_transfer *transfer = data;
    int err = tq_buf_add(&transfer->body, bytes, size * count);
    transfer->is_too_big = err == TQ_ERR_TOO_BIG;
    return err == TQ_OK ? size * count : 0;
}

/* libcurl takes a reply that breaks off in its headers for a whole one without a body, and bounds
 * the length of a header but not their number. */
static size_t on_header(char *line, size_t size, size_t count, void *data)
{
    tq_transfer *transfer = data;
    tq_http_headers_add(&transfer->headers, line, size * count);
    return transfer->headers.bytes <= MOST_HEADERS ? size * count : 0;
}

void tq_transfer_note_sent(tq_transfer *transfer, int64_t now)
{
    transfer->times_sent++;
    transfer->reply.sent_ns = now;
    if (transfer->http->on_sent != NULL)
        transfer->http->on_sent(transfer->owner, transfer->reply.sent_ns);
}

static int on_request(void *data, char *peer_ip, char *local_ip, int peer_port, int local_port)
{
    (void)peer_ip;
    (void)local_ip;
    (void)peer_port;
    (void)local_port;
    tq_transfer *transfer = data;
    /* libcurl repeats a request by itself when a kept connection breaks under it. */
    if (transfer->send_once && transfer->times_sent > 0)
        return CURL_PREREQFUNC_ABORT;
    int64_t now = tq_clock_now();
    if (tq_fence_is_passed(transfer->fence, now)) {
        transfer->is_late = transfer->times_sent == 0;
        return CURL_PREREQFUNC_ABORT;
    }
    tq_thread *thread = transfer->http->thread;
    if (thread != NULL)
        return tq_thread_note_sent(thread, transfer) ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
    tq_transfer_note_sent(transfer, now);
    return CURL_PREREQFUNC_OK;
}

static long to_ms(int64_t ns)
{
    if (ns == TQ_NEVER)
        return 0;
    int64_t ms = ns / 1000000 + (ns % 1000000 != 0);
    if (ms > 0x7FFFFFFF)
        return 0x7FFFFFFF;
    return ms > 0 ? (long)ms : 1;
}

/* libcurl copies it. NULL leaves the default; what cannot be set must not be done without. */
static bool set_text(CURL *easy, CURLoption option, const char *text)
{
    return text == NULL || curl_easy_setopt(easy, option, text) == CURLE_OK;
}

static bool set_protocols(CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
#if LIBCURL_VERSION_NUM >= 0x075500
    return set_text(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
    return true;
#endif
}

static bool set_trust(CURL *easy, const tq_http_peer_options *options)
{
    /* With a CAPATH libcurl reads the whole bundle again for every connection. */
    if (options->ca_file != NULL || curl_version_info(CURLVERSION_NOW)->cainfo != NULL)
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    if (options->insecure) {
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    return set_text(easy, CURLOPT_CAINFO, options->ca_file) &&
           set_text(easy, CURLOPT_SSLCERT, options->client_cert) &&
           set_text(easy, CURLOPT_SSLKEY, options->client_key);
}

static bool set_way(CURL *easy, const tq_http_peer_options *options)
{
    curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, ADDRESS_KEPT);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, to_ms(options->connect_timeout_ns));
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, to_ms(options->request_timeout_ns));
    curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)options->max_response_bytes);
    if (options->username != NULL)
        curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
    /* Otherwise the environment would name hosts that are reached without the proxy. */
    return set_text(easy, CURLOPT_NOPROXY, "") &&
           set_text(easy, CURLOPT_PROXY, options->proxy != NULL ? options->proxy : "") &&
           (options->proxy == NULL || set_text(easy, CURLOPT_USERAGENT, options->user_agent)) &&
           set_text(easy, CURLOPT_USERNAME, options->username) &&
           set_text(easy, CURLOPT_PASSWORD, options->password);
}

static void set_callbacks(CURL *easy, tq_transfer *transfer)
{
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_request);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
    tq_driver_adopt(transfer->peer->http->driver, easy);
}

static void set_manners(CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BUFFER);
#if LIBCURL_VERSION_NUM >= 0x075700
    /* Otherwise giving up on a dead resolver waits for its thread. */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
}

int tq_transfer_new(tq_http_peer *peer, tq_transfer **out)
{
    tq_transfer *transfer = calloc(1, sizeof *transfer);
    if (transfer == NULL)
        return TQ_ERR_MEMORY;
    transfer->http = peer->http;
    transfer->peer = peer;
    transfer->easy = curl_easy_init();
    if (transfer->easy == NULL) {
        free(transfer);
        return TQ_ERR_MEMORY;
    }
    tq_buf_init(&transfer->request, SIZE_MAX / 2);
    tq_buf_init(&transfer->body, peer->options.max_response_bytes);
    set_callbacks(transfer->easy, transfer);
    set_manners(transfer->easy);
    if (!set_protocols(transfer->easy) || !set_trust(transfer->easy, &peer->options) ||
        !set_way(transfer->easy, &peer->options)) {
        tq_transfer_free(transfer);
        return TQ_ERR_MEMORY;
    }
    tq_http_join_shard(peer->http, transfer);
    *out = transfer;
    return TQ_OK;
}

void tq_transfer_free(tq_transfer *transfer)
{
    tq_http_leave_shard(transfer);
    curl_easy_cleanup(transfer->easy);
    curl_mime_free(transfer->mime);
    tq_http_target_close(transfer->own_target);
    tq_fence_release(transfer->fence);
    tq_gate_release(transfer->gate);
    tq_buf_free(&transfer->request);
    tq_buf_free(&transfer->body);
    free(transfer);
}

tq_buf *tq_transfer_body(tq_transfer *transfer)
{
    return &transfer->request;
}

static curl_mimepart *add_part(tq_transfer *transfer, const char *name)
{
    if (transfer->mime == NULL)
        transfer->mime = curl_mime_init(transfer->easy);
    if (transfer->mime == NULL)
        return NULL;
    curl_mimepart *part = curl_mime_addpart(transfer->mime);
    return part != NULL && curl_mime_name(part, name) == CURLE_OK ? part : NULL;
}

int tq_transfer_add_text(tq_transfer *transfer, const char *name, const char *value, size_t len)
{
    curl_mimepart *part = add_part(transfer, name);
    /* An empty part needs a pointer all the same. */
    const char *bytes = len > 0 ? value : "";
    bool added = part != NULL && curl_mime_data(part, bytes, len) == CURLE_OK;
    return added ? TQ_OK : TQ_ERR_MEMORY;
}

int tq_transfer_add_file(tq_transfer *transfer, const char *name, const char *path,
                         const char *file_name, const char *type)
{
    curl_mimepart *part = add_part(transfer, name);
    if (part == NULL)
        return TQ_ERR_MEMORY;
    CURLcode result = curl_mime_filedata(part, path);
    if (result != CURLE_OK)
        return result == CURLE_OUT_OF_MEMORY ? TQ_ERR_MEMORY : TQ_ERR_INVALID;
    bool set = file_name == NULL || curl_mime_filename(part, file_name) == CURLE_OK;
    if (set && type != NULL)
        set = curl_mime_type(part, type) == CURLE_OK;
    return set ? TQ_OK : TQ_ERR_MEMORY;
}

bool tq_transfer_is_multipart(const tq_transfer *transfer)
{
    return transfer->mime != NULL;
}

void tq_transfer_send_once(tq_transfer *transfer)
{
    transfer->send_once = true;
}

void tq_transfer_set_gate(tq_transfer *transfer, tq_gate *gate)
{
    tq_gate_release(transfer->gate);
    transfer->gate = tq_gate_hold(gate);
}

void tq_transfer_expect(tq_transfer *transfer, tq_mark mark)
{
    transfer->expected = mark;
}

void tq_transfer_set_fence(tq_transfer *transfer, tq_fence *fence)
{
    tq_fence_release(transfer->fence);
    transfer->fence = tq_fence_hold(fence);
}

void tq_transfer_own_target(tq_transfer *transfer, tq_http_target *target)
{
    transfer->own_target = target;
}

static void set_body(tq_transfer *transfer)
{
    if (transfer->mime != NULL) {
        curl_easy_setopt(transfer->easy, CURLOPT_MIMEPOST, transfer->mime);
        return;
    }
    const char *bytes = transfer->request.len > 0 ? transfer->request.data : "";
    curl_off_t len = (curl_off_t)transfer->request.len;
    curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDSIZE_LARGE, len);
    curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDS, bytes);
}

void tq_http_submit(tq_transfer *transfer, const tq_http_target *target, void *owner)
{
    tq_http_peer *peer = transfer->peer;
    if (target == NULL)
        target = transfer->own_target;
    transfer->owner = owner;
    transfer->error[0] = '\0';
    transfer->is_too_big = false;
    transfer->is_late = false;
    tq_http_headers_reset(&transfer->headers);
    transfer->reply = (tq_http_reply){.sent_ns = INT64_MIN, .retry_after_ns = -1, .body = ""};
    set_body(transfer);
    tq_list_remove(&peer->live, transfer);
    if (!tq_http_target_set(transfer, target)) {
        tq_http_fail_unstarted(transfer);
        return;
    }
    transfer->state = TQ_TRANSFER_QUEUED;
    tq_list_append(&peer->queue, transfer);
    tq_http_peer_advance(peer);
}

static tq_http_outcome outcome_of(CURLcode result)
{
    switch (result) {
    case CURLE_OK:
        return TQ_HTTP_ANSWERED;
    case CURLE_SSL_CONNECT_ERROR:
        return TQ_HTTP_TLS;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_CLIENTCERT:
        return TQ_HTTP_UNTRUSTED;
    case CURLE_WRITE_ERROR:
    case CURLE_FILESIZE_EXCEEDED:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_CONTENT_ENCODING:
    case TOO_LARGE:
        return TQ_HTTP_UNREADABLE;
    case CURLE_OUT_OF_MEMORY:
    case CURLE_READ_ERROR:
    case CURLE_FAILED_INIT:
        return TQ_HTTP_UNSENT;
    default:
        return TQ_HTTP_NETWORK;
    }
}

static void explain(tq_transfer *transfer, CURLcode result)
{
    size_t limit = transfer->peer->options.max_response_bytes;
    if (transfer->is_too_big || result == CURLE_FILESIZE_EXCEEDED)
        snprintf(transfer->error, sizeof transfer->error, "the reply is larger than %zu bytes",
                 limit);
    else if (result == TOO_LARGE)
        snprintf(transfer->error, sizeof transfer->error, "%s",
                 "the headers of the reply are too long");
    else if (transfer->is_late)
        snprintf(transfer->error, sizeof transfer->error, "%s", "it was too late to send it");
    else if (result == CURLE_ABORTED_BY_CALLBACK)
        snprintf(transfer->error, sizeof transfer->error, "%s",
                 "the connection broke after the request was sent; it was not sent again");
    else if (transfer->error[0] == '\0')
        snprintf(transfer->error, sizeof transfer->error, "%s", curl_easy_strerror(result));
}

/* libcurl calls it "out of memory" when a single header is too long for it. */
static bool has_too_long_headers(const tq_transfer *transfer, CURLcode result)
{
    return transfer->headers.bytes > MOST_HEADERS ||
           (result == CURLE_OUT_OF_MEMORY && transfer->times_sent > 0);
}

bool tq_mark_equals(tq_mark a, tq_mark b)
{
    return a.status != 0 && a.status == b.status && a.hash == b.hash;
}

void tq_transfer_mark(tq_transfer *transfer, int32_t status)
{
    const tq_http *http = transfer->http;
    const tq_buf *body = &transfer->body;
    if (!http->has_key)
        return;
    transfer->reply.mark.status = status;
    transfer->reply.mark.hash = tq_siphash(&http->key, body->len > 0 ? body->data : "", body->len);
}

void tq_transfer_end(tq_transfer *transfer, CURLcode result)
{
    tq_http_reply *reply = &transfer->reply;
    if (result == CURLE_OK && !transfer->headers.has_end)
        result = CURLE_PARTIAL_FILE;
    if (has_too_long_headers(transfer, result))
        result = TOO_LARGE;
    reply->outcome = transfer->is_late ? TQ_HTTP_LATE : outcome_of(result);
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &reply->status);
    reply->retry_after_ns = tq_http_headers_retry_ns(&transfer->headers, transfer->easy);
    if (transfer->body.data != NULL)
        reply->body = transfer->body.data;
    reply->body_len = transfer->body.len;
    if (result == CURLE_OK)
        return;
    explain(transfer, result);
    reply->error = transfer->error;
}

const tq_http_reply *tq_transfer_reply(const tq_transfer *transfer)
{
    return &transfer->reply;
}

void *tq_transfer_owner(const tq_transfer *transfer)
{
    return transfer->owner;
}
