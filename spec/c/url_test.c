/* SPDX-License-Identifier: MIT */
/* Which URLs a peer and its targets can have. */
#include "http_client.h"

static int open_base(const char *base_url)
{
    tq_http_peer_options options = options_for(base_url);
    tq_http_peer *peer = NULL;
    int err = tq_http_peer_open(&peer, &options);
    CHECK((err == TQ_OK) == (peer != NULL));
    tq_http_peer_close(peer);
    return err;
}

TEST("a base URL is http or https with a host, and may have a port and a path")
{
    static const char *const good[] = {"http://127.0.0.1:9091/",    "https://api.mobizon.kz",
                                       "http://[::1]:8080/x/y",     "HTTP://Example.com/",
                                       "https://example.com:65535", "http://example.com/a%20b"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        CHECK(open_base(good[i]) == TQ_OK);
}

TEST("another scheme, no scheme, no host or no URL at all is refused")
{
    static const char *const bad[] = {"",
                                      "api.mobizon.kz",
                                      "//api.mobizon.kz",
                                      "http:",
                                      "http://",
                                      "ftp://example.com/",
                                      "file:///etc/passwd",
                                      "gopher://example.com",
                                      "http://example.com:99999/",
                                      "http://example.com:port/",
                                      "http://exa mple.com/",
                                      "http://example.com/a\r\nHost: evil",
                                      "http://[::1/",
                                      " http://example.com/"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(open_base(bad[i]) == TQ_ERR_INVALID);
}

TEST("a base URL with a query, a fragment or a user is refused")
{
    static const char *const bad[] = {"http://example.com/?a=1", "http://example.com?",
                                      "http://example.com/#top", "http://user@example.com/",
                                      "http://u:p@example.com/", "http://:p@example.com/",
                                      "http://example.com/?a#b"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(open_base(bad[i]) == TQ_ERR_INVALID);
}

TEST("a base URL with an empty fragment is refused, for it would swallow the path")
{
    CHECK(open_base("http://example.com/#") == TQ_ERR_INVALID);
    CHECK(open_base("http://example.com#") == TQ_ERR_INVALID);
}

TEST("a target that is no URL is refused")
{
    tq_http_peer_options options = options_for("http://127.0.0.1:1");
    tq_http_peer *peer = NULL;
    tq_http_target *target = NULL;
    CHECK(tq_http_peer_open(&peer, &options) == TQ_OK);
    CHECK(tq_http_target_open(&target, peer, "/a\r\nb", no_headers) == TQ_ERR_INVALID);
    CHECK(tq_http_target_open(&target, peer, "234567/x", no_headers) == TQ_ERR_INVALID);
    CHECK(target == NULL);
    CHECK(tq_http_target_open(&target, peer, "", no_headers) == TQ_OK);
    tq_http_target_close(target);
    tq_http_target_close(NULL);
    tq_http_peer_close(peer);
    tq_http_peer_close(NULL);
}
