/* SPDX-License-Identifier: MIT */
#ifndef TQ_SIM_ANSWER_H
#define TQ_SIM_ANSWER_H
/*
 * The bridge between an exchange and the service's Lua code: the request as a table in, the reply
 * table out.
 */
#include "sim/exchange.h"

/*
 * Fills `x->reply` with the service's answer, or with an HTTP 500 and the envelope of code 999
 * when even that failed. A request that is too big gets a 413 and is not shown to the service.
 */
void tq_sim_answer(tq_sim_exchange *x, bool is_too_big);

#endif
