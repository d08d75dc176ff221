/* SPDX-License-Identifier: MIT */
#ifndef FUZZ_H
#define FUZZ_H
/*
 * What the fuzz targets share. A target is one function that takes any bytes, calls what it is for,
 * and says with MUST what has to hold for all of them; libFuzzer holds main.
 *
 *     int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
 *     {
 *         input in = {data, size};
 *         unsigned char choice = take_byte(&in);
 *         ...
 *         return 0;
 *     }
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(cond)                                                                                 \
    ((cond) ? (void)0                                                                              \
            : (fprintf(stderr, "%s:%d: must hold: %s\n", __FILE__, __LINE__, #cond), abort()))

typedef struct input {
    const uint8_t *bytes;
    size_t len;
} input;

/* 0 at the end. */
static inline unsigned char take_byte(input *in)
{
    if (in->len == 0)
        return 0;
    in->len--;
    return *in->bytes++;
}

/* Up to `len` bytes, fewer at the end. */
static inline const char *take_bytes(input *in, size_t *len)
{
    const char *start = (const char *)in->bytes;
    if (*len > in->len)
        *len = in->len;
    in->bytes += *len;
    in->len -= *len;
    return start;
}

#endif
