/* SPDX-License-Identifier: MIT */
#include "engine/engine.h"

#include <math.h>

#include "base/err.h"
#include "check.h"
#include "clock/clock.h"
#include "server.h"

#define MS (TQ_SECOND / 1000)
#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static server srv;
static int encode_result;

static int encode(const tq_source *source, const tq_watch *watch, tq_buf *out)
{
    (void)source;
    return encode_result != TQ_OK ? encode_result : tq_buf_add(out, watch->id, watch->id_len);
}

/* An engine, one lane, and one client's source. */
typedef struct setup {
    tq_engine engine;
    tq_lane lane;
    tq_source source;
} setup;

static void setup_open(setup *s, int port, double rate, size_t max_connections)
{
    static const char *const no_headers[] = {NULL};
    char base_url[64];
    snprintf(base_url, sizeof base_url, "http://127.0.0.1:%d", port);
    const tq_http_peer_options options = {.base_url = base_url,
                                          .connect_timeout_ns = TQ_SECOND,
                                          .request_timeout_ns = TQ_SECOND,
                                          .max_response_bytes = 1000,
                                          .max_connections = max_connections};
    *s = (setup){.source = {.encode = encode}};
    encode_result = TQ_OK;
    CHECK(tq_engine_open(&s->engine, TQ_HTTP_IN_PLACE) == TQ_OK);
    CHECK(tq_http_peer_open(&s->source.peer, &options) == TQ_OK);
    CHECK(tq_http_target_open(&s->source.target, s->source.peer, "/", no_headers) == TQ_OK);
    tq_lane_init(&s->lane, rate, 1, 1);
    tq_lane_attach(&s->lane, &s->engine);
}

static void setup_close(setup *s)
{
    tq_engine_close(&s->engine);
    tq_http_target_close(s->source.target);
    tq_http_peer_close(s->source.peer);
}

static void watch_now(setup *s, tq_watch *watch, const char *id)
{
    tq_watch_init(watch, &s->lane, &s->source, id, strlen(id));
    CHECK(tq_watch_schedule(watch, tq_clock_now()) == TQ_OK);
}

static void step_for(setup *s, int64_t span)
{
    for (int64_t end = tq_clock_now() + span; tq_clock_now() < end;)
        CHECK(tq_engine_step(&s->engine, MS) == TQ_OK);
}

/* Drives the engine until the watch's poll has gone out. */
static void step_until_sent(setup *s, const tq_watch *watch)
{
    for (int64_t end = tq_clock_now() + TQ_SECOND; !watch->has_sent && tq_clock_now() < end;)
        CHECK(tq_engine_step(&s->engine, MS) == TQ_OK);
    CHECK(watch->has_sent);
}

static tq_watch *await(setup *s)
{
    int64_t deadline = tq_clock_now() + TQ_SECOND;
    tq_transfer *transfer = tq_engine_take(&s->engine);
    while (transfer == NULL && tq_clock_now() < deadline) {
        CHECK(tq_engine_step(&s->engine, 20 * MS) == TQ_OK);
        transfer = tq_engine_take(&s->engine);
    }
    return transfer != NULL ? tq_transfer_owner(transfer) : NULL;
}

static tq_timer timer_new(void)
{
    return (tq_timer){.node = {.place = TQ_HEAP_OUT}};
}

TEST("a new engine waits for nothing, and can be closed twice")
{
    tq_engine engine;
    CHECK(tq_engine_open(&engine, TQ_HTTP_IN_PLACE) == TQ_OK);
    CHECK(tq_engine_wait_ns(&engine, 0) == TQ_NEVER);
    CHECK(tq_engine_take(&engine) == NULL && tq_engine_take_timer(&engine, TQ_NEVER) == NULL);
    CHECK(tq_engine_step(&engine, 0) == TQ_OK);
    tq_engine_close(&engine);
    tq_engine_close(&engine);
}

