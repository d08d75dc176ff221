/* SPDX-License-Identifier: MIT */
/* Connections: kept, broken, shared, waited for, and given up in every state. */
#include <fcntl.h>

#include "http_client.h"

static server srv; /* one at a time; its log is large */

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
    CHECK(tq_http_open(&c.http, NULL, TQ_HTTP_IN_PLACE) == TQ_OK);
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
