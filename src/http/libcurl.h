/* SPDX-License-Identifier: MIT */
#ifndef TQ_LIBCURL_H
#define TQ_LIBCURL_H
/*
 * libcurl, for all who use it in place of <curl/curl.h>. The core is not linked with it: libcurl
 * and the thirty libraries that it needs take longer to load than all the rest, and a program that
 * only loads the module needs none of them. They come with a module of their own (src/libcurl),
 * whose table of functions stands behind the names below.
 *
 * A function that is used anew gets a line in both lists. With TQ_LIBCURL_LINKED the names are
 * libcurl's own, for programs that are linked with it, as the C tests are.
 */
#include <curl/curl.h>
#include <stddef.h>

#define TQ_LIBCURL_FUNCTIONS(X)                                                                    \
    X(curl_easy_cleanup)                                                                           \
    X(curl_easy_getinfo)                                                                           \
    X(curl_easy_init)                                                                              \
    X(curl_easy_setopt)                                                                            \
    X(curl_easy_strerror)                                                                          \
    X(curl_free)                                                                                   \
    X(curl_getdate)                                                                                \
    X(curl_global_init)                                                                            \
    X(curl_mime_addpart)                                                                           \
    X(curl_mime_data)                                                                              \
    X(curl_mime_filedata)                                                                          \
    X(curl_mime_filename)                                                                          \
    X(curl_mime_free)                                                                              \
    X(curl_mime_init)                                                                              \
    X(curl_mime_name)                                                                              \
    X(curl_mime_type)                                                                              \
    X(curl_multi_add_handle)                                                                       \
    X(curl_multi_cleanup)                                                                          \
    X(curl_multi_info_read)                                                                        \
    X(curl_multi_init)                                                                             \
    X(curl_multi_perform)                                                                          \
    X(curl_multi_poll)                                                                             \
    X(curl_multi_remove_handle)                                                                    \
    X(curl_multi_setopt)                                                                           \
    X(curl_multi_socket_action)                                                                    \
    X(curl_multi_timeout)                                                                          \
    X(curl_multi_wakeup)                                                                           \
    X(curl_slist_append)                                                                           \
    X(curl_slist_free_all)                                                                         \
    X(curl_url)                                                                                    \
    X(curl_url_cleanup)                                                                            \
    X(curl_url_get)                                                                                \
    X(curl_url_set)                                                                                \
    X(curl_version_info)

typedef struct tq_libcurl {
    size_t size; /* of this struct: both modules have to be of the same build */
#define TQ_MEMBER(name) __typeof__(&(name)) name; /* NOLINT(bugprone-macro-parentheses) */
    TQ_LIBCURL_FUNCTIONS(TQ_MEMBER)
#undef TQ_MEMBER
} tq_libcurl;

#ifndef TQ_LIBCURL_LINKED

/* Set before anything else of this room is used. */
extern const tq_libcurl *tq_curl;

#undef curl_easy_getinfo
#undef curl_easy_setopt
#undef curl_multi_setopt
#define curl_easy_cleanup tq_curl->curl_easy_cleanup
#define curl_easy_getinfo tq_curl->curl_easy_getinfo
#define curl_easy_init tq_curl->curl_easy_init
#define curl_easy_setopt tq_curl->curl_easy_setopt
#define curl_easy_strerror tq_curl->curl_easy_strerror
#define curl_free tq_curl->curl_free
#define curl_getdate tq_curl->curl_getdate
#define curl_global_init tq_curl->curl_global_init
#define curl_mime_addpart tq_curl->curl_mime_addpart
#define curl_mime_data tq_curl->curl_mime_data
#define curl_mime_filedata tq_curl->curl_mime_filedata
#define curl_mime_filename tq_curl->curl_mime_filename
#define curl_mime_free tq_curl->curl_mime_free
#define curl_mime_init tq_curl->curl_mime_init
#define curl_mime_name tq_curl->curl_mime_name
#define curl_mime_type tq_curl->curl_mime_type
#define curl_multi_add_handle tq_curl->curl_multi_add_handle
#define curl_multi_cleanup tq_curl->curl_multi_cleanup
#define curl_multi_info_read tq_curl->curl_multi_info_read
#define curl_multi_init tq_curl->curl_multi_init
#define curl_multi_perform tq_curl->curl_multi_perform
#define curl_multi_poll tq_curl->curl_multi_poll
#define curl_multi_remove_handle tq_curl->curl_multi_remove_handle
#define curl_multi_setopt tq_curl->curl_multi_setopt
#define curl_multi_socket_action tq_curl->curl_multi_socket_action
#define curl_multi_timeout tq_curl->curl_multi_timeout
#define curl_multi_wakeup tq_curl->curl_multi_wakeup
#define curl_slist_append tq_curl->curl_slist_append
#define curl_slist_free_all tq_curl->curl_slist_free_all
#define curl_url tq_curl->curl_url
#define curl_url_cleanup tq_curl->curl_url_cleanup
#define curl_url_get tq_curl->curl_url_get
#define curl_url_set tq_curl->curl_url_set
#define curl_version_info tq_curl->curl_version_info

#endif

#endif
