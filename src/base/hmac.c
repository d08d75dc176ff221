/* SPDX-License-Identifier: MIT */
#include "base/hmac.h"

#include <string.h>

enum { BLOCK = 64, LENGTH_AT = 56 };

typedef struct sha256 {
    uint32_t state[8];
    uint64_t len;
    uint8_t block[BLOCK];
} sha256;

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t rounds[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate(uint32_t x, int by)
{
    return (x >> by) | (x << (32 - by));
}

static void expand(uint32_t words[64], const uint8_t block[BLOCK])
{
    for (int i = 0; i < 16; i++, block += 4)
        words[i] = (uint32_t)block[0] << 24 | (uint32_t)block[1] << 16 | (uint32_t)block[2] << 8 |
                   block[3];
    for (int i = 16; i < 64; i++) {
        uint32_t a = words[i - 15], b = words[i - 2];
        words[i] = words[i - 16] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) + words[i - 7] +
                   (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
    }
}

static void compress(uint32_t state[8], const uint8_t block[BLOCK])
{
    uint32_t words[64], s[8];
    expand(words, block);
    memcpy(s, state, sizeof s);
    for (int i = 0; i < 64; i++) {
        uint32_t choice = (s[4] & s[5]) ^ (~s[4] & s[6]);
        uint32_t majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
        uint32_t one = s[7] + (rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25)) + choice +
                       rounds[i] + words[i];
        uint32_t two = (rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22)) + majority;
        memmove(s + 1, s, 7 * sizeof *s);
        s[4] += one;
        s[0] = one + two;
    }
    for (int i = 0; i < 8; i++)
        state[i] += s[i];
}

static void begin(sha256 *hash)
{
    *hash = (sha256){.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
                               0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

static void add(sha256 *hash, const void *bytes, size_t len)
{
    for (const uint8_t *byte = bytes; len > 0; byte++, len--) {
        hash->block[hash->len++ % BLOCK] = *byte;
        if (hash->len % BLOCK == 0)
            compress(hash->state, hash->block);
    }
}

static void end(sha256 *hash, uint8_t out[TQ_HMAC_SIZE])
{
    uint64_t bits = hash->len * 8;
    add(hash, "\x80", 1);
    while (hash->len % BLOCK != LENGTH_AT)
        add(hash, "", 1);
    for (int shift = 56; shift >= 0; shift -= 8)
        add(hash, &(uint8_t){(uint8_t)(bits >> shift)}, 1);
    for (int i = 0; i < TQ_HMAC_SIZE; i++)
        out[i] = (uint8_t)(hash->state[i / 4] >> (24 - 8 * (i % 4)));
}

static void pad(uint8_t out[BLOCK], const uint8_t key[BLOCK], uint8_t with)
{
    for (int i = 0; i < BLOCK; i++)
        out[i] = key[i] ^ with;
}

void tq_hmac(uint8_t out[TQ_HMAC_SIZE], const void *key, size_t key_len, const void *text,
             size_t text_len)
{
    uint8_t whole[BLOCK] = {0}, padded[BLOCK];
    sha256 hash;
    begin(&hash);
    if (key_len > BLOCK) {
        add(&hash, key, key_len);
        end(&hash, whole);
    } else if (key_len > 0) {
        memcpy(whole, key, key_len);
    }
    pad(padded, whole, 0x36);
    begin(&hash);
    add(&hash, padded, BLOCK);
    add(&hash, text, text_len);
    end(&hash, out);
    pad(padded, whole, 0x5c);
    begin(&hash);
    add(&hash, padded, BLOCK);
    add(&hash, out, TQ_HMAC_SIZE);
    end(&hash, out);
}
