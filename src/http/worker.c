/* SPDX-License-Identifier: MIT */
/* The worker's side of the mailbox: whoever uses the transport. */
#include <errno.h>
#include <poll.h>

#include "base/err.h"
#include "clock/clock.h"
#include "http/mailbox.h"

/* Gives the lock back. If there is `work` the thread looks into the mailbox, at once or before it
 * sleeps; it is woken without the lock, since that is what it takes first. */
static void unlock(tq_thread *thread, bool work)
{
    bool wakes = work && thread->is_asleep;
    if (wakes)
        thread->is_asleep = false;
    pthread_mutex_unlock(&thread->lock);
    if (wakes)
        tq_driver_wake(thread->http->driver);
}

int tq_thread_post(tq_thread *thread, tq_transfer *transfer)
{
    if (tq_thread_need(thread) != TQ_OK)
        return TQ_ERR_SYSTEM;
    transfer->mail = (tq_mail){.sent_ns = INT64_MIN};
    transfer->is_out = transfer->is_let_go = false;
    transfer->slot = TQ_SLOT_NONE;
    tq_http_target_hold(transfer->target);
    pthread_mutex_lock(&thread->lock);
    thread->shard_count = thread->http->shard_count;
    tq_chain_add(&thread->posted, transfer);
    /* Those that are for a gate come some at once, and wake it when they are all there. */
    unlock(thread, transfer->gate == NULL);
    return TQ_OK;
}

void tq_thread_kick(tq_thread *thread)
{
    pthread_mutex_lock(&thread->lock);
    unlock(thread, thread->posted.first != NULL);
}

/* With the lock held, since the request may go out once more. */
static void tell_sent(const tq_thread *thread, tq_transfer *transfer)
{
    tq_mail *mail = &transfer->mail;
    for (; mail->untold > 0; mail->untold--)
        if (thread->http->on_sent != NULL)
            thread->http->on_sent(transfer->owner, mail->sent_ns);
}

/* With the lock held. */
static void tell_all_sent(tq_thread *thread)
{
    for (; thread->noted != NULL; thread->noted = thread->noted->mail.next_noted)
        tell_sent(thread, thread->noted);
}

void tq_thread_hear_sent(tq_thread *thread)
{
    pthread_mutex_lock(&thread->lock);
    tell_all_sent(thread);
    pthread_mutex_unlock(&thread->lock);
}

void tq_thread_recall(tq_thread *thread, tq_transfer *transfer)
{
    tq_mail *mail = &transfer->mail;
    pthread_mutex_lock(&thread->lock);
    tell_sent(thread, transfer);
    mail->is_recalled = true;
    bool is_out = !mail->is_returned;
    if (is_out) {
        mail->next_recalled = thread->recalled;
        thread->recalled = transfer;
    }
    unlock(thread, is_out);
}

int tq_thread_fd(const tq_thread *thread)
{
    return tq_bell_fd(&thread->bell);
}

static bool has_news(const tq_thread *thread)
{
    return (thread->own != NULL && tq_driver_has_ready(thread->own)) || thread->has_ends;
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
    if (tq_thread_need(thread) != TQ_OK)
        return;
    pthread_mutex_lock(&thread->lock);
    bool is_sooner = at_ns < thread->armed_ns;
    if (is_sooner)
        thread->armed_ns = at_ns;
    unlock(thread, is_sooner && at_ns < thread->asleep_until_ns);
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
static tq_chain take_mail(tq_thread *thread)
{
    pthread_mutex_lock(&thread->lock);
    tell_all_sent(thread);
    tq_chain returned = tq_chain_take(&thread->returned);
    thread->is_rung = thread->has_ends = false;
    thread->note_ns = thread->armed_ns = TQ_NEVER;
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
    if (tq_thread_need(thread) != TQ_OK)
        return;
    pthread_mutex_lock(&thread->lock);
    thread->own_fd = tq_driver_fd(thread->own);
    thread->is_own_spent = false;
    unlock(thread, true);
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
        err = tq_driver_open(&thread->own, TQ_DRIVER_WATCHED);
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
    tq_chain returned = take_mail(thread);
    /* After that: while the bell counts as rung, it is not rung for what gets ready. */
    step_own(thread);
    for (tq_transfer *transfer = returned.first, *next; transfer != NULL; transfer = next) {
        next = transfer->next_posted;
        take_in(thread->http, transfer);
    }
    return err;
}

int tq_thread_listen(tq_thread *thread, const char *directory, const char **path)
{
    pthread_mutex_lock(&thread->bell_lock);
    int err = tq_bell_listen(&thread->bell, directory, path);
    pthread_mutex_unlock(&thread->bell_lock);
    return err;
}

int tq_thread_hang(tq_thread *thread)
{
    int err = tq_thread_need(thread);
    if (err != TQ_OK)
        return err;
    pthread_mutex_lock(&thread->lock);
    pthread_mutex_lock(&thread->bell_lock);
    err = tq_bell_hang(&thread->bell);
    pthread_mutex_unlock(&thread->bell_lock);
    if (err == TQ_OK)
        thread->beat_ns = tq_clock_now();
    unlock(thread, err == TQ_OK);
    return err;
}

void tq_thread_unhang(tq_thread *thread)
{
    pthread_mutex_lock(&thread->lock);
    pthread_mutex_lock(&thread->bell_lock);
    tq_bell_unhang(&thread->bell);
    pthread_mutex_unlock(&thread->bell_lock);
    thread->beat_ns = TQ_NEVER;
    /* What was rung there may not have been heard. */
    if (thread->is_rung)
        tq_bell_ring(&thread->bell);
    pthread_mutex_unlock(&thread->lock);
}
