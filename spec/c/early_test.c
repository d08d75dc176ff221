/* SPDX-License-Identifier: MIT */
/* Polls that are handed to the transport's thread ahead of their slots. */
#include <poll.h>
#include <unistd.h>

#include "base/err.h"
#include "check.h"
#include "clock/clock.h"
#include "engine/engine.h"
#include "server.h"

#define MS (TQ_SECOND / 1000)
#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
enum { RATE = 250, POLLS = 100, WATCHES = 3 };

static server srv;

static int encode(const tq_source *source, const tq_watch *watch, tq_buf *out)
{
    (void)source;
    return tq_buf_add(out, watch->id, watch->id_len);
}

typedef struct setup {
    bool knows_replies; /* what a watch was told once is no news the next time */
    int looks;          /* how often the fd said that there is something to do */
    tq_engine engine;
    tq_lane lane;
    tq_source source;
    tq_watch watches[WATCHES];
} setup;

static void setup_open(setup *s, tq_http_mode mode, double rate)
{
    static const answer script[] = {{.bytes = HELLO}};
    static const char *const no_headers[] = {NULL};
    char base_url[64];
    CHECK(server_start(&srv, script, 1));
    snprintf(base_url, sizeof base_url, "http://127.0.0.1:%d", srv.port);
    const tq_http_peer_options options = {.base_url = base_url,
                                          .connect_timeout_ns = TQ_SECOND,
                                          .request_timeout_ns = TQ_SECOND,
                                          .max_response_bytes = 1000,
                                          .max_connections = 8};
    *s = (setup){.source = {.encode = encode}};
    CHECK(tq_engine_open(&s->engine, mode) == TQ_OK);
    CHECK(tq_http_peer_open(&s->source.peer, &options) == TQ_OK);
    CHECK(tq_http_target_open(&s->source.target, s->source.peer, "/", no_headers) == TQ_OK);
    tq_lane_init(&s->lane, rate, 1, 1);
    tq_lane_attach(&s->lane, &s->engine);
    for (int i = 0; i < WATCHES; i++) {
        tq_watch_init(&s->watches[i], &s->lane, &s->source, "1", 1);
        CHECK(tq_watch_schedule(&s->watches[i], tq_clock_now()) == TQ_OK);
    }
}

static void setup_close(setup *s)
{
    tq_engine_close(&s->engine);
    tq_lane_close(&s->lane);
    tq_http_target_close(s->source.target);
    tq_http_peer_close(s->source.peer);
    server_stop(&srv);
}

/* As a loop does that watches the fd: when its poll was sent, of the next one to end. */
static int64_t await_end(setup *s)
{
    int64_t deadline = tq_clock_now() + 5 * TQ_SECOND;
    tq_transfer *transfer = tq_engine_take(&s->engine);
    while (transfer == NULL && tq_clock_now() < deadline) {
        tq_engine_arm(&s->engine);
        struct pollfd fd = {.fd = tq_http_fd(s->engine.http), .events = POLLIN};
        bool has_fd = fd.fd >= 0;
        CHECK(!has_fd || poll(&fd, 1, 1000) >= 0);
        s->looks++;
        CHECK(tq_engine_step(&s->engine, has_fd ? 0 : TQ_SECOND) == TQ_OK);
        transfer = tq_engine_take(&s->engine);
    }
    CHECK(transfer != NULL && tq_transfer_reply(transfer)->outcome == TQ_HTTP_ANSWERED);
    int64_t sent_ns = tq_transfer_reply(transfer)->sent_ns;
    tq_watch *watch = tq_transfer_owner(transfer);
    if (s->knows_replies)
        watch->mark = tq_transfer_reply(transfer)->mark;
    tq_watch_finish_poll(watch);
    CHECK(tq_watch_schedule(watch, tq_clock_now()) == TQ_OK);
    return sent_ns;
}

/* Ends polls until there is one that waits for its slot with the thread: the last that was handed
 * over. On a busy machine all may have gone out already. */
static tq_watch *await_early(setup *s)
{
    for (int i = 0; i < 1000; i++) {
        await_end(s);
        tq_engine_arm(&s->engine);
        tq_http_hear_sent(s->engine.http);
        if (s->lane.early_count > 0)
            return s->lane.early[s->lane.early_count - 1];
    }
    return NULL;
}

/* The thread gives back in its own time what it has taken. */
static bool has_no_slot_taken(const setup *s)
{
    for (int left = 1000; left > 0; left--) {
        bool has_none = tq_lane_lock(&s->lane)->unsent == 0;
        tq_lane_unlock(&s->lane);
        if (has_none)
            return true;
        usleep(1000);
    }
    return false;
}

