/* SPDX-License-Identifier: MIT */
#include "budget/gate.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/fork.h"
#include "clock/clock.h"

struct tq_gate {
    atomic_uint holders;
    unsigned forks;
    pthread_mutex_t lock; /* over what follows */
    tq_budget *budget;    /* NULL once the gate is shut */
};

tq_gate *tq_gate_new(tq_budget *budget)
{
    tq_gate *gate = malloc(sizeof *gate);
    if (gate == NULL)
        return NULL;
    atomic_init(&gate->holders, 1);
    gate->forks = tq_forks();
    gate->budget = budget;
    pthread_mutex_init(&gate->lock, NULL);
    return gate;
}

tq_gate *tq_gate_hold(tq_gate *gate)
{
    if (gate != NULL)
        atomic_fetch_add(&gate->holders, 1);
    return gate;
}

void tq_gate_release(tq_gate *gate)
{
    if (gate == NULL || atomic_fetch_sub(&gate->holders, 1) > 1)
        return;
    pthread_mutex_destroy(&gate->lock);
    free(gate);
}

void tq_gate_lock(tq_gate *gate)
{
    if (gate != NULL && gate->forks == tq_forks())
        pthread_mutex_lock(&gate->lock);
}

void tq_gate_unlock(tq_gate *gate)
{
    if (gate != NULL && gate->forks == tq_forks())
        pthread_mutex_unlock(&gate->lock);
}

void tq_gate_shut(tq_gate *gate)
{
    if (gate == NULL)
        return;
    tq_gate_lock(gate);
    gate->budget = NULL;
    tq_gate_unlock(gate);
}

int64_t tq_gate_wait_ns(tq_gate *gate, int64_t now)
{
    tq_gate_lock(gate);
    int64_t wait = gate->budget != NULL ? tq_budget_wait_ns(gate->budget, now) : TQ_NEVER;
    tq_gate_unlock(gate);
    return wait;
}

bool tq_gate_take(tq_gate *gate, int64_t now)
{
    tq_gate_lock(gate);
    bool is_free = gate->budget != NULL && tq_budget_wait_ns(gate->budget, now) == 0;
    if (is_free)
        tq_budget_take(gate->budget);
    tq_gate_unlock(gate);
    return is_free;
}

void tq_gate_give_back(tq_gate *gate)
{
    tq_gate_lock(gate);
    if (gate->budget != NULL)
        tq_budget_give_back(gate->budget);
    tq_gate_unlock(gate);
}

void tq_gate_sent(tq_gate *gate, bool has_slot, int64_t now)
{
    tq_gate_lock(gate);
    if (gate->budget != NULL && !has_slot)
        tq_budget_take(gate->budget);
    if (gate->budget != NULL)
        tq_budget_sent(gate->budget, now);
    tq_gate_unlock(gate);
}

void tq_gate_answered(tq_gate *gate, int64_t sent_ns, int64_t now)
{
    tq_gate_lock(gate);
    if (gate->budget != NULL)
        tq_budget_answered(gate->budget, sent_ns, now);
    tq_gate_unlock(gate);
}
