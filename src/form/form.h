/* SPDX-License-Identifier: MIT */
#ifndef TQ_FORM_H
#define TQ_FORM_H
/*
 * Encodes application/x-www-form-urlencoded with PHP's bracket nesting, the way Mobizon reads it:
 * everything but A-Z a-z 0-9 - _ . is percent-encoded, a space is "+". Does no I/O.
 *
 *     tq_form form;
 *     tq_form_init(&form, &out, max);
 *     size_t mark = tq_form_enter(&form, "criteria", 8);     criteria
 *     size_t inner = tq_form_enter(&form, "from", 4);        criteria[from]
 *     tq_form_add(&form, "A", 1);                            criteria%5Bfrom%5D=A
 *     tq_form_leave(&form, inner);
 *     tq_form_leave(&form, mark);
 *     tq_form_free(&form);
 *
 * The first error sticks in `err`; what comes after it does nothing.
 */
#include "base/buf.h"

typedef struct tq_form {
    tq_buf *out; /* not owned */
    tq_buf name; /* of the field that comes next, with its brackets, not encoded */
    int err;
} tq_form;

void tq_form_init(tq_form *form, tq_buf *out, size_t max_name);
void tq_form_free(tq_form *form);

/* Goes one level down, into `key`. Gives a mark for tq_form_leave. */
size_t tq_form_enter(tq_form *form, const char *key, size_t len);
void tq_form_leave(tq_form *form, size_t mark);

/* Writes the field entered last with this value, after an "&" unless it is the first. */
void tq_form_add(tq_form *form, const char *value, size_t len);

/* Appends `text` percent-encoded. Gives 0 or what tq_buf_add gives. */
int tq_form_escape(tq_buf *out, const char *text, size_t len);

#endif
