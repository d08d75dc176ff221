/* SPDX-License-Identifier: MIT */
#include "base/fence.h"

#include <math.h>
#include <pthread.h>

#include "base/err.h"
#include "check.h"
#include "clock/clock.h"
#include "engine/engine.h"
#include "server.h"

#define MS (TQ_SECOND / 1000)
#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static server srv;

static int encode(const tq_source *source, const tq_watch *watch, tq_buf *out)
{
    (void)source;
    return tq_buf_add(out, watch->id, watch->id_len);
}

typedef struct setup {
    tq_engine engine;
    tq_lane lane;
    tq_source source;
    tq_watch watch;
} setup;

static void setup_open(setup *s, int port)
{
    static const char *const no_headers[] = {NULL};
    char base_url[64];
    snprintf(base_url, sizeof base_url, "http://127.0.0.1:%d", port);
    const tq_http_peer_options options = {.base_url = base_url,
                                          .connect_timeout_ns = TQ_SECOND,
                                          .request_timeout_ns = TQ_SECOND,
                                          .max_response_bytes = 1000,
                                          .max_connections = 8};
    *s = (setup){.source = {.encode = encode}};
    CHECK(tq_engine_open(&s->engine, TQ_HTTP_IN_PLACE) == TQ_OK);
    CHECK(tq_http_peer_open(&s->source.peer, &options) == TQ_OK);
    CHECK(tq_http_target_open(&s->source.target, s->source.peer, "/", no_headers) == TQ_OK);
    tq_lane_init(&s->lane, 1, 1, 1);
    tq_lane_attach(&s->lane, &s->engine);
    tq_watch_init(&s->watch, &s->lane, &s->source, "1", 1);
    CHECK(tq_watch_schedule(&s->watch, tq_clock_now()) == TQ_OK);
}

static void setup_close(setup *s)
{
    tq_engine_close(&s->engine);
    tq_lane_close(&s->lane);
    tq_http_target_close(s->source.target);
    tq_http_peer_close(s->source.peer);
}

static tq_transfer *await(setup *s, int64_t span)
{
    int64_t deadline = tq_clock_now() + span;
    tq_transfer *transfer = tq_engine_take(&s->engine);
    while (transfer == NULL && tq_clock_now() < deadline) {
        CHECK(tq_engine_step(&s->engine, 5 * MS) == TQ_OK);
        transfer = tq_engine_take(&s->engine);
    }
    return transfer;
}

TEST("a fence is passed at its instant, for whoever holds it, and none is never passed")
{
    tq_fence *fence = tq_fence_new(), *held = tq_fence_hold(fence);
    CHECK(!tq_fence_is_passed(fence, TQ_NEVER - 1));
    tq_fence_move(fence, 10);
    tq_fence_release(fence);
    CHECK(!tq_fence_is_passed(held, 9) && tq_fence_is_passed(held, 10));
    tq_fence_release(held);
    CHECK(!tq_fence_is_passed(NULL, TQ_NEVER));
    CHECK(tq_fence_hold(NULL) == NULL);
    tq_fence_release(NULL);
}

enum { MOVES = 10000 };

static void *look_until_passed(void *fence)
{
    while (!tq_fence_is_passed(fence, MOVES)) {
    }
    tq_fence_release(fence);
    return NULL;
}

TEST("a fence is moved by one thread while another looks at it")
{
    pthread_t thread;
    tq_fence *fence = tq_fence_new();
    CHECK(pthread_create(&thread, NULL, look_until_passed, tq_fence_hold(fence)) == 0);
    for (int64_t at = 2 * MOVES; at >= MOVES; at--)
        tq_fence_move(fence, at);
    tq_fence_release(fence);
    pthread_join(thread, NULL);
}

TEST("behind its fence a lane begins no poll and waits for nothing, until the fence is moved")
{
    const answer script[] = {{.bytes = HELLO}};
    CHECK(server_start(&srv, script, 1));
    setup s;
    setup_open(&s, srv.port);
    CHECK(!tq_lane_is_fenced(&s.lane, tq_clock_now()));
    CHECK(tq_lane_set_fence(&s.lane, tq_clock_now()) == TQ_OK);
    CHECK(tq_lane_is_fenced(&s.lane, tq_clock_now()));
    CHECK(tq_engine_wait_ns(&s.engine, tq_clock_now()) == TQ_NEVER);
    CHECK(await(&s, 20 * MS) == NULL && s.watch.transfer == NULL);
    CHECK(s.lane.tally.polls == 0 && tq_sched_has(&s.watch.entry));
    CHECK(tq_lane_set_fence(&s.lane, TQ_NEVER) == TQ_OK);
    CHECK(tq_engine_wait_ns(&s.engine, tq_clock_now()) == 0);
    CHECK(await(&s, TQ_SECOND) == s.watch.transfer && s.watch.transfer != NULL);
    tq_watch_finish_poll(&s.watch);
    setup_close(&s);
    server_stop(&srv);
    CHECK(srv.requests == 1);
}

