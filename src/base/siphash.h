/* SPDX-License-Identifier: MIT */
#ifndef TQ_SIPHASH_H
#define TQ_SIPHASH_H
/*
 * SipHash-2-4, a hash with a key: who does not know the key cannot make two texts with the same
 * hash. Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012.
 *
 *     tq_siphash_key key = {{…}};             drawn at random, once
 *     uint64_t hash = tq_siphash(&key, bytes, len);
 */
#include <stddef.h>
#include <stdint.h>

typedef struct tq_siphash_key {
    uint64_t half[2];
} tq_siphash_key;

uint64_t tq_siphash(const tq_siphash_key *key, const void *bytes, size_t len);

#endif
