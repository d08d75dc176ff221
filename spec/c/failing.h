/* SPDX-License-Identifier: MIT */
#ifndef FAILING_H
#define FAILING_H
/*
 * Memory that runs out where a test wants it to: for the code under test, for expat and for
 * libcurl. It counts what is taken and not given back. The linker puts it between the code and the
 * C library (OUT_OF_MEMORY in the Makefile). For one thread.
 * libcurl itself (7.88) divides by zero when it runs out of memory between two states of a
 * transfer, so there it is let alone: instead, stepping it fails as a whole now and then.
 *
 *     failing_init();                  before libcurl is used
 *     size_t before = failing.live;
 *     failing_from(3, 1);              the third allocation from now on fails, and none after it
 *     ...
 *     bool was_reached = failing_end();
 *     CHECK(failing.live == before);
 */
#include <curl/curl.h>
#include <expat.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static struct {
    bool is_armed;
    bool is_libcurl_busy;
    size_t to_come; /* allocations that succeed before the first that fails */
    size_t left;    /* that fail */
    size_t failed;
    size_t live; /* pieces in use */
} failing;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *piece, size_t size);
void __real_free(void *piece);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *piece, size_t size);
void __wrap_free(void *piece);
char *__wrap_strdup(const char *text);
XML_Parser __wrap_XML_ParserCreate(const XML_Char *encoding);
CURLMcode __real_curl_multi_socket_action(CURLM *multi, curl_socket_t fd, int ready, int *running);
CURLMcode __wrap_curl_multi_socket_action(CURLM *multi, curl_socket_t fd, int ready, int *running);

static inline void failing_from(size_t first, size_t count)
{
    failing.is_armed = true;
    failing.to_come = first - 1;
    failing.left = count;
    failing.failed = 0;
}

/* There is memory again. Did any allocation fail? */
static inline bool failing_end(void)
{
    failing.is_armed = false;
    return failing.failed > 0;
}

static inline bool failing_now(void)
{
    if (!failing.is_armed || failing.left == 0)
        return false;
    if (failing.to_come > 0) {
        failing.to_come--;
        return false;
    }
    failing.left--;
    failing.failed++;
    return true;
}

static inline void *failing_count(void *piece)
{
    failing.live += piece != NULL;
    return piece;
}

void *__wrap_malloc(size_t size)
{
    return failing_now() ? NULL : failing_count(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return failing_now() ? NULL : failing_count(__real_calloc(count, size));
}

void *__wrap_realloc(void *piece, size_t size)
{
    if (failing_now())
        return NULL;
    void *moved = __real_realloc(piece, size);
    failing.live += piece == NULL && moved != NULL;
    return moved;
}

void __wrap_free(void *piece)
{
    failing.live -= piece != NULL;
    __real_free(piece);
}

char *__wrap_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = __wrap_malloc(size);
    return copy != NULL ? memcpy(copy, text, size) : NULL;
}

XML_Parser __wrap_XML_ParserCreate(const XML_Char *encoding)
{
    const XML_Memory_Handling_Suite suite = {__wrap_malloc, __wrap_realloc, __wrap_free};
    return XML_ParserCreate_MM(encoding, &suite, NULL);
}

/* Memory of libcurl's own. */
static inline bool failing_spares(void)
{
    bool is_armed = failing.is_armed;
    if (failing.is_libcurl_busy)
        failing.is_armed = false;
    return is_armed;
}

static inline void *failing_curl_malloc(size_t size)
{
    bool was_armed = failing_spares();
    void *piece = __wrap_malloc(size);
    failing.is_armed = was_armed;
    return piece;
}

static inline void *failing_curl_calloc(size_t count, size_t size)
{
    bool was_armed = failing_spares();
    void *piece = __wrap_calloc(count, size);
    failing.is_armed = was_armed;
    return piece;
}

static inline void *failing_curl_realloc(void *piece, size_t size)
{
    bool was_armed = failing_spares();
    void *moved = __wrap_realloc(piece, size);
    failing.is_armed = was_armed;
    return moved;
}

static inline char *failing_curl_strdup(const char *text)
{
    bool was_armed = failing_spares();
    char *copy = __wrap_strdup(text);
    failing.is_armed = was_armed;
    return copy;
}

CURLMcode __wrap_curl_multi_socket_action(CURLM *multi, curl_socket_t fd, int ready, int *running)
{
    if (failing_now())
        return CURLM_OUT_OF_MEMORY;
    failing.is_libcurl_busy = true;
    CURLMcode result = __real_curl_multi_socket_action(multi, fd, ready, running);
    failing.is_libcurl_busy = false;
    return result;
}

static inline void failing_init(void)
{
    curl_global_init_mem(CURL_GLOBAL_DEFAULT, failing_curl_malloc, __wrap_free,
                         failing_curl_realloc, failing_curl_strdup, failing_curl_calloc);
}

#endif
