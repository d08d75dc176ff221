/* SPDX-License-Identifier: MIT */
#ifndef TQ_THREAD_H
#define TQ_THREAD_H
/*
 * A thread that makes libcurl work, for a worker that must never wait for it: a handshake, a store
 * of certificates, a name. The worker is whoever uses the transport; it begins requests and takes
 * their ends as in place.
 *
 * Between the two lies a mailbox, under a lock that is never held over libcurl's work. The worker
 * posts transfers that start, and recalls those that it gives up. The thread notes when a request
 * goes out, and hands back what has ended or was recalled; then it rings the bell.
 *
 * A transfer belongs to the thread from the moment it is posted until the worker finds it handed
 * back. Meanwhile the thread alone touches its handle, its body and its headers, the worker its
 * list and its owner; what both look at lies in tq_transfer.mail, under the lock. The request and
 * the target stay where they are. So a transfer that is released in flight is not gone at once: it
 * is recalled, is nobody's until it comes back, and then rests or is freed.
 *
 * The thread of the system is made when it is first needed, all signals blocked in it, and joined
 * when the transport is closed or the process exits.
 */
#include "http/bell.h"
#include "http/internal.h"

/* What opens a transport with a thread: its mailbox and bell. 0, TQ_ERR_MEMORY or TQ_ERR_SYSTEM. */
int tq_thread_open(tq_http *http);

/* Joins the thread. What was with it can be taken by tq_thread_step then; nothing follows. */
void tq_thread_stop(tq_thread *thread);
void tq_thread_close(tq_thread *thread);

/* 0, or TQ_ERR_SYSTEM when there can be no thread. One that is for a gate is taken up when the
 * thread is kicked. */
int tq_thread_post(tq_thread *thread, tq_transfer *transfer);
void tq_thread_kick(tq_thread *thread);

/* From now on the request does not go out any more. What went out already is told first. */
void tq_thread_recall(tq_thread *thread, tq_transfer *transfer);

/* Of the transport's functions, the part that is the thread's. A step waits only while the bell
 * hangs nowhere else. */
int tq_thread_fd(const tq_thread *thread);
bool tq_thread_has_news(tq_thread *thread);
void tq_thread_arm(tq_thread *thread, int64_t at_ns);
int tq_thread_step(tq_thread *thread, int64_t wait_ns);

/* As tq_http_hear_sent. */
void tq_thread_hear_sent(tq_thread *thread);

/* What is watched of others is the worker's: the thread rings when one of them is ready. */
int tq_thread_watch_fd(tq_thread *thread, int fd, int wanted);
void tq_thread_unwatch_fd(tq_thread *thread, int fd);
int tq_thread_take_ready(tq_thread *thread);

/* For libcurl's callback, in the thread: notes that the request goes out. False when it must not.
 */
bool tq_thread_note_sent(tq_thread *thread, tq_transfer *transfer);

/* Where the bell hangs, as in bell.h. While it hangs somewhere it is rung once a second at least,
 * so that its reader notices when the program is about to end. */
int tq_thread_listen(tq_thread *thread, const char *directory, const char **path);
int tq_thread_hang(tq_thread *thread);
void tq_thread_unhang(tq_thread *thread);

#endif
