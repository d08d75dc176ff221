/* SPDX-License-Identifier: MIT */
#include "http/thread.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/fork.h"
#include "clock/clock.h"

/* That a request went out is told together with its answer if that comes so soon. */
#define NOTE_DELAY (TQ_SECOND / 1000)
#define HEARTBEAT TQ_SECOND

/* A chain of transfers in the order of their coming. */
typedef struct chain {
    tq_transfer *first;
    tq_transfer *last;
} chain;

struct tq_thread {
    tq_http *http;
    pthread_t id;
    unsigned forks;
    bool is_running;
    tq_thread *next, *prev; /* of those that are running */

    /* The thread's own. */
    size_t shards_known;
    chain finished;    /* not handed back yet */
    bool is_own_ready; /* `own` has something, and the worker was not told yet */

    /* The worker's own: file descriptors of others. The thread watches for it whether one is ready,
     * when it has been asked to. */
    tq_driver *own; /* NULL before there is one */

    pthread_mutex_t lock; /* over all that follows */
    bool is_over;
    chain posted;
    tq_transfer *recalled; /* chained by their mail */
    tq_transfer *noted;
    chain returned;
    size_t shard_count;
    int own_fd;        /* to be watched from now on, or -1 */
    bool is_own_spent; /* its watching: it is done once */
    tq_bell bell;
    bool is_rung;   /* and the worker has not looked since */
    bool is_asleep; /* the thread waits, until then */
    int64_t asleep_until_ns;
    int64_t armed_ns; /* when the worker wants the bell rung, whatever happens */
    int64_t note_ns;  /* when it is rung for what is noted */
    int64_t beat_ns;  /* when it is rung to be heard */
};

static void add(chain *to, tq_transfer *transfer)
{
    transfer->next_posted = NULL;
    if (to->last != NULL)
        to->last->next_posted = transfer;
    else
        to->first = transfer;
    to->last = transfer;
}

static chain take_all(chain *from)
{
    chain taken = *from;
    *from = (chain){NULL, NULL};
    return taken;
}

/* --- the thread ----------------------------------------------------------------------------- */

static void start(tq_thread *thread, tq_transfer *transfer)
{
    if (curl_multi_add_handle(transfer->shard->multi, transfer->easy) == CURLM_OK)
        return;
    transfer->result = CURLE_OUT_OF_MEMORY;
    transfer->is_out = true;
    add(&thread->finished, transfer);
}

static void start_posted(tq_thread *thread, chain posted)
{
    for (tq_transfer *transfer = posted.first, *next; transfer != NULL; transfer = next) {
        next = transfer->next_posted;
        start(thread, transfer);
    }
}

/* One that ended by itself meanwhile was not handed back, since it was recalled. */
static void stop_recalled(tq_thread *thread, tq_transfer *recalled)
{
    for (tq_transfer *transfer = recalled, *next; transfer != NULL; transfer = next) {
        next = transfer->mail.next_recalled;
        if (!transfer->is_out)
            curl_multi_remove_handle(transfer->shard->multi, transfer->easy);
        transfer->is_out = true;
        transfer->is_let_go = true;
        add(&thread->finished, transfer);
    }
}

static void finish(tq_http *http, tq_transfer *transfer, CURLcode result)
{
    curl_multi_remove_handle(transfer->shard->multi, transfer->easy);
    transfer->result = result;
    transfer->is_out = true;
    add(&http->thread->finished, transfer);
}

static void collect(tq_thread *thread)
{
    for (size_t i = 0; i < thread->shards_known; i++)
        tq_http_collect(thread->http, thread->http->shards[i].multi, finish);
}

static void work(tq_thread *thread, int64_t wait_ns)
{
    tq_driver *driver = thread->http->driver;
    /* What it could not wait for is there at the next turn; it has no other way to say so. */
    (void)tq_driver_step(driver, wait_ns);
    collect(thread);
    if (tq_driver_kick(driver))
        collect(thread);
    if (tq_driver_take_ready(driver) >= 0)
        thread->is_own_ready = true;
}

static void hand_back(tq_thread *thread)
{
    chain finished = take_all(&thread->finished);
    for (tq_transfer *transfer = finished.first, *next; transfer != NULL; transfer = next) {
        next = transfer->next_posted;
        if (transfer->mail.is_recalled && !transfer->is_let_go)
            continue;
        transfer->mail.is_returned = true;
        add(&thread->returned, transfer);
    }
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
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
    bool is_due =
        thread->returned.first != NULL || thread->is_own_ready || next_ring_ns(thread) <= now;
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
    chain posted;
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
    int64_t ring_ns = next_ring_ns(thread);
    if (ring_ns != TQ_NEVER)
        wait = least(wait, ring_ns > now ? ring_ns - now : 0);
    given->wait_ns = wait;
    thread->is_asleep = wait > 0;
    thread->asleep_until_ns = tq_clock_add(now, wait);
}

static void take_orders(tq_thread *thread, orders *given)
{
    given->posted = take_all(&thread->posted);
    given->recalled = thread->recalled;
    thread->recalled = NULL;
    given->shard_count = thread->shard_count;
    given->own_fd = thread->own_fd;
    thread->own_fd = -1;
}

