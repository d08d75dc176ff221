/* SPDX-License-Identifier: MIT */
#include "clock/clock.h"

#include <float.h>
#include <math.h>

#include "check.h"

TEST("the clock never goes back")
{
    int64_t before = tq_clock_now();
    CHECK(before > 0);
    for (int i = 0; i < 1000; i++) {
        int64_t now = tq_clock_now();
        CHECK(now >= before && now < TQ_NEVER);
        before = now;
    }
}

TEST("seconds become nanoseconds")
{
    CHECK(tq_clock_from_seconds(0) == 0);
    CHECK(tq_clock_from_seconds(1) == TQ_SECOND);
    CHECK(tq_clock_from_seconds(0.25) == TQ_SECOND / 4);
    CHECK(tq_clock_from_seconds(900) == 900 * TQ_SECOND);
    CHECK(tq_clock_from_seconds(-2) == -2 * TQ_SECOND);
}

TEST("a part of a nanosecond is rounded up")
{
    CHECK(tq_clock_from_seconds(1e-10) == 1);
    CHECK(tq_clock_from_seconds(DBL_TRUE_MIN) == 1);
    CHECK(tq_clock_from_seconds(1.5e-9) == 2);
    CHECK(tq_clock_from_seconds(-1.5e-9) == -1);
}

TEST("what is too long, infinite or no number at all is never")
{
    CHECK(tq_clock_from_seconds(1e10) == TQ_NEVER);
    CHECK(tq_clock_from_seconds(9223372036.854775807) == TQ_NEVER);
    CHECK(tq_clock_from_seconds(INFINITY) == TQ_NEVER);
    CHECK(tq_clock_from_seconds(NAN) == TQ_NEVER);
    CHECK(tq_clock_from_seconds(9e9) == INT64_C(9000000000) * TQ_SECOND);
    CHECK(tq_clock_from_seconds(-1e10) == -TQ_NEVER);
    CHECK(tq_clock_from_seconds(-INFINITY) == -TQ_NEVER);
}

TEST("seconds are no fewer after the way to nanoseconds and back")
{
    static const double begins[] = {0, 1, 1e4, 1e6, 1e7, 4e7, 8e9};
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++) {
        double seconds = begins[i];
        bool holds = true;
        for (int step = 0; step < 20000; step++) {
            seconds = nextafter(seconds, INFINITY);
            holds = holds && tq_clock_to_seconds(tq_clock_from_seconds(seconds)) >= seconds;
        }
        CHECK(holds);
    }
}

TEST("nanoseconds become seconds, and never becomes infinity")
{
    CHECK(tq_clock_to_seconds(0) <= 0);
    CHECK(fabs(tq_clock_to_seconds(TQ_SECOND / 2) - 0.5) < 1e-12);
    CHECK(fabs(tq_clock_to_seconds(-3 * TQ_SECOND) + 3) < 1e-12);
    CHECK(isinf(tq_clock_to_seconds(TQ_NEVER)) && tq_clock_to_seconds(TQ_NEVER) > 0);
    CHECK(isfinite(tq_clock_to_seconds(TQ_NEVER - 1)));
}

TEST("an instant of this machine survives the way to seconds and back to a microsecond")
{
    int64_t now = tq_clock_now();
    int64_t back = tq_clock_from_seconds(tq_clock_to_seconds(now));
    CHECK(back - now < 1000 && now - back < 1000);
}

TEST("adding a span stops at never")
{
    CHECK(tq_clock_add(0, 0) == 0);
    CHECK(tq_clock_add(5, 7) == 12);
    CHECK(tq_clock_add(-5, 7) == 2 && tq_clock_add(-TQ_NEVER, TQ_NEVER) == 0);
    CHECK(tq_clock_add(5, TQ_NEVER) == TQ_NEVER);
    CHECK(tq_clock_add(0, TQ_NEVER) == TQ_NEVER);
    CHECK(tq_clock_add(TQ_NEVER, 1) == TQ_NEVER);
    CHECK(tq_clock_add(TQ_NEVER, 0) == TQ_NEVER);
    CHECK(tq_clock_add(TQ_NEVER - 10, 9) == TQ_NEVER - 1);
    CHECK(tq_clock_add(TQ_NEVER - 10, 10) == TQ_NEVER);
    CHECK(tq_clock_add(TQ_NEVER - 10, 11) == TQ_NEVER);
}

TEST("a simulated clock stands where it is set, until the real one is taken up")
{
    int64_t before = tq_clock_now();
    CHECK(!tq_clock_is_simulated());
    tq_clock_simulate(5);
    CHECK(tq_clock_is_simulated() && tq_clock_now() == 5 && tq_clock_now() == 5);
    tq_clock_simulate(TQ_NEVER);
    CHECK(tq_clock_now() == TQ_NEVER);
    tq_clock_take_up();
    CHECK(!tq_clock_is_simulated() && tq_clock_now() >= before);
}
