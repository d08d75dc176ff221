/* SPDX-License-Identifier: MIT */
#include "http/mailbox.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/fork.h"
#include "clock/clock.h"

/* That a request went out is told together with its answer if that comes so soon. */
#define NOTE_DELAY (TQ_SECOND / 1000)
/* And a reply that tells nothing new together with others, if there are others so soon. */
#define REPEAT_DELAY (TQ_SECOND / 50)
#define HEARTBEAT TQ_SECOND

/* One that could not start may be recalled in the same look. */
static void put_finished(tq_thread *thread, tq_transfer *transfer)
{
    if (!transfer->is_finished)
        tq_chain_add(&thread->finished, transfer);
    transfer->is_finished = true;
}

static void start(tq_thread *thread, tq_transfer *transfer)
{
    if (curl_multi_add_handle(transfer->shard->multi, transfer->easy) == CURLM_OK)
        return;
    transfer->result = CURLE_OUT_OF_MEMORY;
    transfer->is_out = true;
    put_finished(thread, transfer);
}

static bool take_early(tq_thread *thread, const tq_transfer *transfer)
{
    bool is_in = false;
    tq_chain early = tq_chain_take(&thread->early);
    for (tq_transfer *each = early.first, *next; each != NULL; each = next) {
        next = each->next_posted;
        if (each != transfer)
            tq_chain_add(&thread->early, each);
        is_in = is_in || each == transfer;
    }
    return is_in;
}

static bool is_any_early(const tq_thread *thread, const tq_gate *gate)
{
    const tq_transfer *transfer = thread->early.first;
    while (transfer != NULL && transfer->gate != gate)
        transfer = transfer->next_posted;
    return transfer != NULL;
}

static void start_early(tq_thread *thread, int64_t now)
{
    tq_chain early = tq_chain_take(&thread->early);
    for (tq_transfer *transfer = early.first, *next; transfer != NULL; transfer = next) {
        next = transfer->next_posted;
        if (tq_gate_take(transfer->gate, now)) {
            transfer->slot = TQ_SLOT_TAKEN;
            start(thread, transfer);
        } else {
            tq_chain_add(&thread->early, transfer);
        }
    }
}

static void start_posted(tq_thread *thread, tq_chain posted)
{
    for (tq_transfer *transfer = posted.first, *next; transfer != NULL; transfer = next) {
        next = transfer->next_posted;
        if (transfer->gate != NULL)
            tq_chain_add(&thread->early, transfer);
        else
            start(thread, transfer);
    }
}

/* One that ended by itself meanwhile was not handed back, since it was recalled. */
static void stop_recalled(tq_thread *thread, tq_transfer *recalled)
{
    for (tq_transfer *transfer = recalled, *next; transfer != NULL; transfer = next) {
        next = transfer->mail.next_recalled;
        if (!transfer->is_out && !take_early(thread, transfer))
            curl_multi_remove_handle(transfer->shard->multi, transfer->easy);
        transfer->is_out = true;
        transfer->is_let_go = true;
        put_finished(thread, transfer);
    }
}

static void finish(tq_http *http, tq_transfer *transfer, CURLcode result)
{
    tq_http_note_end(transfer, result, tq_clock_now());
    curl_multi_remove_handle(transfer->shard->multi, transfer->easy);
    transfer->result = result;
    transfer->is_out = true;
    put_finished(http->thread, transfer);
}

static void work(tq_thread *thread, int64_t wait_ns)
{
    tq_driver *driver = thread->http->driver;
    /* What it could not wait for is there at the next turn; it has no other way to say so. */
    (void)tq_driver_step(driver, wait_ns);
    tq_http_collect(thread->http, finish);
    if (tq_driver_kick(driver))
        tq_http_collect(thread->http, finish);
    if (tq_driver_take_ready(driver) >= 0)
        thread->is_own_ready = true;
}

/* What becomes of its slot. An attempt has used it too, though nothing came to be sent, unless
 * somebody did not want that. */
static void settle(tq_transfer *transfer)
{
    tq_gate *gate = transfer->gate;
    bool is_wanted = !transfer->mail.is_recalled && !transfer->is_late;
    int64_t ended_ns = transfer->reply.ended_ns;
    if (transfer->slot == TQ_SLOT_TAKEN && is_wanted)
        tq_gate_sent(gate, true, ended_ns);
    else if (transfer->slot == TQ_SLOT_TAKEN)
        tq_gate_give_back(gate);
    else if (transfer->slot == TQ_SLOT_USED && is_wanted)
        tq_gate_answered(gate, transfer->mail.sent_ns, ended_ns);
    transfer->slot = TQ_SLOT_NONE;
}