/* Hands over what has ended and takes what there is to do; false when that is to go home. */
static bool exchange(tq_thread *thread, orders *given)
{
    pthread_mutex_lock(&thread->lock);
    int64_t now = tq_clock_now();
    bool goes_on = !thread->is_over;
    thread->is_asleep = false;
    hand_back(thread);
    if (is_to_ring(thread, now))
        tq_bell_ring(&thread->bell);
    if (goes_on) {
        take_orders(thread, given);
        plan_wait(thread, given, now);
    }
    pthread_mutex_unlock(&thread->lock);
    return goes_on;
}

static void know_shards(tq_thread *thread, size_t count)
{
    for (; thread->shards_known < count; thread->shards_known++)
        tq_driver_add(thread->http->driver, thread->http->shards[thread->shards_known].multi);
}

static void obey(tq_thread *thread, const orders *given)
{
    know_shards(thread, given->shard_count);
    start_posted(thread, given->posted);
    stop_recalled(thread, given->recalled);
    /* If it cannot be watched it is looked at with every step. */
    if (given->own_fd >= 0)
        (void)tq_driver_watch(thread->http->driver, given->own_fd, TQ_FD_IN);
}

static void *run(void *data)
{
    tq_thread *thread = data;
    orders given;
    while (exchange(thread, &given)) {
        obey(thread, &given);
        work(thread, given.wait_ns);
    }
    return NULL;
}

bool tq_thread_note_sent(tq_thread *thread, tq_transfer *transfer)
{
    tq_mail *mail = &transfer->mail;
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
        thread->note_ns = least(thread->note_ns, now + NOTE_DELAY);
    }
    pthread_mutex_unlock(&thread->lock);
    return goes;
}

/* --- its life --------------------------------------------------------------------------------- */

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

static int need_thread(tq_thread *thread)
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
    hand_back(thread);
}

void tq_thread_close(tq_thread *thread)
{
    if (thread->own != NULL)
        tq_driver_close(thread->own);
    tq_bell_close(&thread->bell);
    pthread_mutex_destroy(&thread->lock);
    free(thread);
}

/* --- the worker ------------------------------------------------------------------------------- */

/* With the lock held: the thread looks into the mailbox, now or before it sleeps. */
static void wake(tq_thread *thread)
{
    if (thread->is_asleep)
        tq_driver_wake(thread->http->driver);
    thread->is_asleep = false;
}

int tq_thread_post(tq_thread *thread, tq_transfer *transfer)
{
    if (need_thread(thread) != TQ_OK)
        return TQ_ERR_SYSTEM;
    transfer->mail = (tq_mail){.sent_ns = INT64_MIN};
    transfer->is_out = transfer->is_let_go = false;
    tq_http_target_hold(transfer->target);
    pthread_mutex_lock(&thread->lock);
    thread->shard_count = thread->http->shard_count;
    add(&thread->posted, transfer);
    wake(thread);
    pthread_mutex_unlock(&thread->lock);
    return TQ_OK;
}

/* With the lock held, since the request may go out once more. */
static void tell_sent(const tq_thread *thread, tq_transfer *transfer)
{
    tq_mail *mail = &transfer->mail;
    for (; mail->untold > 0; mail->untold--)
        if (thread->http->on_sent != NULL)
            thread->http->on_sent(transfer->owner, mail->sent_ns);
}

void tq_thread_recall(tq_thread *thread, tq_transfer *transfer)
{
    tq_mail *mail = &transfer->mail;
    pthread_mutex_lock(&thread->lock);
    tell_sent(thread, transfer);
    mail->is_recalled = true;
    if (!mail->is_returned) {
        mail->next_recalled = thread->recalled;
        thread->recalled = transfer;
        wake(thread);
    }
    pthread_mutex_unlock(&thread->lock);
}

int tq_thread_fd(const tq_thread *thread)
{
    return tq_bell_fd(&thread->bell);
}

static bool has_news(const tq_thread *thread)
{
    return (thread->own != NULL && tq_driver_has_ready(thread->own)) ||
           thread->returned.first != NULL || thread->noted != NULL;
}

bool tq_thread_has_news(tq_thread *thread)
{
    pthread_mutex_lock(&thread->lock);
    bool has = has_news(thread);
    pthread_mutex_unlock(&thread->lock);
    return has;
}

static void ring_now(tq_thread *thread)
{
    pthread_mutex_lock(&thread->lock);
    if (!thread->is_rung)
        tq_bell_ring(&thread->bell);
    thread->is_rung = true;
    pthread_mutex_unlock(&thread->lock);
}

void tq_thread_arm(tq_thread *thread, int64_t at_ns)
{
    if (at_ns <= tq_clock_now()) {
        ring_now(thread);
        return;
    }
    if (need_thread(thread) != TQ_OK)
        return;
    pthread_mutex_lock(&thread->lock);
    if (at_ns < thread->armed_ns) {
        thread->armed_ns = at_ns;
        if (at_ns < thread->asleep_until_ns)
            wake(thread);
    }
    pthread_mutex_unlock(&thread->lock);
}

