/* SPDX-License-Identifier: MIT */
/*
 * Looks at the memory itself: no block that the rooms give back holds a secret, nor does any that
 * they keep when nothing needs it. Linked with --wrap for the functions below, which takes in what
 * the rooms call and leaves libcurl and expat alone: their copies are their own.
 */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "check.h"
#include "clock/clock.h"
#include "cnode/cnode.h"
#include "form/form.h"
#include "http/http.h"
#include "mobizon/mobizon.h"
#include "server.h"
#include "xml/writer.h"
#include "json/wide.h"

/* Plain in every encoding, so that it looks the same wherever it gets to. */
#define SECRET "hunter22hunter22hunter22hunter22hunter22"

enum { MOST_BLOCKS = 4096 };
static void *blocks[MOST_BLOCKS]; /* that the rooms have now */
static size_t block_count;
static unsigned spilt; /* blocks given back with a secret in them */

void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
char *__real_strdup(const char *text);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
char *__wrap_strdup(const char *text);
void __wrap_free(void *block);

static bool holds_secret(const void *block)
{
    return memmem(block, malloc_usable_size((void *)block), SECRET, sizeof SECRET - 1) != NULL;
}

static void *remember(void *block)
{
    if (block != NULL && block_count < MOST_BLOCKS)
        blocks[block_count++] = block;
    return block;
}

static void forget(const void *block)
{
    if (block != NULL && holds_secret(block))
        spilt++;
    for (size_t i = 0; i < block_count; i++)
        if (blocks[i] == block) {
            blocks[i] = blocks[--block_count];
            return;
        }
}

