/* SPDX-License-Identifier: MIT */
#ifndef TQ_READING_H
#define TQ_READING_H
/*
 * What one poll told of a task, in the words that all services share.
 */
#include <stdbool.h>
#include <stdint.h>

typedef enum tq_state { TQ_PENDING, TQ_RUNNING, TQ_SUCCEEDED, TQ_FAILED } tq_state;

enum { TQ_NO_PROGRESS = -1 };

typedef struct tq_reading {
    int64_t code;  /* the service's own status: its number, or what tells its name from others */
    uint64_t more; /* tells apart what else came with it; 0 when nothing does */
    tq_state state;
    int8_t progress; /* 0 to 100, or TQ_NO_PROGRESS when the service told none */
    int8_t level;    /* the progress where it tells how far the work is, else TQ_NO_PROGRESS */
} tq_reading;

static inline bool tq_reading_is_end(const tq_reading *reading)
{
    return reading->state >= TQ_SUCCEEDED;
}

/* Is that the same status of the task? What else came with it does not count. */
static inline bool tq_reading_equals(const tq_reading *a, const tq_reading *b)
{
    return a->code == b->code && a->state == b->state && a->progress == b->progress;
}

#endif