/* Whoever has more to come at its gate can be told of it a little later. */
static bool can_be_kept(const tq_thread *thread, const tq_transfer *transfer)
{
    return tq_mark_equals(transfer->reply.mark, transfer->expected) &&
           is_any_early(thread, transfer->gate);
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void hand_back_one(tq_thread *thread, tq_transfer *transfer, int64_t now)
{
    transfer->mail.is_returned = true;
    tq_chain_add(&thread->returned, transfer);
    if (can_be_kept(thread, transfer))
        thread->note_ns = least(thread->note_ns, now + REPEAT_DELAY);
    else
        thread->has_ends = true;
}

static void hand_back(tq_thread *thread, int64_t now)
{
    tq_chain finished = tq_chain_take(&thread->finished);
    for (tq_transfer *transfer = finished.first, *next; transfer != NULL; transfer = next) {
        next = transfer->next_posted;
        transfer->is_finished = false;
        settle(transfer);
        if (transfer->mail.is_recalled && !transfer->is_let_go)
            continue;
        hand_back_one(thread, transfer, now);
    }
}

static int64_t next_ring_ns(const tq_thread *thread)
{
    return least(thread->beat_ns, least(thread->armed_ns, thread->note_ns));
}

/* Is the worker to come and look? It needs no second ring before it has looked, but for the
 * heartbeat, by which it knows that there is somebody to hear. */
static bool is_to_ring(tq_thread *thread, int64_t now)
{
    bool is_beat = thread->beat_ns <= now;
    bool is_due = thread->has_ends || thread->is_own_ready || next_ring_ns(thread) <= now;
    thread->is_own_spent = thread->is_own_spent || thread->is_own_ready;
    thread->is_own_ready = false;
    if (is_beat)
        thread->beat_ns = now + HEARTBEAT;
    if (thread->armed_ns <= now)
        thread->armed_ns = TQ_NEVER;
    if (thread->note_ns <= now)
        thread->note_ns = TQ_NEVER;
    bool rings = is_beat || (is_due && !thread->is_rung);
    thread->is_rung = thread->is_rung || is_due;
    return rings;
}

/* What the worker has posted since the thread looked last, and how long to wait for libcurl. */
typedef struct orders {
    tq_chain posted;
    tq_transfer *recalled;
    size_t shard_count;
    int own_fd;
    int64_t wait_ns;
} orders;

static void plan_wait(tq_thread *thread, orders *given, int64_t now)
{
    given->wait_ns = 0;
    if (given->posted.first != NULL || given->recalled != NULL)
        return;
    int64_t wait = tq_driver_wait_ns(thread->http->driver, now);
    for (const tq_transfer *early = thread->early.first; early != NULL; early = early->next_posted)
        wait = least(wait, tq_gate_wait_ns(early->gate, now));
    int64_t ring_ns = next_ring_ns(thread);
    if (ring_ns != TQ_NEVER)
        wait = least(wait, ring_ns > now ? ring_ns - now : 0);
    given->wait_ns = wait;
    thread->is_asleep = wait > 0;
    thread->asleep_until_ns = tq_clock_add(now, wait);
}

static void take_orders(tq_thread *thread, orders *given)
{
    given->posted = tq_chain_take(&thread->posted);
    given->recalled = thread->recalled;
    thread->recalled = NULL;
    given->shard_count = thread->shard_count;
    given->own_fd = thread->own_fd;
    thread->own_fd = -1;
}

static void ring(tq_thread *thread)
{
    pthread_mutex_lock(&thread->bell_lock);
    tq_bell_ring(&thread->bell);
    pthread_mutex_unlock(&thread->bell_lock);
}

/* Hands over what has ended and takes what there is to do; false when that is to go home. */
static bool exchange(tq_thread *thread, orders *given)
{
    pthread_mutex_lock(&thread->lock);
    int64_t now = tq_clock_now();
    bool goes_on = !thread->is_over;
    thread->is_asleep = false;
    hand_back(thread, now);
    bool rings = is_to_ring(thread, now);
    if (goes_on) {
        take_orders(thread, given);
        plan_wait(thread, given, now);
    }
    pthread_mutex_unlock(&thread->lock);
    /* Not before that: the worker comes at once, and would have to wait for the lock. */
    if (rings)
        ring(thread);
    return goes_on;
}

static void know_shards(tq_thread *thread, size_t count)
{
    for (; thread->shards_known < count; thread->shards_known++)
        tq_driver_add(thread->http->driver, thread->http->shards[thread->shards_known].multi);
}

static void obey(tq_thread *thread, const orders *given)
{
    int64_t now = tq_clock_now();
    know_shards(thread, given->shard_count);
    start_posted(thread, given->posted);
    stop_recalled(thread, given->recalled);
    start_early(thread, now);
    /* If it cannot be watched it is looked at with every step. */
    if (given->own_fd >= 0)
        (void)tq_driver_watch(thread->http->driver, given->own_fd, TQ_FD_IN);
}

/* The worker is not to be taken off its processor in the middle of a step that gives the thread
 * something to do. */
static void give_way(void)
{
    if (sched_getscheduler(0) == SCHED_OTHER)
        (void)sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0});
}

