/* SPDX-License-Identifier: MIT */
#ifndef TQ_JSON_WIDE_H
#define TQ_JSON_WIDE_H
/*
 * JSON parsers that keep numbers as doubles (lua-cjson is one) mangle integers of more than 15
 * digits, and ids are such integers. This room finds them in a JSON text and quotes them, so that
 * they arrive as decimal text, digit for digit. It reads tokens only: whether the document is valid
 * is for the parser to say, and a text that is not JSON comes out as another that is not JSON.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Is there an integer of more than 15 digits outside of strings? Most replies have none. */
bool tq_json_has_wide(const char *text, size_t len);

/* Appends `text` to `out` with each such integer in quotes. */
int tq_json_quote_wide(const char *text, size_t len, tq_buf *out);

#endif
