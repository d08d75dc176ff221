/* SPDX-License-Identifier: MIT */
/* The constants were chosen by bench/detection; none of them is delicate. */
#include "sched/forecast.h"

#include <math.h>

#include "clock/clock.h"

/* Percent over which a pace forgets what it was. */
static const double MEMORY = 15;
/* A stretch of progress is measured once it is so long: shorter ones are mostly rounding. */
static const float STRETCH = 3;
/* How far a level of whole percents may be off, as a deviation. */
static const double ROUNDING = 0.35;
/* How many stretches of its own weigh as much as all that the history tells. */
static const double HISTORY_STRETCHES = 2;
/* What a task that stands still may have done of its next step already, and how sure that is. */
static const double HIDDEN_STEP = 0.7;
/* Not less than this: networks and services are not more punctual. Seconds. */
static const double LEAST_SPREAD = 0.15;
/* The part of the history's hazard that applies although progress tells another thing. */
static const double DOUBT = 0.15;
/* A task that nobody has looked at yet: the look also teaches its pace. */
static const double CURIOSITY = 1.5;
/* The scale of a logistic distribution with the standard deviation 1. */
static const double LOGISTIC_SCALE = 0.5513;
static const double LONGEST = 365.0 * 86400;

static double seconds_between(int64_t from, int64_t to)
{
    return (double)(to - from) / (double)TQ_SECOND;
}

void tq_forecast_init(tq_forecast *forecast, int64_t born_ns, bool knows_birth)
{
    *forecast = (tq_forecast){
        .born_ns = born_ns, .read_ns = born_ns, .level = -1, .knows_birth = knows_birth};
}

static void set_origin(tq_forecast *forecast, int64_t at_ns, double level, double slack)
{
    forecast->origin_ns = forecast->anchor_ns = at_ns;
    forecast->origin_level = forecast->anchor_level = (float)level;
    forecast->origin_slack = (float)slack;
    forecast->grain = 100;
}

/* The first level, or one below the last: where was the task at 0? */
static void begin_level(tq_forecast *forecast, float level, int64_t now)
{
    if (forecast->level < 0 && forecast->is_read) {
        double since = seconds_between(forecast->read_ns, now);
        set_origin(forecast, now - (now - forecast->read_ns) / 2, 0, since);
    } else if (forecast->level < 0 && forecast->knows_birth) {
        set_origin(forecast, forecast->born_ns, 0, 0);
    } else {
        set_origin(forecast, now, (double)level + 0.5, 0);
    }
    forecast->moved_ns = now;
    forecast->level = level;
}

static double covered(const tq_forecast *forecast)
{
    return (double)forecast->level + 0.5 - (double)forecast->origin_level;
}

static void measure_stretch(tq_forecast *forecast, tq_history *history, int64_t now)
{
    float length = forecast->level - forecast->anchor_level;
    if (length < STRETCH)
        return;
    double pace = seconds_between(forecast->anchor_ns, now) / (double)length;
    double overall = seconds_between(forecast->origin_ns, now) / covered(forecast);
    bool is_first = forecast->anchor_ns == forecast->origin_ns;
    if (!is_first && overall > 0) {
        double noise = sqrt(2) * 0.29 / (double)length;
        double square = pow(pace / overall - 1, 2) - noise * noise;
        square = square < 0 ? 0 : square > 4 ? 4 : square;
        tq_history_add_stretch(history, square);
        forecast->unevenness += (float)square;
        forecast->stretches += 1;
    }
    double weight = is_first ? 1 : 1 - exp(-(double)length / MEMORY);
    forecast->recent_pace += (float)(weight * (pace - (double)forecast->recent_pace));
    forecast->anchor_ns = now;
    forecast->anchor_level = forecast->level;
}

static void take_level(tq_forecast *forecast, tq_history *history, float level, int64_t now)
{
    if (level < 0) {
        forecast->level = -1;
        return;
    }
    if (forecast->level < 0 || level < forecast->level) {
        begin_level(forecast, level, now);
    } else if (level > forecast->level) {
        forecast->grain = fminf(forecast->grain, level - forecast->level);
        forecast->level = level;
        forecast->moved_ns = now;
    }
    measure_stretch(forecast, history, now);
}

/* The square of the pace's relative deviation. */
static double unevenness_of(const tq_forecast *forecast, const tq_history *history)
{
    double others = tq_history_unevenness(history) * HISTORY_STRETCHES;
    return (others + (double)forecast->unevenness) /
           (HISTORY_STRETCHES + (double)forecast->stretches);
}

/* The variance of the pace's sum over what remains, in percents squared: of a pace that returns to
 * its mean, which itself is known from what was covered. */
static double variance_of(double unevenness, double left, double done, double forgotten)
{
    double kept = 1 - forgotten;
    double of_pace = MEMORY * MEMORY * (2 * left / MEMORY - 3 + 4 * kept - kept * kept);
    double by_mean = left - MEMORY * forgotten;
    double of_mean = by_mean * by_mean * fmin(2 * MEMORY / done, 1);
    return unevenness * (of_pace + of_mean);
}