/* Begins a poll before its fence, which is passed when the connection has been made. False when it
 * was sent before, or not begun: that depends on how fast the machine is just now. */
static bool begin_unsent(setup *s)
{
    CHECK(tq_lane_set_fence(&s->lane, tq_clock_now() + TQ_SECOND / 50000) == TQ_OK);
    CHECK(tq_engine_step(&s->engine, 0) == TQ_OK);
    return s->watch.transfer != NULL && !s->watch.has_sent;
}

TEST("a poll that finds its connection behind the fence is not sent, and was never one")
{
    const answer script[] = {{.bytes = HELLO}};
    CHECK(server_start(&srv, script, 1));
    setup s;
    setup_open(&s, srv.port);
    for (int i = 0; i < 1000 && !begin_unsent(&s); i++) {
        setup_close(&s);
        setup_open(&s, srv.port);
    }
    CHECK(s.watch.transfer != NULL && !s.watch.has_sent);
    CHECK(await(&s, 100 * MS) == NULL);
    CHECK(s.watch.transfer == NULL && tq_sched_has(&s.watch.entry));
    CHECK(s.lane.tally.polls == 0 && s.lane.tally.in_flight == 0 && s.source.tally.polls == 0);
    CHECK(s.watch.polls == 0 && s.lane.budget.unsent == 0);
    CHECK(tq_budget_wait_ns(&s.lane.budget, tq_clock_now()) == 0);
    CHECK(tq_lane_set_fence(&s.lane, TQ_NEVER) == TQ_OK);
    CHECK(await(&s, TQ_SECOND) != NULL);
    tq_watch_finish_poll(&s.watch);
    setup_close(&s);
    server_stop(&srv);
    CHECK(srv.requests >= 1);
}

TEST("where others look, nothing speaks against a look before a deadline")
{
    setup s;
    int64_t slot, now = tq_clock_now();
    setup_open(&s, 1);
    tq_budget_hold(&s.lane.budget, now + 100 * TQ_SECOND);
    CHECK(!tq_watch_can_look(&s.watch, now + TQ_SECOND, now, &slot));
    CHECK(tq_lane_set_fence(&s.lane, now) == TQ_OK);
    CHECK(tq_watch_can_look(&s.watch, now + TQ_SECOND, now, &slot));
    CHECK(tq_lane_set_fence(&s.lane, TQ_NEVER) == TQ_OK);
    tq_watch_mute(&s.watch, true);
    CHECK(tq_watch_can_look(&s.watch, now + TQ_SECOND, now, &slot));
    setup_close(&s);
}

TEST("a muted watch asks for no looks, and does again afterwards")
{
    setup s;
    setup_open(&s, 1);
    tq_watch_mute(&s.watch, true);
    CHECK(!tq_sched_has(&s.watch.entry));
    CHECK(tq_watch_schedule(&s.watch, tq_clock_now()) == TQ_OK && !tq_sched_has(&s.watch.entry));
    tq_watch_mute(&s.watch, false);
    CHECK(tq_watch_schedule(&s.watch, tq_clock_now()) == TQ_OK && tq_sched_has(&s.watch.entry));
    setup_close(&s);
}

TEST("a reading from elsewhere counts as one of a poll, and is never older than what is known")
{
    setup s;
    setup_open(&s, 1);
    int64_t now = tq_clock_now();
    tq_reading reading = {.state = TQ_RUNNING, .code = 1, .progress = 10, .level = 10};
    CHECK(tq_watch_hear(&s.watch, &reading, now));
    CHECK(s.watch.is_seen && s.watch.read_ns == now && s.watch.polls == 1);
    CHECK(!tq_watch_hear(&s.watch, &reading, now - TQ_SECOND));
    CHECK(s.watch.read_ns == now && tq_sched_has(&s.watch.entry));
    reading.state = TQ_SUCCEEDED;
    CHECK(tq_watch_hear(&s.watch, &reading, now + 1));
    CHECK(!tq_sched_has(&s.watch.entry));
    setup_close(&s);
}

TEST("a budget that is held has no slot before, whatever else it holds back")
{
    tq_budget budget;
    tq_budget_init(&budget, 10, 1, 1);
    tq_budget_hold(&budget, 5 * TQ_SECOND);
    tq_budget_hold(&budget, 3 * TQ_SECOND);
    CHECK(tq_budget_wait_ns(&budget, TQ_SECOND) == 4 * TQ_SECOND);
    CHECK(tq_budget_wait_ns(&budget, 5 * TQ_SECOND) == 0);
}
