/* SPDX-License-Identifier: MIT */
#ifndef TQ_FENCE_H
#define TQ_FENCE_H
/*
 * An instant from which on something must not be done any more, as what is allowed by a lease is
 * not when that has run out. Whoever acts holds the fence and looks at it at the last moment, also
 * in another thread than the one that moves it.
 *
 *     tq_fence *fence = tq_fence_new();                  held once
 *     tq_fence_move(fence, lease_ends_ns);
 *     if (!tq_fence_is_passed(fence, now)) ...
 *     tq_fence_release(fence);                           the last release frees it
 */
#include <stdbool.h>
#include <stdint.h>

typedef struct tq_fence tq_fence;

/* One that is never passed, until it is moved. NULL when there is no memory. */
tq_fence *tq_fence_new(void);

/* NULL is let pass, and stands for a fence that is never passed. */
tq_fence *tq_fence_hold(tq_fence *fence);
void tq_fence_release(tq_fence *fence);

void tq_fence_move(tq_fence *fence, int64_t at_ns);
bool tq_fence_is_passed(const tq_fence *fence, int64_t now);

#endif
