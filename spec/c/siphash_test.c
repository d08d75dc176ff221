/* SPDX-License-Identifier: MIT */
#include "base/siphash.h"

#include "check.h"

/* The bytes 0 to 15, and texts of the bytes 0 to n-1: what the authors publish hashes of. */
static uint64_t published(size_t len)
{
    const tq_siphash_key key = {{UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)}};
    unsigned char text[64];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (unsigned char)i;
    return tq_siphash(&key, text, len);
}

TEST("gives the published hashes")
{
    CHECK(published(0) == UINT64_C(0x726fdb47dd0e0e31));
    CHECK(published(1) == UINT64_C(0x74f839c593dc67fd));
    CHECK(published(8) == UINT64_C(0x93f5f5799a932462));
    CHECK(published(15) == UINT64_C(0xa129ca6149be45e5));
    CHECK(published(63) == UINT64_C(0x958a324ceb064572));
}

TEST("another key gives another hash")
{
    const tq_siphash_key one = {{1, 2}}, other = {{1, 3}};
    CHECK(tq_siphash(&one, "text", 4) != tq_siphash(&other, "text", 4));
}

TEST("tells texts apart that differ in one byte, or in their length alone")
{
    const tq_siphash_key key = {{1, 2}};
    static const char zeros[100];
    char text[100] = {0};
    for (size_t len = 1; len <= sizeof text; len++) {
        uint64_t hash = tq_siphash(&key, zeros, len);
        CHECK(hash != tq_siphash(&key, zeros, len - 1));
        for (size_t i = 0; i < len; i++) {
            text[i] = 1;
            CHECK(hash != tq_siphash(&key, text, len));
            text[i] = 0;
        }
    }
}