TEST("a timer goes off once, at its time and not before")
{
    tq_engine engine;
    tq_timer timer = timer_new();
    CHECK(tq_engine_open(&engine, TQ_HTTP_IN_PLACE) == TQ_OK);
    CHECK(tq_engine_set_timer(&engine, &timer, 100) == TQ_OK);
    CHECK(tq_engine_wait_ns(&engine, 30) == 70);
    CHECK(tq_engine_take_timer(&engine, 99) == NULL);
    CHECK(tq_engine_wait_ns(&engine, 150) == 0);
    CHECK(tq_engine_take_timer(&engine, 100) == &timer);
    CHECK(tq_engine_take_timer(&engine, 200) == NULL);
    CHECK(tq_engine_wait_ns(&engine, 200) == TQ_NEVER);
    tq_engine_close(&engine);
}

TEST("timers go off in the order of their times, those of one time as they were set")
{
    tq_engine engine;
    tq_timer timers[5];
    static const int64_t at[] = {30, 10, 20, 10, 30};
    static const int order[] = {1, 3, 2, 0, 4};
    CHECK(tq_engine_open(&engine, TQ_HTTP_IN_PLACE) == TQ_OK);
    for (int i = 0; i < 5; i++) {
        timers[i] = timer_new();
        CHECK(tq_engine_set_timer(&engine, &timers[i], at[i]) == TQ_OK);
    }
    for (int i = 0; i < 5; i++)
        CHECK(tq_engine_take_timer(&engine, 100) == &timers[order[i]]);
    tq_engine_close(&engine);
}

TEST("a cleared timer does not go off, and clearing it again does nothing")
{
    tq_engine engine;
    tq_timer timers[2] = {timer_new(), timer_new()};
    CHECK(tq_engine_open(&engine, TQ_HTTP_IN_PLACE) == TQ_OK);
    CHECK(tq_engine_set_timer(&engine, &timers[0], 10) == TQ_OK);
    CHECK(tq_engine_set_timer(&engine, &timers[1], 20) == TQ_OK);
    tq_engine_clear_timer(&engine, &timers[0]);
    tq_engine_clear_timer(&engine, &timers[0]);
    CHECK(tq_engine_wait_ns(&engine, 0) == 20);
    CHECK(tq_engine_take_timer(&engine, 50) == &timers[1]);
    CHECK(tq_engine_take_timer(&engine, 50) == NULL);
    CHECK(tq_engine_set_timer(&engine, &timers[0], 60) == TQ_OK);
    tq_engine_close(&engine);
    CHECK(!tq_heap_is_in(&timers[0].node));
}

TEST("a timer at never goes off never")
{
    tq_engine engine;
    tq_timer timer = timer_new();
    CHECK(tq_engine_open(&engine, TQ_HTTP_IN_PLACE) == TQ_OK);
    CHECK(tq_engine_set_timer(&engine, &timer, TQ_NEVER) == TQ_OK);
    CHECK(tq_engine_take_timer(&engine, TQ_NEVER - 1) == NULL);
    CHECK(tq_engine_wait_ns(&engine, 0) == TQ_NEVER);
    tq_engine_close(&engine);
}

TEST("the wait is for the first of tasks, slots and timers")
{
    setup s;
    tq_watch watch;
    tq_timer timer = timer_new();
    setup_open(&s, 1, 1, 1);
    tq_watch_init(&watch, &s.lane, &s.source, "1", 1);
    CHECK(tq_watch_schedule(&watch, 500) == TQ_OK);
    CHECK(tq_engine_wait_ns(&s.engine, 100) == 400);
    CHECK(tq_engine_set_timer(&s.engine, &timer, 300) == TQ_OK);
    CHECK(tq_engine_wait_ns(&s.engine, 100) == 200);
    tq_engine_clear_timer(&s.engine, &timer);
    tq_budget_refused(&s.lane.budget, 0, 100, 9 * TQ_SECOND);
    CHECK(tq_engine_wait_ns(&s.engine, 100) == 9 * TQ_SECOND);
    tq_watch_stop(&watch);
    CHECK(tq_engine_wait_ns(&s.engine, 100) == TQ_NEVER);
    setup_close(&s);
}

