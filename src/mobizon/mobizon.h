/* SPDX-License-Identifier: MIT */
#ifndef TQ_MOBIZON_H
#define TQ_MOBIZON_H
/*
 * Mobizon's taskqueue/getStatus as bytes: the request's body, and what the numbers of a reply mean.
 * Does no I/O. Source: https://mobizon.kz/help/api-docs/taskqueue, "Getting Background Task
 * Progress".
 */
#include <stddef.h>

#include "base/buf.h"
#include "base/reading.h"
#include "xml/reader.h"

/* The body of a status request; `key` goes into it unless it is NULL. 0 or what
 * tq_buf_add gives. */
int tq_mobizon_encode_status(tq_buf *out, const char *id, size_t id_len, const char *key);

/* Appends the field apiKey, after an "&" unless `out` is empty. */
int tq_mobizon_add_key(tq_buf *out, const char *key);

/* 0 waiting to start, 1 in progress, 2 completed, 3 rejected. A status that the documentation does
 * not know is taken for a task that goes on: never for an end. */
tq_state tq_mobizon_state(int64_t status);

/* The reading that a status and its progress are, 0 to 100 or TQ_NO_PROGRESS. The progress of a
 * task that has not started yet tells nothing of its end. */
tq_reading tq_mobizon_reading(int64_t status, int progress);

/* Reads the status in an XML reply, whatever its root is called; false when `root` is NULL or holds
 * no code 0 or no status. */
bool tq_mobizon_read_status(const tq_xml_element *root, tq_reading *reading);

#endif
