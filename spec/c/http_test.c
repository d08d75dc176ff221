/* SPDX-License-Identifier: MIT */
#include "http/http.h"

#include <fcntl.h>
#include <time.h>

#include "base/err.h"
#include "check.h"
#include "clock/clock.h"
#include "http/library.h"
#include "server.h"

#define MS (TQ_SECOND / 1000)
#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static server srv; /* one at a time; its log is large */
static const char *const no_headers[] = {NULL};

static tq_http_peer_options options_for(const char *base_url)
{
    return (tq_http_peer_options){.base_url = base_url,
                                  .connect_timeout_ns = TQ_SECOND,
                                  .request_timeout_ns = TQ_SECOND,
                                  .max_response_bytes = 1000,
                                  .max_connections = 8};
}

static int open_base(const char *base_url)
{
    tq_http_peer_options options = options_for(base_url);
    tq_http_peer *peer = NULL;
    int err = tq_http_peer_open(&peer, &options);
    CHECK((err == TQ_OK) == (peer != NULL));
    tq_http_peer_close(peer);
    return err;
}

/* A transport, a peer and one target of it. */
typedef struct client {
    tq_http *http;
    tq_http_peer *peer;
    tq_http_target *target;
} client;

static int sendings;
static void *last_owner;

static void note_sent(void *owner, int64_t now)
{
    (void)now;
    sendings++;
    last_owner = owner;
}

static client client_open_with(int port, tq_http_peer_options options)
{
    client c = {0};
    char base_url[64];
    snprintf(base_url, sizeof base_url, "http://127.0.0.1:%d/api", port);
    options.base_url = base_url;
    sendings = 0;
    last_owner = NULL;
    CHECK(tq_http_open(&c.http, note_sent) == TQ_OK);
    CHECK(tq_http_peer_open(&c.peer, &options) == TQ_OK);
    CHECK(tq_http_target_open(&c.target, c.peer, "/status", no_headers) == TQ_OK);
    return c;
}

static client client_open(int port)
{
    return client_open_with(port, options_for(NULL));
}

static void client_close(client *c)
{
    tq_http_close(c->http);
    tq_http_target_close(c->target);
    tq_http_peer_close(c->peer);
}

static tq_transfer *begin(client *c, const char *body)
{
    tq_transfer *transfer = NULL;
    CHECK(tq_http_begin(c->http, c->peer, &transfer) == TQ_OK);
    CHECK(tq_buf_add_text(tq_transfer_body(transfer), body) == TQ_OK);
    return transfer;
}

static tq_transfer *submit(client *c, const char *body)
{
    tq_transfer *transfer = begin(c, body);
    tq_http_submit(transfer, c->target, NULL);
    return transfer;
}

/* Drives the transport until a transfer has ended, for a second at most. */
static tq_transfer *await(client *c)
{
    int64_t deadline = tq_clock_now() + TQ_SECOND;
    tq_transfer *transfer = tq_http_take(c->http);
    while (transfer == NULL && tq_clock_now() < deadline) {
        int64_t wait = tq_http_wait_ns(c->http, tq_clock_now());
        CHECK(tq_http_step(c->http, wait < 20 * MS ? wait : 20 * MS) == TQ_OK);
        transfer = tq_http_take(c->http);
    }
    return transfer;
}

/* Drives it for a moment in which nothing is expected to end. */
static void step_for(client *c, int64_t span)
{
    for (int64_t end = tq_clock_now() + span; tq_clock_now() < end;)
        CHECK(tq_http_step(c->http, MS) == TQ_OK);
}

/* Drives it until so many requests have gone out. */
static void step_until_sent(client *c, int count)
{
    for (int64_t end = tq_clock_now() + TQ_SECOND; sendings < count && tq_clock_now() < end;)
        CHECK(tq_http_step(c->http, MS) == TQ_OK);
    CHECK(sendings == count);
}

