/* SPDX-License-Identifier: MIT */
#include "mobizon/mobizon.h"

#include <stdbool.h>
#include <string.h>

#include "base/err.h"
#include "check.h"
#include "guard.h"

static bool encodes(const char *id, size_t len, const char *key, const char *expected)
{
    tq_buf out;
    tq_buf_init(&out, 4096);
    int err = tq_mobizon_encode_status(&out, guard_copy(id, len), len, key);
    bool good = err == TQ_OK && out.len == strlen(expected) && strcmp(out.data, expected) == 0;
    tq_buf_free(&out);
    return good;
}

TEST("a request for the status holds the id and the key")
{
    CHECK(encodes("12345", 5, "kz0123abcd", "id=12345&apiKey=kz0123abcd"));
    CHECK(encodes("12345678901234567890", 20, "k", "id=12345678901234567890&apiKey=k"));
}

TEST("without a key only the id is written")
{
    CHECK(encodes("12345", 5, NULL, "id=12345"));
}

TEST("an empty id and an empty key are written as such")
{
    CHECK(encodes("", 0, "", "id=&apiKey="));
}

TEST("id and key are escaped, so that neither can add a field")
{
    CHECK(encodes("1&apiKey=x", 10, "a b&id=2", "id=1%26apiKey%3Dx&apiKey=a+b%26id%3D2"));
    CHECK(encodes("1\0002", 3, NULL, "id=1%002"));
}

TEST("the key is the first field of an empty buffer and follows an ampersand elsewhere")
{
    tq_buf out;
    tq_buf_init(&out, 100);
    CHECK(tq_mobizon_add_key(&out, "k/1") == TQ_OK && strcmp(out.data, "apiKey=k%2F1") == 0);
    CHECK(tq_mobizon_add_key(&out, "k") == TQ_OK && strcmp(out.data, "apiKey=k%2F1&apiKey=k") == 0);
    tq_buf_free(&out);
}

TEST("a request fits a buffer of exactly its size and no smaller one")
{
    const char whole[] = "id=123&apiKey=a+b";
    for (size_t max = 0; max <= strlen(whole); max++) {
        tq_buf out;
        tq_buf_init(&out, max);
        int err = tq_mobizon_encode_status(&out, "123", 3, "a b");
        CHECK(err == (max == strlen(whole) ? TQ_OK : TQ_ERR_TOO_BIG));
        tq_buf_free(&out);
    }
}

TEST("the documented numbers have their states")
{
    CHECK(tq_mobizon_state(0) == TQ_PENDING);
    CHECK(tq_mobizon_state(1) == TQ_RUNNING);
    CHECK(tq_mobizon_state(2) == TQ_SUCCEEDED);
    CHECK(tq_mobizon_state(3) == TQ_FAILED);
}

TEST("progress tells how far the work is only while the task is running")
{
    for (int64_t status = 0; status < 4; status++) {
        tq_reading reading = tq_mobizon_reading(status, 40);
        CHECK(reading.code == status && reading.progress == 40);
        CHECK(reading.level == (status == 1 ? 40 : TQ_NO_PROGRESS));
    }
}

TEST("a number that nobody documented is never an end")
{
    static const int64_t unknown[] = {
        4, -1, 100, INT64_MAX, INT64_MIN, (INT64_C(1) << 32) + 2, -(INT64_C(1) << 32) + 3};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        CHECK(tq_mobizon_state(unknown[i]) == TQ_RUNNING);
}
