/* SPDX-License-Identifier: MIT */
#ifndef TQ_GATE_H
#define TQ_GATE_H
/*
 * What a thread looks at before it lets a request go whose slot has not come: a budget that is
 * somebody else's, under a lock. Whose it is locks the gate too, whatever it does with the budget,
 * and shuts the gate before the budget is gone; nothing passes it then.
 *
 *     tq_gate *gate = tq_gate_new(&budget);              held once
 *     if (tq_gate_take(gate, now)) {                     in the thread
 *         tq_gate_sent(gate, true, now);                 ... or tq_gate_give_back(gate)
 *         tq_gate_answered(gate, sent_ns, now);
 *     }
 *     tq_gate_shut(gate);
 *     tq_gate_release(gate);                             the last release frees it
 */
#include "budget/budget.h"

typedef struct tq_gate tq_gate;

/* NULL when there is no memory. */
tq_gate *tq_gate_new(tq_budget *budget);

/* NULL is let pass, here and in what follows until tq_gate_shut. */
tq_gate *tq_gate_hold(tq_gate *gate);
void tq_gate_release(tq_gate *gate);

/* Nothing else may be called in between. A process that was forked has no thread that could be in
 * there, and needs no lock. */
void tq_gate_lock(tq_gate *gate);
void tq_gate_unlock(tq_gate *gate);

void tq_gate_shut(tq_gate *gate);

/* As the functions of the budget. Is there a slot, and is it taken now? */
int64_t tq_gate_wait_ns(tq_gate *gate, int64_t now);
bool tq_gate_take(tq_gate *gate, int64_t now);
void tq_gate_give_back(tq_gate *gate);

/* `has_slot` is false for a request that goes out once more. */
void tq_gate_sent(tq_gate *gate, bool has_slot, int64_t now);
void tq_gate_answered(tq_gate *gate, int64_t sent_ns, int64_t now);

#endif