/* Zeroed, so that what is looked at has been written. */
void *__wrap_malloc(size_t size)
{
    return remember(__real_calloc(1, size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return remember(__real_calloc(count, size));
}

void *__wrap_realloc(void *block, size_t size)
{
    size_t had = block != NULL ? malloc_usable_size(block) : 0;
    forget(block);
    char *bigger = __real_realloc(block, size);
    if (bigger != NULL && malloc_usable_size(bigger) > had)
        memset(bigger + had, 0, malloc_usable_size(bigger) - had);
    return remember(bigger);
}

char *__wrap_strdup(const char *text)
{
    return remember(__real_strdup(text));
}

void __wrap_free(void *block)
{
    forget(block);
    __real_free(block);
}

static unsigned held(void)
{
    unsigned count = 0;
    for (size_t i = 0; i < block_count; i++)
        count += holds_secret(blocks[i]);
    return count;
}

TEST("the eyes of this test see")
{
    char *seen = malloc(100), *copy;
    strcpy(seen + 20, SECRET);
    CHECK(held() == 1 && spilt == 0);
    free(seen);
    CHECK(held() == 0 && spilt == 1);
    copy = strdup("x" SECRET);
    CHECK(held() == 1);
    copy = realloc(copy, 10000);
    CHECK(spilt == 2);
    free(copy);
    spilt = 0;
}

TEST("a buffer leaves nothing behind, however it grows, is cut, and ends")
{
    tq_buf buf;
    tq_buf_init(&buf, SIZE_MAX / 2);
    for (int i = 0; i < 1000; i++)
        CHECK(tq_buf_add_text(&buf, SECRET) == TQ_OK);
    CHECK(held() == 1);
    tq_buf_cut(&buf, 3);
    CHECK(held() == 0);
    CHECK(tq_buf_add_text(&buf, SECRET) == TQ_OK && held() == 1);
    tq_buf_wipe(&buf);
    CHECK(held() == 0);
    CHECK(tq_buf_add_text(&buf, SECRET) == TQ_OK);
    tq_buf_free(&buf);
    CHECK(held() == 0 && spilt == 0);
}

static void encode_form(tq_buf *out)
{
    tq_form form;
    tq_form_init(&form, out, 4096);
    size_t outer = tq_form_enter(&form, SECRET, sizeof SECRET - 1);
    for (int i = 0; i < 50; i++) {
        size_t mark = tq_form_enter(&form, SECRET, sizeof SECRET - 1);
        tq_form_add(&form, SECRET, sizeof SECRET - 1);
        tq_form_leave(&form, mark);
    }
    tq_form_leave(&form, outer);
    CHECK(form.err == TQ_OK);
    tq_form_free(&form);
}

TEST("the encoders leave nothing behind, failed ones neither")
{
    tq_buf out;
    tq_buf_init(&out, SIZE_MAX / 2);
    encode_form(&out);
    CHECK(tq_mobizon_encode_status(&out, SECRET, sizeof SECRET - 1, SECRET) == TQ_OK);
    CHECK(tq_cnode_begin(&out, "startLogin") == TQ_OK);
    CHECK(tq_cnode_add_argument(&out, "p", "<" SECRET ">", sizeof SECRET + 1) == TQ_OK);
    CHECK(tq_cnode_add_argument(&out, "p", SECRET "\1", sizeof SECRET) == TQ_ERR_INVALID);
    CHECK(tq_cnode_end(&out, "startLogin") == TQ_OK);
    static const char json[] = "[\"" SECRET "\",12345678901234567890]";
    CHECK(tq_json_quote_wide(json, sizeof json - 1, &out) == TQ_OK);
    tq_buf_free(&out);
    tq_buf_init(&out, sizeof SECRET + 8);
    CHECK(tq_mobizon_encode_status(&out, "1", 1, SECRET SECRET) == TQ_ERR_TOO_BIG);
    tq_buf_free(&out);
    CHECK(held() == 0 && spilt == 0);
}

static server srv;

static tq_http_peer *open_peer(const char *password)
{
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", srv.port);
    tq_http_peer *peer = NULL;
    const tq_http_peer_options options = {.base_url = url,
                                          .username = password != NULL ? "u" : NULL,
                                          .password = password,
                                          .connect_timeout_ns = TQ_SECOND,
                                          .request_timeout_ns = 5 * TQ_SECOND,
                                          .max_response_bytes = 1 << 20,
                                          .max_connections = 8};
    CHECK(tq_http_peer_open(&peer, &options) == TQ_OK);
    return peer;
}

/* Sends a request that holds the secret `times` times, and takes the reply. */
static void ask(tq_http *http, tq_http_peer *peer, tq_http_target *target, int times)
{
    tq_transfer *transfer;
    CHECK(tq_http_begin(http, peer, &transfer) == TQ_OK);
    for (int i = 0; i < times; i++)
        CHECK(tq_buf_add_text(tq_transfer_body(transfer), SECRET) == TQ_OK);
    tq_http_submit(transfer, target, NULL);
    tq_transfer *taken = NULL;
    for (int i = 0; taken == NULL && i < 500; i++) {
        CHECK(tq_http_step(http, TQ_SECOND / 100) == TQ_OK);
        taken = tq_http_take(http);
    }
    CHECK(taken == transfer);
    tq_http_release(transfer);
}

TEST("a request, its echo in a reply and in an error are gone when the transfer is released")
{
    static const char *const no_headers[] = {NULL};
    const answer script[] = {
        {.bytes = "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 40\r\n\r\n" SECRET},
        {.bytes = "HTTP/1.1 200 " SECRET "\r\nX: " SECRET "\r\nContent-Length: 50\r\n\r\n" SECRET,
         .hang_up = true},
        {.bytes = SECRET "\r\n\r\n", .hang_up = true}};
    CHECK(server_start(&srv, script, 3));
    tq_http *http;
    tq_http_target *target;
    CHECK(tq_http_open(&http, NULL, TQ_HTTP_IN_PLACE) == TQ_OK);
    tq_http_peer *peer = open_peer(NULL);
    CHECK(tq_http_target_open(&target, peer, "/?apiKey=" SECRET, no_headers) == TQ_OK);
    for (int i = 0; i < 3; i++) {
        ask(http, peer, target, 1 + 50 * i);
        CHECK(held() == 0 && spilt == 0);
    }
    tq_http_target_close(target);
    tq_http_peer_close(peer);
    tq_http_close(http);
    server_stop(&srv);
    CHECK(held() == 0 && spilt == 0);
    CHECK(srv.requests == 3 && strcasestr(srv.log[1], "\r\nCookie:") == NULL);
}

TEST("a password stays with its peer and goes with it")
{
    tq_http_peer *peer = open_peer(SECRET);
    CHECK(held() == 1);
    tq_http_peer_close(peer);
    CHECK(held() == 0 && spilt == 0);
}

TEST("a transfer that is cut off in flight leaves nothing behind")
{
    static const char *const no_headers[] = {NULL};
    const answer silence[] = {{.bytes = NULL}};
    CHECK(server_start(&srv, silence, 1));
    tq_http *http;
    tq_http_target *target;
    tq_transfer *transfer;
    CHECK(tq_http_open(&http, NULL, TQ_HTTP_IN_PLACE) == TQ_OK);
    tq_http_peer *peer = open_peer(NULL);
    CHECK(tq_http_target_open(&target, peer, "/", no_headers) == TQ_OK);
    CHECK(tq_http_begin(http, peer, &transfer) == TQ_OK);
    CHECK(tq_buf_add_text(tq_transfer_body(transfer), SECRET) == TQ_OK);
    tq_http_submit(transfer, target, NULL);
    for (int i = 0; i < 10; i++)
        CHECK(tq_http_step(http, TQ_SECOND / 1000) == TQ_OK);
    CHECK(held() == 1);
    tq_http_peer_close(peer);
    CHECK(held() == 0 && spilt == 0);
    tq_http_target_close(target);
    tq_http_close(http);
    server_stop(&srv);
}
