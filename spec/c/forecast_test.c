/* SPDX-License-Identifier: MIT */
#include "sched/forecast.h"

#include <math.h>

#include "check.h"
#include "clock/clock.h"

#define AT(seconds) ((int64_t)((seconds) * (double)TQ_SECOND))

static double seconds(int64_t ns)
{
    return (double)ns / (double)TQ_SECOND;
}

static tq_forecast born(int64_t at)
{
    tq_forecast forecast;
    tq_forecast_init(&forecast, at, true);
    return forecast;
}

/* Looks at even progress of so many seconds, each `pause`, up to `until`. */
static void follow(tq_forecast *forecast, tq_history *history, double length, double pause,
                   double until)
{
    for (double now = pause; now <= until; now += pause)
        tq_forecast_read(forecast, history, (int)(100 * now / length), AT(now));
}

TEST("before the first look nothing is known of the end, and a look is worth more and more")
{
    tq_history history;
    tq_history_init(&history);
    tq_forecast forecast = born(AT(5));
    CHECK(tq_forecast_end_ns(&forecast) == TQ_NEVER);
    CHECK(tq_forecast_worth(&forecast, &history, AT(5)) == -INFINITY);
    CHECK(tq_forecast_worth(&forecast, &history, AT(4)) == -INFINITY);
    double last = -INFINITY;
    for (double now = 5.01; now < 1000; now *= 1.2) {
        double worth = tq_forecast_worth(&forecast, &history, AT(now));
        CHECK(worth > last);
        last = worth;
    }
}

TEST("even progress tells the end, the better the more of it was seen")
{
    tq_history history;
    tq_history_init(&history);
    tq_forecast forecast = born(0);
    follow(&forecast, &history, 200, 10, 50);
    CHECK(fabs(seconds(tq_forecast_end_ns(&forecast)) - 200) < 15);
    double early = (double)forecast.spread;
    follow(&forecast, &history, 200, 10, 150);
    CHECK(fabs(seconds(tq_forecast_end_ns(&forecast)) - 200) < 3);
    CHECK((double)forecast.spread < early / 2);
}

TEST("one look at a task whose begin is known tells its end")
{
    tq_history history;
    tq_history_init(&history);
    tq_forecast forecast = born(AT(100));
    tq_forecast_read(&forecast, &history, 25, AT(130));
    CHECK(fabs(seconds(tq_forecast_end_ns(&forecast)) - 220) < 10);
}

TEST("of a task whose begin is not known the first look tells no pace, and the second does")
{
    tq_history history;
    tq_history_init(&history);
    tq_forecast forecast;
    tq_forecast_init(&forecast, AT(100), false);
    tq_forecast_read(&forecast, &history, 50, AT(100));
    CHECK(tq_forecast_end_ns(&forecast) == TQ_NEVER);
    tq_forecast_read(&forecast, &history, 60, AT(120));
    CHECK(fabs(seconds(tq_forecast_end_ns(&forecast)) - 200) < 12);
}

TEST("progress that begins between two looks is measured from there")
{
    tq_history history;
    tq_history_init(&history);
    tq_forecast forecast = born(0);
    tq_forecast_read(&forecast, &history, -1, AT(100));
    CHECK(tq_forecast_end_ns(&forecast) == TQ_NEVER);
    tq_forecast_read(&forecast, &history, 10, AT(110));
    double end = seconds(tq_forecast_end_ns(&forecast));
    CHECK(end > 110 && end < 220);
    for (int level = 20; level <= 60; level += 10)
        tq_forecast_read(&forecast, &history, level, AT(110 + (level - 10)));
    CHECK(fabs(seconds(tq_forecast_end_ns(&forecast)) - 200) < 12);
}

TEST("a forecast follows a pace that changes")
{
    tq_history history;
    tq_history_init(&history);
    tq_forecast forecast = born(0);
    for (int level = 5; level <= 50; level += 5)
        tq_forecast_read(&forecast, &history, level, AT(level));
    double fast = seconds(tq_forecast_end_ns(&forecast));
    for (int level = 55; level <= 75; level += 5)
        tq_forecast_read(&forecast, &history, level, AT(50 + (level - 50) * 10));
    double slow = seconds(tq_forecast_end_ns(&forecast)) - 300;
    CHECK(fast < 120 && slow > 100 && slow < 300);
    CHECK((double)forecast.unevenness > 0);
}

TEST("progress that goes back is measured anew from there")
{
    tq_history history;
    tq_history_init(&history);
    tq_forecast forecast = born(0);
    follow(&forecast, &history, 100, 5, 80);
    tq_forecast_read(&forecast, &history, 20, AT(85));
    CHECK(tq_forecast_end_ns(&forecast) == TQ_NEVER);
    for (int level = 22; level <= 40; level += 2)
        tq_forecast_read(&forecast, &history, level, AT(85 + (level - 20)));
    CHECK(fabs(seconds(tq_forecast_end_ns(&forecast)) - 165) < 25);
}