/* One request from end to end: its outcome, the transfer released. */
static tq_http_outcome ask(client *c, const char *body)
{
    tq_transfer *sent = submit(c, body), *transfer = await(c);
    CHECK(transfer == sent);
    if (transfer == NULL)
        return TQ_HTTP_UNSENT;
    tq_http_outcome outcome = tq_transfer_reply(transfer)->outcome;
    tq_http_release(transfer);
    return outcome;
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

TEST("an idle transport has nothing to do and nothing to give")
{
    client c = client_open(1);
    CHECK(tq_http_wait_ns(c.http, tq_clock_now()) == TQ_NEVER);
    CHECK(tq_http_take(c.http) == NULL && tq_http_in_flight(c.http) == 0);
    CHECK(tq_http_step(c.http, 0) == TQ_OK);
    CHECK(tq_http_peer_has_room(c.peer) && tq_http_is_pollable() == (tq_http_fd(c.http) >= 0));
    client_close(&c);
}

TEST("the library tells its version, and by what it has TLS")
{
    tq_http_library library;
    tq_http_library_read(&library);
    CHECK(library.version[0] >= '7' && library.version[1] == '.');
    CHECK(library.tls != NULL && library.tls[0] != '\0');
}

TEST("a request goes out as it was written and its reply comes back whole")
{
    const answer script[] = {{.bytes = HELLO}};
    const char *const headers[] = {"Accept: application/json", "X-Test: 1", NULL};
    CHECK(server_start(&srv, script, 1));
    client c = client_open(srv.port);
    tq_http_target *target = NULL;
    CHECK(tq_http_target_open(&target, c.peer, "/x?y=1", headers) == TQ_OK);
    tq_transfer *transfer = begin(&c, "id=1&apiKey=k");
    int owner, *owned = &owner;
    int64_t before = tq_clock_now();
    tq_http_submit(transfer, target, owned);
    CHECK(tq_http_in_flight(c.http) == 1);
    CHECK(await(&c) == transfer);
    const tq_http_reply *reply = tq_transfer_reply(transfer);
    CHECK(reply->outcome == TQ_HTTP_ANSWERED && reply->error == NULL && reply->status == 200);
    CHECK(reply->body_len == 5 && strcmp(reply->body, "hello") == 0);
    CHECK(reply->sent_ns >= before && reply->sent_ns <= tq_clock_now());
    CHECK(reply->retry_after_ns < 0);
    CHECK(tq_transfer_owner(transfer) == owned && last_owner == owned && sendings == 1);
    CHECK(tq_http_in_flight(c.http) == 0 && !tq_transfer_is_multipart(transfer));
    tq_http_release(transfer);
    tq_http_target_close(target);
    client_close(&c);
    server_stop(&srv);
    CHECK(srv.requests == 1);
    CHECK(strncmp(srv.log[0], "POST /api/x?y=1 HTTP/1.1\r\n", 26) == 0);
    CHECK(strstr(srv.log[0], "\r\nAccept: application/json\r\n") != NULL);
    CHECK(strstr(srv.log[0], "\r\nX-Test: 1\r\n") != NULL);
    CHECK(strstr(srv.log[0], "\r\n\r\nid=1&apiKey=k") != NULL);
}

TEST("the identity of the peer goes out with each request, and nothing is asked beforehand")
{
    const answer script[] = {{.bytes = HELLO}};
    CHECK(server_start(&srv, script, 1));
    tq_http_peer_options options = options_for(NULL);
    options.username = "u";
    options.password = "p";
    options.user_agent = "tester/1";
    client c = client_open_with(srv.port, options);
    char large[3001];
    memset(large, 'x', sizeof large);
    large[3000] = '\0';
    CHECK(ask(&c, large) == TQ_HTTP_ANSWERED);
    client_close(&c);
    server_stop(&srv);
    CHECK(strstr(srv.log[0], "\r\nAuthorization: Basic dTpw\r\n") != NULL);
    CHECK(strstr(srv.log[0], "\r\nUser-Agent: tester/1\r\n") != NULL);
    CHECK(strstr(srv.log[0], "\r\nExpect:") == NULL && strstr(srv.log[0], large) != NULL);
}

TEST("an empty body is posted as such, and an empty reply has an empty text")
{
    const answer script[] = {{.bytes = "HTTP/1.1 204 No Content\r\n\r\n"}};
    CHECK(server_start(&srv, script, 1));
    client c = client_open(srv.port);
    submit(&c, "");
    tq_transfer *transfer = await(&c);
    CHECK(transfer != NULL);
    const tq_http_reply *reply = tq_transfer_reply(transfer);
    CHECK(reply->outcome == TQ_HTTP_ANSWERED && reply->status == 204);
    CHECK(reply->body_len == 0 && reply->body != NULL && reply->body[0] == '\0');
    client_close(&c);
    server_stop(&srv);
    CHECK(strstr(srv.log[0], "\r\nContent-Length: 0\r\n") != NULL);
}

TEST("parts are sent as multipart, and a file that cannot be read is refused")
{
    const answer script[] = {{.bytes = HELLO}};
    CHECK(server_start(&srv, script, 1));
    client c = client_open(srv.port);
    tq_transfer *transfer = begin(&c, "");
    CHECK(tq_transfer_add_text(transfer, "id", "7", 1) == TQ_OK);
    CHECK(tq_transfer_add_text(transfer, "empty", NULL, 0) == TQ_OK);
    CHECK(tq_transfer_is_multipart(transfer));
    tq_http_submit(transfer, c.target, NULL);
    CHECK(await(&c) == transfer);
    tq_http_release(transfer);
    transfer = begin(&c, "");
    CHECK(!tq_transfer_is_multipart(transfer));
    CHECK(tq_transfer_add_file(transfer, "f", "/nonexistent/file", NULL, NULL) == TQ_ERR_INVALID);
    tq_http_release(transfer);
    client_close(&c);
    server_stop(&srv);
    CHECK(srv.requests == 1 && strstr(srv.log[0], "multipart/form-data") != NULL);
    CHECK(strstr(srv.log[0], "name=\"id\"\r\n\r\n7\r\n") != NULL);
    CHECK(strstr(srv.log[0], "name=\"empty\"\r\n\r\n\r\n") != NULL);
}

TEST("any status is an answer, and redirects are not followed")
{
    const answer script[] = {
        {.bytes = "HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno"},
        {.bytes = "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"}};
    static const long statuses[] = {500, 302};
    CHECK(server_start(&srv, script, 2));
    client c = client_open(srv.port);
    for (size_t i = 0; i < 2; i++) {
        submit(&c, "");
        tq_transfer *transfer = await(&c);
        CHECK(transfer != NULL && tq_transfer_reply(transfer)->outcome == TQ_HTTP_ANSWERED);
        CHECK(tq_transfer_reply(transfer)->status == statuses[i]);
        tq_http_release(transfer);
    }
    client_close(&c);
    server_stop(&srv);
    CHECK(srv.requests == 2);
}

TEST("Retry-After is read in seconds and as a date")
{
    char dated[160];
    time_t then = time(NULL) + 100;
    struct tm utc;
    gmtime_r(&then, &utc);
    strftime(dated, sizeof dated,
             "HTTP/1.1 503 No\r\nRetry-After: %a, %d %b %Y %H:%M:%S GMT\r\n"
             "Content-Length: 0\r\n\r\n",
             &utc);
    const answer script[] = {
        {.bytes = "HTTP/1.1 429 No\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"},
        {.bytes = dated},
        {.bytes = "HTTP/1.1 503 No\r\nretry-after:0\r\nContent-Length: 0\r\n\r\n"},
        {.bytes = "HTTP/1.1 429 No\r\nRetry-After: soon\r\nContent-Length: 0\r\n\r\n"},
        {.bytes = HELLO}};
    static const int64_t least[] = {7, 98, 0, INT32_MIN, INT32_MIN}, most[] = {7, 100, 0, -1, -1};
    CHECK(server_start(&srv, script, 5));
    client c = client_open(srv.port);
    for (size_t i = 0; i < 5; i++) {
        submit(&c, "");
        tq_transfer *transfer = await(&c);
        CHECK(transfer != NULL);
        int64_t told = tq_transfer_reply(transfer)->retry_after_ns;
        CHECK(told >= least[i] * TQ_SECOND);
        CHECK(most[i] < 0 ? told < 0 : told <= most[i] * TQ_SECOND);
        tq_http_release(transfer);
    }
    client_close(&c);
    server_stop(&srv);
}

TEST("where nobody listens the connection is refused")
{
    int fd, port = listen_in_silence(&fd);
    close(fd);
    client c = client_open(port);
    submit(&c, "x");
    tq_transfer *transfer = await(&c);
    CHECK(transfer != NULL);
    const tq_http_reply *reply = tq_transfer_reply(transfer);
    CHECK(reply->outcome == TQ_HTTP_NETWORK && reply->status == 0);
    CHECK(reply->error != NULL && reply->error[0] != '\0' && strchr(reply->error, '\n') == NULL);
    CHECK(reply->sent_ns == INT64_MIN && sendings == 0);
    CHECK(reply->body_len == 0 && reply->body != NULL);
    client_close(&c);
}

TEST("no answer in time is a failure of the network")
{
    int fd, port = listen_in_silence(&fd);
    tq_http_peer_options options = options_for(NULL);
    options.request_timeout_ns = 20 * MS;
    client c = client_open_with(port, options);
    int64_t before = tq_clock_now();
    CHECK(ask(&c, "x") == TQ_HTTP_NETWORK && sendings == 1);
    CHECK(tq_clock_now() - before >= 19 * MS && tq_clock_now() - before < TQ_SECOND / 2);
    client_close(&c);
    close(fd);
}

TEST("a reply of exactly the maximum is answered and a larger one is unreadable")
{
    const answer script[] = {
        {.bytes = HELLO},
        {.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"},
        {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello!"},
        {.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello!\r\n0\r\n\r\n"},
        {.bytes = "HTTP/1.1 200 OK\r\n\r\nhello, whose end is the end of the connection",
         .hang_up = true},
        {.bytes = HELLO}};
    CHECK(server_start(&srv, script, 6));
    tq_http_peer_options options = options_for(NULL);
    options.max_response_bytes = 5;
    client c = client_open_with(srv.port, options);
    for (int i = 0; i < 6; i++) {
        submit(&c, "x");
        tq_transfer *transfer = await(&c);
        CHECK(transfer != NULL);
        const tq_http_reply *reply = tq_transfer_reply(transfer);
        bool fits = i < 2 || i == 5;
        CHECK(reply->outcome == (fits ? TQ_HTTP_ANSWERED : TQ_HTTP_UNREADABLE));
        CHECK(reply->body_len <= 5);
        CHECK(fits || strcmp(reply->error, "the reply is larger than 5 bytes") == 0);
        tq_http_release(transfer);
    }
    client_close(&c);
    server_stop(&srv);
}

TEST("what is not HTTP is unreadable")
{
    const answer script[] = {{.bytes = "220 mail.example.com ESMTP\r\n", .hang_up = true},
                             {.bytes = "\x15\x03\x01\x02\x02\x02\x02\n\n", .hang_up = true}};
    CHECK(server_start(&srv, script, 2));
    client c = client_open(srv.port);
    CHECK(ask(&c, "x") == TQ_HTTP_UNREADABLE);
    CHECK(ask(&c, "x") == TQ_HTTP_UNREADABLE);
    client_close(&c);
    server_stop(&srv);
}

/* Asks once for every truncated prefix of `whole`; gives how many of them passed for answers. */
static int count_answered_prefixes(const char *whole, size_t from, size_t to)
{
    static answer script[SERVER_LOG];
    int answered = 0;
    for (size_t len = from; len < to; len++)
        script[len - from] = (answer){len > 0 ? whole : NULL, len, true};
    CHECK(server_start(&srv, script, to - from));
    client c = client_open(srv.port);
    for (size_t len = from; len < to; len++)
        answered += ask(&c, "x") == TQ_HTTP_ANSWERED;
    client_close(&c);
    server_stop(&srv);
    CHECK(srv.requests == to - from);
    return answered;
}

TEST("a reply that breaks off in its body is no answer")
{
    const size_t head = strlen(HELLO) - 5;
    CHECK(count_answered_prefixes(HELLO, head, strlen(HELLO)) == 0);
    const char chunked[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                           "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n";
    const size_t body = (size_t)(strstr(chunked, "2\r\nhe") - chunked);
    CHECK(count_answered_prefixes(chunked, body, strlen(chunked) - 4) == 0);
}

TEST("a reply that breaks off in its headers is no answer")
{
    CHECK(count_answered_prefixes(HELLO, 0, strlen(HELLO) - 5) == 0);
}

TEST("two requests one after the other use one connection")
{
    const answer script[] = {{.bytes = HELLO}};
    CHECK(server_start(&srv, script, 1));
    client c = client_open(srv.port);
    CHECK(ask(&c, "first") == TQ_HTTP_ANSWERED);
    CHECK(ask(&c, "second") == TQ_HTTP_ANSWERED);
    client_close(&c);
    server_stop(&srv);
    CHECK(srv.requests == 2 && srv.connections == 1);
    CHECK(strstr(srv.log[0], "first") != NULL && strstr(srv.log[1], "second") != NULL);
    CHECK(strstr(srv.log[1], "first") == NULL);
}

TEST("a connection that was closed while idle is replaced for the next request")
{
    const answer script[] = {{.bytes = HELLO, .hang_up = true}, {.bytes = HELLO}};
    CHECK(server_start(&srv, script, 2));
    client c = client_open(srv.port);
    CHECK(ask(&c, "first") == TQ_HTTP_ANSWERED);
    step_for(&c, 5 * MS);
    tq_transfer *transfer = begin(&c, "second");
    tq_transfer_send_once(transfer);
    tq_http_submit(transfer, c.target, NULL);
    CHECK(await(&c) == transfer);
    CHECK(tq_transfer_reply(transfer)->outcome == TQ_HTTP_ANSWERED);
    client_close(&c);
    server_stop(&srv);
    CHECK(srv.requests == 2 && srv.connections == 2 && sendings == 2);
}

TEST("a plain request is sent again when its kept connection breaks under it")
{
    const answer script[] = {{.bytes = HELLO}, {.hang_up = true}, {.bytes = HELLO}};
    CHECK(server_start(&srv, script, 3));
    client c = client_open(srv.port);
    CHECK(ask(&c, "first") == TQ_HTTP_ANSWERED);
    CHECK(ask(&c, "second") == TQ_HTTP_ANSWERED);
    CHECK(sendings == 3);
    client_close(&c);
    server_stop(&srv);
    CHECK(srv.requests == 3 && srv.connections == 2);
    CHECK(strstr(srv.log[1], "second") != NULL && strstr(srv.log[2], "second") != NULL);
}

TEST("a request that goes out once is not sent again when its kept connection breaks")
{
    const answer script[] = {{.bytes = HELLO}, {.hang_up = true}, {.bytes = HELLO}};
    CHECK(server_start(&srv, script, 3));
    client c = client_open(srv.port);
    CHECK(ask(&c, "first") == TQ_HTTP_ANSWERED);
    tq_transfer *transfer = begin(&c, "second");
    tq_transfer_send_once(transfer);
    tq_http_submit(transfer, c.target, NULL);
    CHECK(await(&c) == transfer);
    const tq_http_reply *reply = tq_transfer_reply(transfer);
    CHECK(reply->outcome == TQ_HTTP_NETWORK && reply->error != NULL);
    CHECK(reply->error != NULL && strstr(reply->error, "not sent again") != NULL);
    CHECK(reply->sent_ns != INT64_MIN && sendings == 2);
    tq_http_release(transfer);
    /* The handle at rest does not remember it. */
    CHECK(ask(&c, "third") == TQ_HTTP_ANSWERED);
    client_close(&c);
    server_stop(&srv);
    CHECK(srv.requests == 3 && strstr(srv.log[2], "third") != NULL);
}

TEST("a transfer that is released in flight is cancelled and makes room")
{
    int fd, port = listen_in_silence(&fd);
    client c = client_open(port);
    tq_transfer *transfer = submit(&c, "x");
    step_until_sent(&c, 1);
    CHECK(tq_http_in_flight(c.http) == 1);
    tq_http_release(transfer);
    CHECK(tq_http_in_flight(c.http) == 0 && tq_http_peer_has_room(c.peer));
    step_for(&c, 3 * MS);
    CHECK(tq_http_take(c.http) == NULL && sendings == 1);
    client_close(&c);
    close(fd);
}

TEST("a transfer can be released before it is submitted, in the queue, ended and taken")
{
    const answer script[] = {{.bytes = HELLO}};
    CHECK(server_start(&srv, script, 1));
    tq_http_peer_options options = options_for(NULL);
    options.max_connections = 1;
    client c = client_open_with(srv.port, options);
    tq_http_release(begin(&c, "begun"));
    tq_transfer *first = submit(&c, "first"), *queued = submit(&c, "queued");
    tq_http_release(queued);
    for (int i = 0; i < 100 && tq_http_in_flight(c.http) > 0; i++)
        CHECK(tq_http_step(c.http, 10 * MS) == TQ_OK);
    CHECK(tq_http_in_flight(c.http) == 0 && tq_http_wait_ns(c.http, tq_clock_now()) == 0);
    tq_http_release(first);
    CHECK(tq_http_take(c.http) == NULL);
    CHECK(ask(&c, "taken") == TQ_HTTP_ANSWERED);
    client_close(&c);
    server_stop(&srv);
    CHECK(srv.requests == 2 && strstr(srv.log[1], "taken") != NULL);
}

TEST("the transport can be closed with transfers in every state")
{
    const answer script[] = {{.bytes = HELLO}, {.bytes = HELLO}, {.bytes = NULL}};
    CHECK(server_start(&srv, script, 3));
    tq_http_peer_options options = options_for(NULL);
    options.max_connections = 1;
    client c = client_open_with(srv.port, options);
    submit(&c, "taken");
    CHECK(await(&c) != NULL);
    tq_transfer *done = submit(&c, "done");
    for (int i = 0; i < 100 && tq_http_in_flight(c.http) > 0; i++)
        CHECK(tq_http_step(c.http, 10 * MS) == TQ_OK);
    submit(&c, "in flight");
    submit(&c, "queued");
    begin(&c, "begun");
    step_until_sent(&c, 3);
    CHECK(tq_http_in_flight(c.http) == 1 && done != NULL);
    client_close(&c);
    server_stop(&srv);
}

TEST("a peer can be closed with transfers in flight and disturbs no other peer")
{
    int fd, silent = listen_in_silence(&fd);
    const answer script[] = {{.bytes = HELLO}};
    CHECK(server_start(&srv, script, 1));
    client c = client_open(srv.port), mute = client_open(silent);
    tq_http_close(mute.http);
    mute.http = c.http;
    submit(&mute, "in flight");
    submit(&mute, "in flight");
    step_until_sent(&mute, 2);
    CHECK(tq_http_in_flight(c.http) == 2);
    tq_transfer *transfer = submit(&c, "x");
    tq_http_target_close(mute.target);
    tq_http_peer_close(mute.peer);
    CHECK(tq_http_in_flight(c.http) == 1);
    CHECK(await(&c) == transfer && tq_http_in_flight(c.http) == 0);
    client_close(&c);
    server_stop(&srv);
    close(fd);
}

TEST("a peer outlives its transport and can join another")
{
    const answer script[] = {{.bytes = HELLO}};
    CHECK(server_start(&srv, script, 1));
    client c = client_open(srv.port);
    CHECK(ask(&c, "first") == TQ_HTTP_ANSWERED);
    tq_http_close(c.http);
    CHECK(tq_http_open(&c.http, NULL) == TQ_OK);
    CHECK(ask(&c, "second") == TQ_HTTP_ANSWERED);
    client_close(&c);
    server_stop(&srv);
    CHECK(srv.requests == 2 && srv.connections == 2);
}

TEST("what the maximum of connections does not let go waits and goes in order")
{
    const answer script[] = {{.bytes = HELLO}};
    CHECK(server_start(&srv, script, 1));
    tq_http_peer_options options = options_for(NULL);
    options.max_connections = 1;
    client c = client_open_with(srv.port, options);
    static const char *const bodies[] = {"=one", "=two", "=three", "=four"};
    tq_transfer *transfers[4];
    for (int i = 0; i < 4; i++) {
        CHECK(tq_http_peer_has_room(c.peer) == (i == 0));
        transfers[i] = submit(&c, bodies[i]);
        CHECK(tq_http_in_flight(c.http) == 1);
    }
    for (int i = 0; i < 4; i++) {
        CHECK(await(&c) == transfers[i] && tq_http_in_flight(c.http) <= 1);
        tq_http_release(transfers[i]);
    }
    CHECK(tq_http_peer_has_room(c.peer));
    client_close(&c);
    server_stop(&srv);
    CHECK(srv.requests == 4 && srv.connections == 1);
    for (int i = 0; i < 4; i++)
        CHECK(strstr(srv.log[i], bodies[i]) != NULL);
}

TEST("cancelling what is in flight lets the next one go")
{
    int fd, port = listen_in_silence(&fd);
    tq_http_peer_options options = options_for(NULL);
    options.max_connections = 2;
    client c = client_open_with(port, options);
    tq_transfer *first = submit(&c, "1");
    submit(&c, "2");
    submit(&c, "3");
    step_until_sent(&c, 2);
    CHECK(tq_http_in_flight(c.http) == 2);
    tq_http_release(first);
    CHECK(tq_http_in_flight(c.http) == 2);
    step_until_sent(&c, 3);
    CHECK(!tq_http_peer_has_room(c.peer));
    client_close(&c);
    close(fd);
}

TEST("several at once use several connections and all come back")
{
    const answer script[] = {{.bytes = HELLO}};
    CHECK(server_start(&srv, script, 1));
    client c = client_open(srv.port);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 8; i++)
            submit(&c, "x");
        CHECK(tq_http_in_flight(c.http) == 8);
        for (int i = 0; i < 8; i++) {
            tq_transfer *transfer = await(&c);
            CHECK(transfer != NULL && tq_transfer_reply(transfer)->outcome == TQ_HTTP_ANSWERED);
            tq_http_release(transfer);
        }
    }
    client_close(&c);
    server_stop(&srv);
    CHECK(srv.requests == 24 && srv.connections <= 8);
}

TEST("more at once than one of libcurl's multi handles is given come back, and find their "
     "connections again")
{
    enum { MANY = 100, ROUNDS = 3 };
    const answer script[] = {{.bytes = HELLO}};
    CHECK(server_start(&srv, script, 1));
    tq_http_peer_options options = options_for(NULL);
    options.max_connections = MANY;
    options.request_timeout_ns = 30 * TQ_SECOND;
    client c = client_open_with(srv.port, options);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < MANY; i++)
            submit(&c, "x");
        for (int i = 0; i < MANY; i++) {
            tq_transfer *transfer = await(&c);
            CHECK(transfer != NULL && tq_transfer_reply(transfer)->outcome == TQ_HTTP_ANSWERED);
            tq_http_release(transfer);
        }
        CHECK(tq_http_in_flight(c.http) == 0);
    }
    client_close(&c);
    server_stop(&srv);
    CHECK(srv.requests == ROUNDS * MANY && srv.connections <= MANY);
}

/* One request to that target of the peer. */
static void ask_at(client *c, const char *path)
{
    tq_http_target *target = NULL;
    CHECK(tq_http_target_open(&target, c->peer, path, no_headers) == TQ_OK);
    tq_transfer *transfer = begin(c, "x");
    tq_http_submit(transfer, target, NULL);
    CHECK(await(c) == transfer);
    tq_http_release(transfer);
    tq_http_target_close(target);
}

TEST("a handle that is used again goes to where it is sent now, with a query or without")
{
    const answer script[] = {{.bytes = HELLO}};
    CHECK(server_start(&srv, script, 1));
    client c = client_open(srv.port);
    ask_at(&c, "/a?key=1&x=%20");
    ask_at(&c, "/b");
    ask_at(&c, "/a?key=2");
    CHECK(ask(&c, "x") == TQ_HTTP_ANSWERED);
    client_close(&c);
    server_stop(&srv);
    CHECK(srv.connections == 1 && srv.requests == 4);
    CHECK(strncmp(srv.log[0], "POST /api/a?key=1&x=%20 HTTP", 28) == 0);
    CHECK(strncmp(srv.log[1], "POST /api/b HTTP", 16) == 0);
    CHECK(strncmp(srv.log[2], "POST /api/a?key=2 HTTP", 22) == 0);
    CHECK(strncmp(srv.log[3], "POST /api/status HTTP", 21) == 0);
}

TEST("a proxy sees the whole URL, whatever the environment says of hosts to reach without it")
{
    const answer script[] = {{.bytes = HELLO}};
    CHECK(server_start(&srv, script, 1));
    char proxy[64];
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", srv.port);
    tq_http_peer_options options = options_for(NULL);
    options.proxy = proxy;
    setenv("no_proxy", "*", 1);
    client c = client_open_with(1, options);
    ask_at(&c, "/a?x=1");
    client_close(&c);
    unsetenv("no_proxy");
    server_stop(&srv);
    CHECK(srv.requests == 1);
    CHECK(strncmp(srv.log[0], "POST http://127.0.0.1:1/api/a?x=1 HTTP", 38) == 0);
}

TEST("a large body is sent at once, without asking for leave")
{
    enum { LARGE = 3 << 20, SEEN = 1000 };
    int fd, port = listen_in_silence(&fd);
    client c = client_open(port);
    tq_transfer *transfer = begin(&c, "x");
    for (int i = 0; i < LARGE / SEEN; i++) {
        static const char bytes[SEEN];
        CHECK(tq_buf_add(tq_transfer_body(transfer), bytes, SEEN) == TQ_OK);
    }
    tq_http_submit(transfer, c.target, NULL);
    step_until_sent(&c, 1);
    step_for(&c, 5 * MS);
    char seen[SEEN + 1] = "";
    int connection = accept(fd, NULL, NULL);
    CHECK(recv(connection, seen, SEEN, MSG_WAITALL) == SEEN);
    CHECK(strstr(seen, "\r\nContent-Length: 314") != NULL && strstr(seen, "\r\nExpect") == NULL);
    client_close(&c);
    close(connection);
    close(fd);
}

TEST("a target that the transfer owns lives as long as it does")
{
    const answer script[] = {{.bytes = HELLO}};
    CHECK(server_start(&srv, script, 1));
    client c = client_open(srv.port);
    tq_http_target *own = NULL;
    CHECK(tq_http_target_open(&own, c.peer, "/own", no_headers) == TQ_OK);
    tq_transfer *transfer = begin(&c, "x");
    tq_transfer_own_target(transfer, own);
    tq_http_submit(transfer, NULL, NULL);
    CHECK(await(&c) == transfer);
    tq_http_release(transfer);
    CHECK(ask(&c, "x") == TQ_HTTP_ANSWERED);
    client_close(&c);
    server_stop(&srv);
    CHECK(strncmp(srv.log[0], "POST /api/own ", 14) == 0);
    CHECK(strncmp(srv.log[1], "POST /api/status ", 17) == 0);
}

static bool is_readable(int fd, int timeout_ms)
{
    struct pollfd pollfd = {.fd = fd, .events = POLLIN};
    return poll(&pollfd, 1, timeout_ms) == 1;
}

TEST("arming makes the fd readable at its time, and a step makes it quiet again")
{
    if (!tq_http_is_pollable())
        return;
    client c = client_open(1);
    CHECK(!is_readable(tq_http_fd(c.http), 0));
    int64_t at = tq_clock_now() + 5 * MS;
    tq_http_arm(c.http, at);
    CHECK(is_readable(tq_http_fd(c.http), 50) && tq_clock_now() >= at);
    CHECK(tq_http_step(c.http, 0) == TQ_OK);
    CHECK(!is_readable(tq_http_fd(c.http), 0));
    client_close(&c);
}

TEST("a loop that watches only the fd and arms it gets the whole reply")
{
    if (!tq_http_is_pollable())
        return;
    const answer script[] = {{.bytes = HELLO}};
    CHECK(server_start(&srv, script, 1));
    client c = client_open(srv.port);
    submit(&c, "x");
    tq_transfer *transfer = NULL;
    for (int i = 0; i < 20 && transfer == NULL; i++) {
        int64_t now = tq_clock_now(), wait = tq_http_wait_ns(c.http, now);
        if (wait != TQ_NEVER)
            tq_http_arm(c.http, now + wait);
        CHECK(is_readable(tq_http_fd(c.http), 500));
        CHECK(tq_http_step(c.http, 0) == TQ_OK);
        transfer = tq_http_take(c.http);
    }
    CHECK(transfer != NULL && tq_transfer_reply(transfer)->outcome == TQ_HTTP_ANSWERED);
    client_close(&c);
    server_stop(&srv);
}

TEST("a kick starts what was submitted without a step")
{
    int fd, port = listen_in_silence(&fd);
    client c = client_open(port);
    submit(&c, "x");
    CHECK(tq_http_wait_ns(c.http, tq_clock_now()) == 0);
    tq_http_kick(c.http);
    CHECK(tq_http_wait_ns(c.http, tq_clock_now()) > 0);
    step_until_sent(&c, 1);
    client_close(&c);
    close(fd);
}

static int inheritable_fds(void)
{
    int count = 0;
    for (int fd = 0; fd < 256; fd++) {
        int flags = fcntl(fd, F_GETFD);
        count += flags >= 0 && (flags & FD_CLOEXEC) == 0;
    }
    return count;
}

TEST("no program that is started inherits a connection")
{
    int fd, port = listen_in_silence(&fd);
    client c = client_open(port);
    int before = inheritable_fds();
    submit(&c, "x");
    step_until_sent(&c, 1);
    CHECK(inheritable_fds() == before);
    client_close(&c);
    close(fd);
}
