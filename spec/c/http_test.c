/* SPDX-License-Identifier: MIT */
/* Requests as they go out, and replies as they come back. */
#include <time.h>

#include "http/library.h"
#include "http_client.h"

static server srv; /* one at a time; its log is large */

TEST("an idle transport has nothing to do and nothing to give")
{
    client c = client_open(1);
    CHECK(tq_http_wait_ns(c.http, tq_clock_now()) == TQ_NEVER);
    CHECK(tq_http_take(c.http) == NULL && tq_http_in_flight(c.http) == 0);
    CHECK(tq_http_step(c.http, 0) == TQ_OK);
    CHECK(tq_http_peer_has_room(c.peer));
    /* A thread has an fd of its own, whatever the build. */
    bool has_fd = tq_http_is_pollable() || tested_mode() == TQ_HTTP_THREADED;
    CHECK(has_fd == (tq_http_fd(c.http) >= 0));
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
