/* SPDX-License-Identifier: MIT */
#ifndef TQ_BUF_H
#define TQ_BUF_H
/*
 * A growing run of bytes, born with a maximum. The bytes are followed by a NUL that `len` does not
 * count, so that text can be handed to C functions. The owner of the struct owns the bytes.
 *
 *     tq_buf text;
 *     tq_buf_init(&text, 4096);
 *     int err = tq_buf_add(&text, "id=", 3);
 *     tq_buf_free(&text);
 */
#include <stddef.h>

typedef struct tq_buf {
    char *data; /* NULL until something was added */
    size_t len;
    size_t capacity;
    size_t max;
} tq_buf;

/* Makes an empty buffer that never holds more than `max` bytes. Allocates nothing. */
void tq_buf_init(tq_buf *buf, size_t max);

/* Appends `len` bytes. TQ_ERR_TOO_BIG past the maximum, TQ_ERR_MEMORY; then nothing was added. */
int tq_buf_add(tq_buf *buf, const void *bytes, size_t len);

/* Appends a NUL-terminated text. */
int tq_buf_add_text(tq_buf *buf, const char *text);

/* Takes back, and overwrites, what was added after the first `len` bytes. */
void tq_buf_cut(tq_buf *buf, size_t len);

/* Overwrites the bytes, for what held a secret, and empties the buffer; the memory is kept. */
void tq_buf_wipe(tq_buf *buf);

/* Gives the memory back, overwritten first. The buffer is empty and can be used again. */
void tq_buf_free(tq_buf *buf);

#endif