static void *run(void *data)
{
    tq_thread *thread = data;
    orders given;
    give_way();
    while (exchange(thread, &given)) {
        obey(thread, &given);
        work(thread, given.wait_ns);
    }
    return NULL;
}

bool tq_thread_note_sent(tq_thread *thread, tq_transfer *transfer)
{
    tq_mail *mail = &transfer->mail;
    tq_gate *gate = transfer->gate;
    int64_t now = tq_clock_now();
    pthread_mutex_lock(&thread->lock);
    bool goes = !mail->is_recalled;
    if (goes) {
        transfer->times_sent++;
        mail->sent_ns = now;
        if (mail->untold++ == 0) {
            mail->next_noted = thread->noted;
            thread->noted = transfer;
        }
        thread->note_ns = least(thread->note_ns, now + (gate ? REPEAT_DELAY : NOTE_DELAY));
        if (gate != NULL)
            tq_gate_sent(gate, transfer->slot == TQ_SLOT_TAKEN, now);
        transfer->slot = gate != NULL ? TQ_SLOT_USED : TQ_SLOT_NONE;
    }
    pthread_mutex_unlock(&thread->lock);
    return goes;
}

static pthread_mutex_t running_lock = PTHREAD_MUTEX_INITIALIZER;
static tq_thread *running;

static void join(tq_thread *thread)
{
    pthread_mutex_lock(&thread->lock);
    thread->is_over = true;
    tq_driver_wake(thread->http->driver);
    pthread_mutex_unlock(&thread->lock);
    pthread_join(thread->id, NULL);
    thread->is_running = false;
}

/* Before the libraries take down what the threads still work with. A process that was forked has
 * none of its parent's threads. */
static void join_all(void)
{
    pthread_mutex_lock(&running_lock);
    for (tq_thread *thread = running; thread != NULL; thread = thread->next)
        if (thread->forks == tq_forks())
            join(thread);
    running = NULL;
    pthread_mutex_unlock(&running_lock);
}

static void join_all_at_exit(void)
{
    (void)atexit(join_all);
}

/* Signals are for the threads of the program. */
static int create(tq_thread *thread)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&thread->id, NULL, run, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = failed;
    return failed == 0 ? TQ_OK : TQ_ERR_SYSTEM;
}

static void note_running(tq_thread *thread)
{
    thread->is_running = true;
    thread->prev = NULL;
    thread->next = running;
    if (running != NULL)
        running->prev = thread;
    running = thread;
}

int tq_thread_need(tq_thread *thread)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (thread->is_running)
        return TQ_OK;
    if (thread->is_over)
        return TQ_ERR_SYSTEM;
    pthread_once(&once, join_all_at_exit);
    know_shards(thread, thread->http->shard_count);
    pthread_mutex_lock(&running_lock);
    int err = create(thread);
    if (err == TQ_OK)
        note_running(thread);
    pthread_mutex_unlock(&running_lock);
    return err;
}

int tq_thread_open(tq_http *http)
{
    tq_thread *thread = calloc(1, sizeof *thread);
    if (thread == NULL)
        return TQ_ERR_MEMORY;
    if (tq_bell_open(&thread->bell) != TQ_OK) {
        free(thread);
        return TQ_ERR_SYSTEM;
    }
    pthread_mutex_init(&thread->lock, NULL);
    pthread_mutex_init(&thread->bell_lock, NULL);
    thread->own_fd = -1;
    thread->http = http;
    thread->forks = tq_forks();
    thread->armed_ns = thread->note_ns = thread->beat_ns = TQ_NEVER;
    http->thread = thread;
    return TQ_OK;
}

static void forget_running(tq_thread *thread)
{
    if (thread->prev != NULL)
        thread->prev->next = thread->next;
    else
        running = thread->next;
    if (thread->next != NULL)
        thread->next->prev = thread->prev;
}

void tq_thread_stop(tq_thread *thread)
{
    orders given;
    pthread_mutex_lock(&running_lock);
    if (thread->is_running) {
        join(thread);
        forget_running(thread);
    }
    pthread_mutex_unlock(&running_lock);
    /* What the thread did not come to; libcurl is the caller's now. */
    take_orders(thread, &given);
    obey(thread, &given);
    hand_back(thread, tq_clock_now());
}

void tq_thread_close(tq_thread *thread)
{
    if (thread->own != NULL)
        tq_driver_close(thread->own);
    tq_bell_close(&thread->bell);
    pthread_mutex_destroy(&thread->lock);
    pthread_mutex_destroy(&thread->bell_lock);
    free(thread);
}
