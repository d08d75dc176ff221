/* SPDX-License-Identifier: MIT */
#include "base/fence.h"

#include <stdatomic.h>
#include <stdlib.h>

struct tq_fence {
    _Atomic int64_t at_ns;
    atomic_uint holders;
};

tq_fence *tq_fence_new(void)
{
    tq_fence *fence = malloc(sizeof *fence);
    if (fence == NULL)
        return NULL;
    atomic_init(&fence->at_ns, INT64_MAX);
    atomic_init(&fence->holders, 1);
    return fence;
}

tq_fence *tq_fence_hold(tq_fence *fence)
{
    if (fence != NULL)
        atomic_fetch_add(&fence->holders, 1);
    return fence;
}

void tq_fence_release(tq_fence *fence)
{
    if (fence != NULL && atomic_fetch_sub(&fence->holders, 1) == 1)
        free(fence);
}

void tq_fence_move(tq_fence *fence, int64_t at_ns)
{
    atomic_store(&fence->at_ns, at_ns);
}

bool tq_fence_is_passed(const tq_fence *fence, int64_t now)
{
    return fence != NULL && now >= atomic_load(&fence->at_ns);
}