TEST("arming makes the engine's fd readable for a timer")
{
    if (!tq_http_is_pollable())
        return;
    tq_engine engine;
    tq_timer timer = timer_new();
    CHECK(tq_engine_open(&engine, TQ_HTTP_IN_PLACE) == TQ_OK);
    struct pollfd pollfd = {.fd = tq_http_fd(engine.http), .events = POLLIN};
    tq_engine_arm(&engine);
    CHECK(poll(&pollfd, 1, 0) == 0);
    int64_t at = tq_clock_now() + 5 * MS;
    CHECK(tq_engine_set_timer(&engine, &timer, at) == TQ_OK);
    tq_engine_arm(&engine);
    CHECK(poll(&pollfd, 1, 50) == 1 && tq_clock_now() >= at);
    CHECK(tq_engine_take_timer(&engine, tq_clock_now()) == &timer);
    CHECK(tq_engine_step(&engine, 0) == TQ_OK && poll(&pollfd, 1, 0) == 0);
    tq_engine_close(&engine);
}

TEST("a step ends when a timer is due")
{
    tq_engine engine;
    tq_timer timer = timer_new();
    CHECK(tq_engine_open(&engine, TQ_HTTP_IN_PLACE) == TQ_OK);
    int64_t before = tq_clock_now();
    CHECK(tq_engine_set_timer(&engine, &timer, before + 5 * MS) == TQ_OK);
    CHECK(tq_engine_step(&engine, TQ_NEVER) == TQ_OK);
    CHECK(tq_engine_take_timer(&engine, tq_clock_now()) == &timer);
    CHECK(tq_clock_now() - before < TQ_SECOND / 2);
    tq_engine_close(&engine);
}

TEST("a step starts few polls, for the loop's sake, and the others are due at once")
{
    enum { WATCHES = 40 };
    int fd, port = listen_in_silence(&fd);
    setup s;
    tq_watch watches[WATCHES];
    setup_open(&s, port, INFINITY, WATCHES);
    for (int i = 0; i < WATCHES; i++)
        watch_now(&s, &watches[i], "1");
    CHECK(tq_engine_step(&s.engine, 0) == TQ_OK);
    size_t started = tq_http_in_flight(s.engine.http);
    CHECK(started > 0 && started < WATCHES / 2);
    CHECK(tq_engine_wait_ns(&s.engine, tq_clock_now()) == 0);
    for (int i = 0; i < WATCHES && tq_http_in_flight(s.engine.http) < WATCHES; i++)
        CHECK(tq_engine_step(&s.engine, 0) == TQ_OK);
    CHECK(tq_http_in_flight(s.engine.http) == WATCHES);
    setup_close(&s);
    close(fd);
}

/* Answers so many polls without a network, steps, and lets their tasks be polled again. */
static void play_round(setup *s, int answers)
{
    const tq_http_reply reply = {.outcome = TQ_HTTP_ANSWERED, .status = 200, .body = ""};
    tq_http_request request;
    for (int i = 0; i < answers && tq_http_next_request(s->engine.http, &request); i++)
        CHECK(tq_http_answer(s->engine.http, request.number, &reply) == TQ_OK);
    CHECK(tq_engine_step(&s->engine, 0) == TQ_OK);
    for (tq_transfer *t = tq_engine_take(&s->engine); t != NULL; t = tq_engine_take(&s->engine)) {
        tq_watch *watch = tq_transfer_owner(t);
        tq_watch_finish_poll(watch);
        CHECK(tq_watch_schedule(watch, tq_clock_now()) == TQ_OK);
    }
}

static void play_rounds(setup *s, int rounds, int answers)
{
    for (int i = 0; i < rounds; i++)
        play_round(s, answers);
}

TEST("replies come first: few polls are on their way while they come, and all when none does")
{
    enum { TASKS = 300 };
    setup s;
    tq_watch watches[TASKS];
    setup_open(&s, 1, INFINITY, TASKS);
    tq_http_play(s.engine.http, true);
    for (int i = 0; i < TASKS; i++)
        watch_now(&s, &watches[i], "1");
    play_rounds(&s, 20, 0);
    CHECK(tq_http_in_flight(s.engine.http) == TASKS);
    play_rounds(&s, 60, 10);
    size_t in_flight = tq_http_in_flight(s.engine.http);
    CHECK(in_flight >= 64 && in_flight < 80);
    play_rounds(&s, 20, 0);
    CHECK(tq_http_in_flight(s.engine.http) == TASKS);
    setup_close(&s);
}

