/* SPDX-License-Identifier: MIT */
#ifndef TQ_CLOCK_H
#define TQ_CLOCK_H
/*
 * The only room that reads a clock. Time is a count of nanoseconds on the monotonic clock: it never
 * jumps when somebody sets the wall clock. TQ_NEVER is later than every instant.
 *
 * For tests the clock of the whole process can be simulated: it then stands still until it is set.
 */
#include <stdbool.h>
#include <stdint.h>

#define TQ_NEVER INT64_MAX
#define TQ_SECOND INT64_C(1000000000)

/* The present instant, in nanoseconds. */
int64_t tq_clock_now(void);

/* From now on it is `now`, a positive instant, until this is called again or the real clock is
 * taken up. */
void tq_clock_simulate(int64_t now);
void tq_clock_take_up(void);
bool tq_clock_is_simulated(void);

/* Seconds as Lua has them to nanoseconds, rounded up so that they are not fewer when they are
 * turned back; NaN and what is too large give TQ_NEVER. */
int64_t tq_clock_from_seconds(double seconds);

/* Nanoseconds to seconds; TQ_NEVER gives infinity. */
double tq_clock_to_seconds(int64_t ns);

/* `now` plus a span that is not negative; TQ_NEVER when the sum would pass it. */
int64_t tq_clock_add(int64_t now, int64_t span);

#endif