static void predict(tq_forecast *forecast, const tq_history *history, int64_t now)
{
    double done = covered(forecast), since = seconds_between(forecast->origin_ns, now);
    forecast->spread = 0;
    if (forecast->level < 0 || done < 1 || since <= 0)
        return;
    double left = fmax(99.5 - (double)forecast->level, 0.5), pace = since / done;
    double forgotten = 1 - exp(-left / MEMORY);
    double still = seconds_between(forecast->moved_ns, now);
    /* A level that stands still is a slow one, unless it always went in such steps. */
    double recent = forecast->recent_pace > 0 ? (double)forecast->recent_pace : pace;
    recent = fmax(recent, still / (double)forecast->grain);
    double hidden = HIDDEN_STEP * fmin(still, (double)forecast->grain * pace);
    double mean = pace * left + (recent - pace) * MEMORY * forgotten - hidden;
    double variance =
        variance_of(unevenness_of(forecast, history), left, done, forgotten) * pace * pace;
    double rounding = ROUNDING * pace * fmax(left / done, 1);
    double slack = (double)forecast->origin_slack / since * left * pace;
    variance += rounding * rounding + hidden * hidden + slack * slack / 12;
    /* What was restored may make no sense: what comes of it is a number all the same. */
    forecast->mean = (float)fmin(fmax(mean, 0.05 * pace * left), LONGEST);
    forecast->spread = (float)fmin(fmax(LOGISTIC_SCALE * sqrt(variance), LEAST_SPREAD), LONGEST);
}

static void watch_age(const tq_forecast *forecast, tq_history *history, int64_t until_ns)
{
    if (forecast->knows_birth)
        tq_history_watch(history, seconds_between(forecast->born_ns, forecast->read_ns),
                         seconds_between(forecast->born_ns, until_ns));
}

void tq_forecast_read(tq_forecast *forecast, tq_history *history, int level, int64_t now)
{
    watch_age(forecast, history, now);
    take_level(forecast, history, (float)level, now);
    forecast->is_read = true;
    forecast->read_ns = now;
    predict(forecast, history, now);
}

void tq_forecast_end(const tq_forecast *forecast, tq_history *history, int64_t now)
{
    int64_t middle = forecast->read_ns + (now - forecast->read_ns) / 2;
    watch_age(forecast, history, middle);
    if (forecast->knows_birth)
        tq_history_end(history, seconds_between(forecast->born_ns, middle));
}

/* ln(1 + e^z), the cumulative hazard of a logistic distribution. */
static double softplus(double z)
{
    return z > 30 ? z : log1p(exp(z));
}

/* `span`: seconds since the last look. `hazard`: of the history, at the task's age then. */
static double worth(const tq_forecast *forecast, double hazard, double span)
{
    double sum = hazard * span;
    if (forecast->spread > 0) {
        double scale = (double)forecast->spread;
        double from = -(double)forecast->mean / scale, to = from + span / scale;
        sum = DOUBT * sum + softplus(to) - softplus(from);
        hazard = DOUBT * hazard + 1 / (1 + exp(-to)) / scale;
    } else if (!forecast->is_read) {
        sum *= CURIOSITY;
        hazard *= CURIOSITY;
    }
    if (sum > 30)
        return 2 * sum - log(2 * hazard);
    double odds = expm1(sum);
    return log(odds * odds / (2 * hazard));
}

static double worth_after(const tq_forecast *forecast, const tq_history *history, double span)
{
    double age = seconds_between(forecast->born_ns, forecast->read_ns) + span;
    return worth(forecast, tq_history_hazard(history, age), span);
}

double tq_forecast_worth(const tq_forecast *forecast, const tq_history *history, int64_t now)
{
    double span = seconds_between(forecast->read_ns, now);
    return span > 0 ? worth_after(forecast, history, span) : -INFINITY;
}

int64_t tq_forecast_due(const tq_forecast *forecast, const tq_history *history, double log_worth)
{
    static const double close_enough = 1.02;
    double low = 0.001, high = low;
    while (high < LONGEST && worth_after(forecast, history, high) < log_worth) {
        low = high;
        high *= 4;
    }
    if (high >= LONGEST)
        return TQ_NEVER;
    while (high > low * close_enough) {
        double middle = sqrt(low * high);
        if (worth_after(forecast, history, middle) < log_worth)
            low = middle;
        else
            high = middle;
    }
    return tq_clock_add(forecast->read_ns, tq_clock_from_seconds(high));
}

int64_t tq_forecast_end_ns(const tq_forecast *forecast)
{
    if (!(forecast->spread > 0))
        return TQ_NEVER;
    return tq_clock_add(forecast->read_ns, tq_clock_from_seconds((double)forecast->mean));
}