TEST("a poll is sent, answered and counted, and the next one waits for its slot")
{
    const answer script[] = {{.bytes = HELLO}};
    CHECK(server_start(&srv, script, 1));
    setup s;
    tq_watch watch;
    setup_open(&s, srv.port, 1, 1);
    watch_now(&s, &watch, "id=123");
    CHECK(tq_engine_wait_ns(&s.engine, tq_clock_now()) == 0);
    CHECK(await(&s) == &watch);
    CHECK(watch.polls == 1 && watch.transfer != NULL);
    CHECK(s.source.tally.polls == 1 && s.source.tally.in_flight == 1);
    CHECK(s.lane.tally.polls == 1 && s.lane.tally.in_flight == 1);
    CHECK(strcmp(tq_transfer_reply(watch.transfer)->body, "hello") == 0);
    CHECK(tq_watch_schedule(&watch, 0) == TQ_OK && !tq_sched_has(&watch.entry));
    tq_watch_finish_poll(&watch);
    CHECK(watch.transfer == NULL);
    CHECK(tq_watch_schedule(&watch, tq_clock_now()) == TQ_OK);
    int64_t wait = tq_engine_wait_ns(&s.engine, tq_clock_now());
    CHECK(wait > TQ_SECOND / 2 && wait <= TQ_SECOND + TQ_SECOND / 10);
    step_for(&s, 3 * MS);
    CHECK(watch.transfer == NULL);
    setup_close(&s);
    server_stop(&srv);
    CHECK(srv.requests == 1 && strstr(srv.log[0], "\r\n\r\nid=123") != NULL);
}

TEST("an attempt that found no connection has used its slot")
{
    int fd, port = listen_in_silence(&fd);
    close(fd);
    setup s;
    tq_watch watch;
    setup_open(&s, port, 1, 1);
    watch_now(&s, &watch, "1");
    CHECK(await(&s) == &watch);
    CHECK(tq_transfer_reply(watch.transfer)->outcome == TQ_HTTP_NETWORK);
    tq_watch_finish_poll(&watch);
    CHECK(s.lane.budget.unsent == 0);
    CHECK(tq_budget_wait_ns(&s.lane.budget, tq_clock_now()) > TQ_SECOND / 2);
    setup_close(&s);
}

TEST("one slot lets one poll go, and the other task keeps its place")
{
    int fd, port = listen_in_silence(&fd);
    setup s;
    tq_watch watches[2];
    setup_open(&s, port, 1, 8);
    watch_now(&s, &watches[0], "0");
    watch_now(&s, &watches[1], "1");
    step_until_sent(&s, &watches[0]);
    CHECK(watches[0].transfer != NULL && watches[1].transfer == NULL);
    CHECK(tq_sched_count(&s.lane.sched) == 1 && tq_http_in_flight(s.engine.http) == 1);
    setup_close(&s);
    close(fd);
}

TEST("stopping cancels the poll in flight, which has used its slot once it was sent")
{
    int fd, port = listen_in_silence(&fd);
    setup s;
    tq_watch watch;
    setup_open(&s, port, 1, 1);
    watch_now(&s, &watch, "1");
    step_until_sent(&s, &watch);
    CHECK(s.lane.budget.unsent == 0);
    tq_watch_stop(&watch);
    CHECK(watch.transfer == NULL && tq_http_in_flight(s.engine.http) == 0);
    CHECK(s.lane.budget.unsent == 0);
    CHECK(tq_budget_wait_ns(&s.lane.budget, tq_clock_now()) > TQ_SECOND / 2);
    setup_close(&s);
    close(fd);
}

TEST("stopping a poll before it was sent gives its slot back")
{
    int fd, port = listen_in_silence(&fd);
    setup s;
    tq_watch watch;
    setup_open(&s, port, 1, 1);
    watch_now(&s, &watch, "1");
    /* The step finds room and starts the poll, but the connection is not made within it. */
    CHECK(tq_engine_step(&s.engine, 0) == TQ_OK);
    CHECK(watch.transfer != NULL);
    bool was_sent = watch.has_sent;
    tq_watch_stop(&watch);
    CHECK(s.lane.budget.unsent == 0);
    CHECK(was_sent || tq_budget_wait_ns(&s.lane.budget, tq_clock_now()) == 0);
    setup_close(&s);
    close(fd);
}