TEST("progress that stands still puts the end off, the longer the more")
{
    tq_history history;
    tq_history_init(&history);
    tq_forecast forecast = born(0);
    follow(&forecast, &history, 100, 2, 90);
    double last = 0;
    for (double now = 100; now < 2000; now *= 1.5) {
        tq_forecast_read(&forecast, &history, 90, AT(now));
        CHECK((double)forecast.mean > last);
        last = (double)forecast.mean;
    }
}

TEST("progress that stops to tell anything leaves the age")
{
    tq_history history;
    tq_history_init(&history);
    tq_forecast forecast = born(0);
    follow(&forecast, &history, 100, 5, 50);
    CHECK(tq_forecast_end_ns(&forecast) != TQ_NEVER);
    tq_forecast_read(&forecast, &history, -1, AT(55));
    CHECK(tq_forecast_end_ns(&forecast) == TQ_NEVER);
}

TEST("every level at every time gives numbers that can be used")
{
    tq_history history;
    tq_history_init(&history);
    for (int run = 0; run < 2000; run++) {
        tq_forecast forecast;
        int64_t now = (int64_t)check_random(100) * TQ_SECOND;
        tq_forecast_init(&forecast, now, run % 2 == 0);
        for (int look = 0; look < 20; look++) {
            now += (int64_t)check_random(3) * (int64_t)check_random(20) * TQ_SECOND / 2;
            tq_forecast_read(&forecast, &history, (int)check_random(102) - 1, now);
            int64_t due = tq_forecast_due(&forecast, &history, log(0.1));
            CHECK(due > now);
            double worth = tq_forecast_worth(&forecast, &history, now + TQ_SECOND);
            CHECK(isfinite(worth) && isfinite((double)forecast.mean));
            CHECK((double)forecast.spread >= 0 && isfinite((double)forecast.spread));
        }
        tq_forecast_end(&forecast, &history, now + TQ_SECOND);
    }
}

/* Just before `due` a look is not worth the price, unless that is within milliseconds of the last
 * look. From one step of the age to the next the worth may fall a little, hence several instants.
 */
static bool is_cheaper_before(const tq_forecast *forecast, const tq_history *history, int64_t due,
                              double log_price)
{
    double span = (double)(due - forecast->read_ns);
    bool is_cheaper = span <= 0.002 * TQ_SECOND;
    for (double part = 0.97; part < 1; part += 0.001) {
        int64_t before = forecast->read_ns + (int64_t)(span * part);
        is_cheaper = is_cheaper || tq_forecast_worth(forecast, history, before) < log_price;
    }
    return is_cheaper;
}

TEST("a look is due when it is worth that much, and not before")
{
    tq_history history;
    tq_history_init(&history);
    for (int run = 0; run < 200; run++) {
        tq_forecast forecast = born(0);
        double length = 20 + (double)check_random(500);
        if (run % 2 == 0)
            follow(&forecast, &history, length, length / 10, length * 0.7);
        for (double price = 0.001; price < 100; price *= 3) {
            int64_t due = tq_forecast_due(&forecast, &history, log(price));
            double worth = tq_forecast_worth(&forecast, &history, due);
            CHECK(worth >= log(price) - 1e-6);
            CHECK(is_cheaper_before(&forecast, &history, due, log(price)));
        }
    }
}

TEST("a look at an end that is known well is due just after it, and not long before")
{
    tq_history history;
    tq_history_init(&history);
    for (int i = 0; i < 1000; i++)
        tq_history_add_stretch(&history, 0);
    tq_forecast forecast = born(0);
    follow(&forecast, &history, 600, 6, 540);
    double due = seconds(tq_forecast_due(&forecast, &history, log(1)));
    CHECK(due > 590 && due < 606);
}

TEST("a look at a price that is never reached is never due")
{
    tq_history history;
    tq_history_init(&history);
    tq_forecast forecast = born(0);
    CHECK(tq_forecast_due(&forecast, &history, INFINITY) == TQ_NEVER);
}

TEST("ends teach the history when the begin was known, and not otherwise")
{
    tq_history history;
    tq_history_init(&history);
    tq_forecast forecast;
    tq_forecast_init(&forecast, 0, false);
    tq_forecast_read(&forecast, &history, -1, AT(30));
    tq_forecast_end(&forecast, &history, AT(60));
    CHECK((double)history.end_count == 0);
    tq_forecast_init(&forecast, 0, true);
    tq_forecast_read(&forecast, &history, -1, AT(30));
    tq_forecast_end(&forecast, &history, AT(60));
    CHECK((double)history.end_count == 1);
    double watched = 0;
    for (int i = 0; i < TQ_AGES; i++)
        watched += (double)history.seconds[i];
    CHECK(fabs(watched - 45) < 0.01);
}