/* Nothing waits for a slot. On a busy machine an older poll may still be without its answer. */
static void check_empty_hands(const setup *s)
{
    size_t in_flight = 0;
    for (int i = 0; i < WATCHES; i++)
        in_flight += s->watches[i].transfer != NULL;
    CHECK(s->lane.early_count == 0 && has_no_slot_taken(s));
    CHECK(s->lane.tally.in_flight == in_flight && s->source.tally.in_flight == in_flight);
}

TEST("a poll that was handed over ahead goes out in its slot, not before")
{
    setup s;
    setup_open(&s, TQ_HTTP_THREADED, RATE);
    unsigned most = 0;
    int64_t last = await_end(&s);
    for (int i = 0; i < POLLS; i++) {
        tq_engine_arm(&s.engine);
        most = s.lane.early_count > most ? s.lane.early_count : most;
        int64_t sent = await_end(&s);
        CHECK(sent - last >= TQ_SECOND / RATE);
        last = sent;
    }
    CHECK(most > 1);
    setup_close(&s);
}

/* How often somebody has to look for so many ends. */
static int count_looks(bool knows_replies)
{
    setup s;
    setup_open(&s, TQ_HTTP_THREADED, RATE);
    s.knows_replies = knows_replies;
    for (int i = 0; i < POLLS; i++)
        await_end(&s);
    setup_close(&s);
    return s.looks;
}

TEST("replies that tell nothing new are told some at once")
{
    int looks = count_looks(true), looks_at_news = count_looks(false);
    CHECK(looks < POLLS && looks < looks_at_news);
}

TEST("but not long after they came")
{
    setup s;
    setup_open(&s, TQ_HTTP_THREADED, RATE);
    s.knows_replies = true;
    for (int i = 0; i < POLLS; i++) {
        int64_t sent = await_end(&s);
        CHECK(tq_clock_now() - sent < TQ_SECOND / 2);
    }
    setup_close(&s);
}

TEST("a slot that moves away takes along the poll that was handed over for it")
{
    setup s;
    setup_open(&s, TQ_HTTP_THREADED, RATE);
    tq_watch *watch = await_early(&s);
    CHECK(watch != NULL && watch->transfer != NULL);
    uint64_t left = s.lane.tally.polls - s.lane.early_count;
    int64_t until = tq_clock_now() + 50 * MS;
    tq_lane_hold(&s.lane, until);
    /* It may have gone out in this moment, and so may those before it. */
    if (!watch->has_sent) {
        uint64_t sent_now = s.lane.tally.polls - left;
        CHECK(sent_now < WATCHES && s.source.tally.polls == s.lane.tally.polls);
        CHECK(watch->transfer == NULL && tq_sched_has(&watch->entry));
        check_empty_hands(&s);
        int64_t held = tq_clock_now(), sent = await_end(&s);
        CHECK(sent >= until || sent < held);
    }
    setup_close(&s);
}

TEST("so does the service's refusal, and a rate that becomes lower")
{
    setup s;
    setup_open(&s, TQ_HTTP_THREADED, RATE);
    CHECK(await_early(&s) != NULL);
    tq_lane_refuse(&s.lane, &s.source, tq_clock_now(), 10 * MS);
    check_empty_hands(&s);
    CHECK(await_early(&s) != NULL);
    tq_lane_set_rate(&s.lane, 10);
    check_empty_hands(&s);
    setup_close(&s);
}

TEST("a watch that stops gives the slot back for which its poll was handed over")
{
    setup s;
    setup_open(&s, TQ_HTTP_THREADED, RATE);
    tq_watch *watch = await_early(&s);
    CHECK(watch != NULL);
    unsigned early = s.lane.early_count;
    tq_watch_stop(watch);
    CHECK(watch->transfer == NULL && s.lane.early_count < early && has_no_slot_taken(&s));
    for (int i = 0; i < 10; i++)
        await_end(&s);
    setup_close(&s);
}

TEST("the thread ends with a poll in its hands whose slot has not come")
{
    setup s;
    setup_open(&s, TQ_HTTP_THREADED, RATE);
    CHECK(await_early(&s) != NULL);
    setup_close(&s);
}

TEST("without a thread, and where slots are far apart, nothing is handed over ahead")
{
    setup s;
    setup_open(&s, TQ_HTTP_IN_PLACE, RATE);
    for (int i = 0; i < 10; i++) {
        await_end(&s);
        tq_engine_arm(&s.engine);
        CHECK(s.lane.early_count == 0);
    }
    setup_close(&s);
    setup_open(&s, TQ_HTTP_THREADED, 20);
    for (int i = 0; i < 5; i++) {
        await_end(&s);
        tq_engine_arm(&s.engine);
        CHECK(s.lane.early_count == 0);
    }
    setup_close(&s);
}