TEST("a poll that cannot be written down is tried again a second later")
{
    setup s;
    tq_watch watch;
    setup_open(&s, 1, INFINITY, 1);
    encode_result = TQ_ERR_MEMORY;
    watch_now(&s, &watch, "1");
    CHECK(tq_engine_step(&s.engine, 0) == TQ_OK);
    CHECK(watch.transfer == NULL && tq_sched_has(&watch.entry));
    int64_t wait = tq_engine_wait_ns(&s.engine, tq_clock_now());
    CHECK(wait > TQ_SECOND / 2 && wait <= TQ_SECOND);
    CHECK(s.lane.budget.unsent == 0 && tq_http_peer_has_room(s.source.peer));
    setup_close(&s);
}

TEST("a task waits while its client has no room, and goes when a poll has ended")
{
    const answer script[] = {{.bytes = HELLO}};
    CHECK(server_start(&srv, script, 1));
    setup s;
    tq_watch watches[3];
    setup_open(&s, srv.port, INFINITY, 1);
    watch_now(&s, &watches[0], "0");
    watch_now(&s, &watches[1], "1");
    watch_now(&s, &watches[2], "2");
    CHECK(tq_engine_step(&s.engine, 0) == TQ_OK);
    CHECK(tq_http_in_flight(s.engine.http) == 1 && tq_sched_count(&s.lane.sched) == 2);
    for (int i = 0; i < 3; i++) {
        CHECK(await(&s) == &watches[i]);
        tq_watch_finish_poll(&watches[i]);
    }
    setup_close(&s);
    server_stop(&srv);
    CHECK(srv.requests == 3);
}

TEST("a task that waits for room goes when the poll before it is stopped")
{
    int fd, port = listen_in_silence(&fd);
    setup s;
    tq_watch watches[2];
    setup_open(&s, port, INFINITY, 1);
    watch_now(&s, &watches[0], "0");
    watch_now(&s, &watches[1], "1");
    step_until_sent(&s, &watches[0]);
    CHECK(watches[0].transfer != NULL && watches[1].transfer == NULL);
    tq_watch_stop(&watches[0]);
    CHECK(tq_engine_wait_ns(&s.engine, tq_clock_now()) == 0);
    setup_close(&s);
    close(fd);
}

TEST("two lanes do not wait for each other")
{
    int fd, port = listen_in_silence(&fd);
    setup s;
    tq_lane other;
    tq_watch watches[2];
    setup_open(&s, port, 1, 8);
    tq_lane_init(&other, 1, 1, 1);
    tq_lane_attach(&other, &s.engine);
    tq_budget_refused(&s.lane.budget, 0, tq_clock_now(), 100 * TQ_SECOND);
    watch_now(&s, &watches[0], "0");
    watch_now(&s, &watches[1], "1");
    tq_watch_stop(&watches[1]);
    tq_watch_init(&watches[1], &other, &s.source, "1", 1);
    CHECK(tq_watch_schedule(&watches[1], tq_clock_now()) == TQ_OK);
    step_until_sent(&s, &watches[1]);
    CHECK(watches[0].transfer == NULL && watches[1].transfer != NULL);
    setup_close(&s);
    close(fd);
}

TEST("after the engine is closed its lanes and watches do nothing any more")
{
    int fd, port = listen_in_silence(&fd);
    setup s;
    tq_watch watches[2];
    setup_open(&s, port, 1, 8);
    watch_now(&s, &watches[0], "0");
    watch_now(&s, &watches[1], "1");
    step_until_sent(&s, &watches[0]);
    tq_engine_close(&s.engine);
    CHECK(tq_watch_schedule(&watches[0], 0) == TQ_ERR_CLOSED);
    CHECK(tq_watch_schedule(&watches[1], 0) == TQ_ERR_CLOSED);
    tq_watch_stop(&watches[0]);
    tq_watch_stop(&watches[1]);
    tq_lane_close(&s.lane);
    setup_close(&s);
    close(fd);
}
