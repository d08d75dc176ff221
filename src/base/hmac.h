/* SPDX-License-Identifier: MIT */
#ifndef TQ_HMAC_H
#define TQ_HMAC_H
/*
 * HMAC-SHA-256 (RFC 2104, FIPS 180-4): names something secret so that nobody without the key learns
 * what it is, nor whether a guess is right. For short texts, now and then: it is written to be
 * read.
 */
#include <stddef.h>
#include <stdint.h>

enum { TQ_HMAC_SIZE = 32 };

void tq_hmac(uint8_t out[TQ_HMAC_SIZE], const void *key, size_t key_len, const void *text,
             size_t text_len);

#endif
