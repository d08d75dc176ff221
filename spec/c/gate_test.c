/* SPDX-License-Identifier: MIT */
#include "budget/gate.h"

#include <pthread.h>
#include <stdatomic.h>

#include "budget_at.h"
#include "check.h"

TEST("a gate has a slot when its budget has one, and takes it")
{
    tq_budget budget = budget_of(1, 1);
    tq_gate *gate = tq_gate_new(&budget);
    CHECK(tq_gate_wait_ns(gate, 0) == 0 && tq_gate_take(gate, 0));
    CHECK(budget.unsent == 1 && !tq_gate_take(gate, 0) && tq_gate_wait_ns(gate, 0) == TQ_NEVER);
    tq_gate_give_back(gate);
    CHECK(budget.unsent == 0 && tq_gate_take(gate, 0));
    tq_gate_sent(gate, true, 0);
    tq_gate_answered(gate, 0, 0);
    CHECK(budget.unsent == 0 && tq_gate_wait_ns(gate, 0) == TQ_SECOND);
    CHECK(!tq_gate_take(gate, 999 * MS) && tq_gate_take(gate, TQ_SECOND));
    tq_gate_release(gate);
}

TEST("what goes out once more uses a slot that was not taken before")
{
    tq_budget budget = budget_of(1, 1);
    tq_gate *gate = tq_gate_new(&budget);
    CHECK(tq_gate_take(gate, 0));
    tq_gate_sent(gate, true, 0);
    tq_gate_sent(gate, false, 0);
    tq_gate_answered(gate, 0, 0);
    CHECK(budget.unsent == 0 && tq_gate_wait_ns(gate, 0) == 2 * TQ_SECOND);
    tq_gate_release(gate);
}

TEST("nothing passes a gate that is shut, nor comes to a budget that is gone")
{
    tq_budget budget = budget_of(1, 1);
    tq_gate *gate = tq_gate_new(&budget), *held = tq_gate_hold(gate);
    tq_gate_shut(gate);
    tq_gate_release(gate);
    CHECK(!tq_gate_take(held, 0) && tq_gate_wait_ns(held, 0) == TQ_NEVER);
    tq_gate_give_back(held);
    tq_gate_sent(held, false, 0);
    tq_gate_answered(held, 0, 0);
    CHECK(budget.unsent == 0 && tq_budget_wait_ns(&budget, 0) == 0);
    tq_gate_release(held);
}

enum { TAKERS = 2, TRIES = 20000 };

static tq_gate *shared;
static atomic_int taken;

static void *take_slots(void *data)
{
    (void)data;
    for (int i = 0; i < TRIES; i++)
        if (tq_gate_take(shared, 0)) {
            atomic_fetch_add(&taken, 1);
            tq_gate_give_back(shared);
        }
    return NULL;
}

TEST("two threads take a slot in turns")
{
    tq_budget budget = budget_of(1, 1);
    pthread_t threads[TAKERS];
    shared = tq_gate_new(&budget);
    for (int i = 0; i < TAKERS; i++)
        CHECK(pthread_create(&threads[i], NULL, take_slots, NULL) == 0);
    for (int i = 0; i < TAKERS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(atomic_load(&taken) > 0 && budget.unsent == 0);
    tq_gate_lock(shared);
    CHECK(tq_budget_wait_ns(&budget, 0) == 0);
    tq_gate_unlock(shared);
    tq_gate_release(shared);
}
