/* SPDX-License-Identifier: MIT */
#include "base/hmac.h"

#include <stdbool.h>
#include <string.h>

#include "check.h"

static bool gives(const char *key, size_t key_len, const char *text, size_t len, const char *hex)
{
    uint8_t out[TQ_HMAC_SIZE];
    char written[2 * TQ_HMAC_SIZE + 1];
    tq_hmac(out, key, key_len, text, len);
    for (int i = 0; i < TQ_HMAC_SIZE; i++)
        snprintf(written + 2 * i, 3, "%02x", out[i]);
    return strcmp(written, hex) == 0;
}

/* From RFC 4231. */
TEST("the hash is what the standard says it is, for short keys and texts")
{
    char key[20];
    memset(key, 0x0b, sizeof key);
    CHECK(gives(key, 20, "Hi There", 8,
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"));
    CHECK(gives("Jefe", 4, "what do ya want for nothing?", 28,
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
}

TEST("and for keys and texts that are longer than a block")
{
    char key[131];
    memset(key, 0xaa, sizeof key);
    CHECK(gives(key, 131, "Test Using Larger Than Block-Size Key - Hash Key First", 54,
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"));
    CHECK(gives(key, 131,
                "This is a test using a larger than block-size key and a larger than block-size "
                "data. The key needs to be hashed before being used by the HMAC algorithm.",
                152, "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"));
}

TEST("an empty key and an empty text have a hash too")
{
    CHECK(gives("", 0, "", 0, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"));
}