/* Has the bell been rung for what this step takes? */
static bool look(tq_thread *thread, bool *is_rung)
{
    pthread_mutex_lock(&thread->lock);
    *is_rung = thread->is_rung;
    bool has = has_news(thread);
    pthread_mutex_unlock(&thread->lock);
    return has;
}

static int wait_for_bell(const tq_thread *thread, int64_t wait_ns)
{
    struct pollfd fds[] = {
        {.fd = tq_bell_fd(&thread->bell), .events = POLLIN},
        {.fd = thread->own != NULL ? tq_driver_fd(thread->own) : -1, .events = POLLIN}};
    struct timespec span = {.tv_sec = (time_t)(wait_ns / TQ_SECOND),
                            .tv_nsec = (long)(wait_ns % TQ_SECOND)};
    int count = ppoll(fds, 2, wait_ns == TQ_NEVER ? NULL : &span, NULL);
    return count < 0 && errno != EINTR ? TQ_ERR_SYSTEM : TQ_OK;
}

/* Takes what is in the mailbox. What is rung after this is rung for something else. */
static chain take_mail(tq_thread *thread)
{
    pthread_mutex_lock(&thread->lock);
    for (; thread->noted != NULL; thread->noted = thread->noted->mail.next_noted)
        tell_sent(thread, thread->noted);
    chain returned = take_all(&thread->returned);
    thread->is_rung = false;
    thread->note_ns = TQ_NEVER;
    pthread_mutex_unlock(&thread->lock);
    return returned;
}

static void take_in(tq_http *http, tq_transfer *transfer)
{
    tq_http_target_close((tq_http_target *)transfer->target);
    if (transfer->mail.is_recalled) {
        tq_http_reclaim(transfer);
        return;
    }
    transfer->reply.sent_ns = transfer->mail.sent_ns;
    tq_transfer_end(transfer, transfer->result);
    tq_http_finish(http, transfer);
}

static void ask_for_own(tq_thread *thread)
{
    if (need_thread(thread) != TQ_OK)
        return;
    pthread_mutex_lock(&thread->lock);
    thread->own_fd = tq_driver_fd(thread->own);
    thread->is_own_spent = false;
    wake(thread);
    pthread_mutex_unlock(&thread->lock);
}

static void step_own(tq_thread *thread)
{
    if (thread->own == NULL || tq_driver_step(thread->own, 0) != TQ_OK)
        return;
    pthread_mutex_lock(&thread->lock);
    bool is_spent = thread->is_own_spent;
    pthread_mutex_unlock(&thread->lock);
    if (is_spent)
        ask_for_own(thread);
}

int tq_thread_watch_fd(tq_thread *thread, int fd, int wanted)
{
    int err = TQ_OK;
    errno = ENOTSUP;
    if (!tq_driver_has_fd())
        return TQ_ERR_SYSTEM;
    if (thread->own == NULL)
        err = tq_driver_open(&thread->own);
    if (err == TQ_OK)
        err = tq_driver_watch(thread->own, fd, wanted);
    if (err == TQ_OK)
        ask_for_own(thread);
    return err;
}

void tq_thread_unwatch_fd(tq_thread *thread, int fd)
{
    if (thread->own != NULL)
        tq_driver_unwatch(thread->own, fd);
}

int tq_thread_take_ready(tq_thread *thread)
{
    return thread->own != NULL ? tq_driver_take_ready(thread->own) : -1;
}

int tq_thread_step(tq_thread *thread, int64_t wait_ns)
{
    bool is_rung;
    int err = TQ_OK;
    bool has = look(thread, &is_rung);
    bool can_wait = !tq_bell_is_hung(&thread->bell);
    if (wait_ns > 0 && !has && !is_rung && can_wait)
        err = wait_for_bell(thread, wait_ns);
    if (can_wait)
        tq_bell_hush(&thread->bell);
    step_own(thread);
    chain returned = take_mail(thread);
    for (tq_transfer *transfer = returned.first, *next; transfer != NULL; transfer = next) {
        next = transfer->next_posted;
        take_in(thread->http, transfer);
    }
    return err;
}

int tq_thread_listen(tq_thread *thread, const char *directory, const char **path)
{
    pthread_mutex_lock(&thread->lock);
    int err = tq_bell_listen(&thread->bell, directory, path);
    pthread_mutex_unlock(&thread->lock);
    return err;
}

int tq_thread_hang(tq_thread *thread)
{
    int err = need_thread(thread);
    if (err != TQ_OK)
        return err;
    pthread_mutex_lock(&thread->lock);
    err = tq_bell_hang(&thread->bell);
    if (err == TQ_OK) {
        thread->beat_ns = tq_clock_now();
        wake(thread);
    }
    pthread_mutex_unlock(&thread->lock);
    return err;
}

void tq_thread_unhang(tq_thread *thread)
{
    pthread_mutex_lock(&thread->lock);
    tq_bell_unhang(&thread->bell);
    thread->beat_ns = TQ_NEVER;
    thread->is_rung = false;
    pthread_mutex_unlock(&thread->lock);
}
