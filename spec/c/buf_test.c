/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include <string.h>

#include "base/err.h"
#include "base/reading.h"
#include "check.h"

TEST("a new buffer is empty and has allocated nothing")
{
    tq_buf buf;
    tq_buf_init(&buf, 10);
    CHECK(buf.data == NULL && buf.len == 0 && buf.capacity == 0 && buf.max == 10);
    tq_buf_free(&buf);
}

TEST("adding nothing to a new buffer gives an empty text")
{
    tq_buf buf;
    tq_buf_init(&buf, 0);
    CHECK(tq_buf_add(&buf, NULL, 0) == TQ_OK);
    CHECK(buf.len == 0 && buf.data != NULL && buf.data[0] == '\0');
    tq_buf_free(&buf);
}

TEST("what was added stands there in order with a NUL behind it")
{
    tq_buf buf;
    tq_buf_init(&buf, 100);
    CHECK(tq_buf_add_text(&buf, "id=") == TQ_OK);
    CHECK(tq_buf_add(&buf, "1\0002", 3) == TQ_OK);
    CHECK(tq_buf_add_text(&buf, "") == TQ_OK);
    CHECK(buf.len == 6 && memcmp(buf.data, "id=1\0002", 7) == 0);
    tq_buf_free(&buf);
}

TEST("a buffer takes exactly its maximum and not one byte more")
{
    tq_buf buf;
    tq_buf_init(&buf, 4);
    CHECK(tq_buf_add(&buf, "12345", 5) == TQ_ERR_TOO_BIG && buf.len == 0);
    CHECK(tq_buf_add(&buf, "123", 3) == TQ_OK);
    CHECK(tq_buf_add(&buf, "45", 2) == TQ_ERR_TOO_BIG);
    CHECK(strcmp(buf.data, "123") == 0);
    CHECK(tq_buf_add(&buf, "4", 1) == TQ_OK);
    CHECK(tq_buf_add(&buf, "5", 1) == TQ_ERR_TOO_BIG);
    CHECK(tq_buf_add(&buf, "", 0) == TQ_OK);
    CHECK(buf.len == 4 && strcmp(buf.data, "1234") == 0);
    tq_buf_free(&buf);
}

TEST("a length near the end of the address space is too big")
{
    tq_buf buf;
    tq_buf_init(&buf, 1000);
    CHECK(tq_buf_add(&buf, "x", 1) == TQ_OK);
    CHECK(tq_buf_add(&buf, "x", SIZE_MAX) == TQ_ERR_TOO_BIG);
    CHECK(buf.len == 1);
    tq_buf_free(&buf);
}

TEST("a buffer keeps its bytes while it grows, by one byte or by many")
{
    static const size_t steps[] = {1, 7, 63, 64, 65, 1000};
    for (size_t s = 0; s < sizeof steps / sizeof *steps; s++) {
        char chunk[1000];
        memset(chunk, 'a' + (int)s, sizeof chunk);
        tq_buf buf;
        tq_buf_init(&buf, 5000);
        while (buf.len + steps[s] <= 5000)
            CHECK(tq_buf_add(&buf, chunk, steps[s]) == TQ_OK && buf.data[buf.len] == '\0');
        CHECK(tq_buf_add(&buf, chunk, 5000 - buf.len) == TQ_OK);
        CHECK(buf.len == 5000 && buf.capacity > 5000 && buf.capacity <= 16384);
        for (size_t i = 0; i < buf.len; i++)
            CHECK(buf.data[i] == chunk[0]);
        tq_buf_free(&buf);
    }
}

TEST("cutting takes back the tail, and nothing past the end")
{
    tq_buf buf;
    tq_buf_init(&buf, 10);
    tq_buf_cut(&buf, 0);
    CHECK(tq_buf_add_text(&buf, "123456") == TQ_OK);
    tq_buf_cut(&buf, 7);
    tq_buf_cut(&buf, 6);
    CHECK(strcmp(buf.data, "123456") == 0);
    tq_buf_cut(&buf, 2);
    CHECK(buf.len == 2 && strcmp(buf.data, "12") == 0);
    tq_buf_cut(&buf, 0);
    CHECK(buf.len == 0 && strcmp(buf.data, "") == 0);
    CHECK(tq_buf_add_text(&buf, "1234567890") == TQ_OK);
    tq_buf_free(&buf);
}

TEST("a wiped buffer holds none of its bytes and keeps its memory")
{
    tq_buf buf;
    tq_buf_init(&buf, 100);
    tq_buf_wipe(&buf);
    CHECK(tq_buf_add_text(&buf, "secret") == TQ_OK);
    const char *data = buf.data;
    tq_buf_wipe(&buf);
    CHECK(buf.len == 0 && buf.data == data && buf.capacity > 0);
    for (size_t i = 0; i < strlen("secret"); i++)
        CHECK(buf.data[i] == '\0');
    tq_buf_free(&buf);
}

TEST("a wiped buffer holds none of the bytes that were cut off before")
{
    tq_buf buf;
    tq_buf_init(&buf, 100);
    CHECK(tq_buf_add_text(&buf, "id=1&apiKey=secret") == TQ_OK);
    tq_buf_cut(&buf, 4);
    tq_buf_wipe(&buf);
    CHECK(memcmp(buf.data + strlen("id=1&apiKey="), "secret", 6) != 0);
    tq_buf_free(&buf);
}

TEST("a freed buffer is empty, can be freed again and used again")
{
    tq_buf buf;
    tq_buf_init(&buf, 5);
    CHECK(tq_buf_add_text(&buf, "12345") == TQ_OK);
    tq_buf_free(&buf);
    tq_buf_free(&buf);
    CHECK(buf.data == NULL && buf.len == 0 && buf.capacity == 0);
    CHECK(tq_buf_add_text(&buf, "123456") == TQ_ERR_TOO_BIG);
    CHECK(tq_buf_add_text(&buf, "abc") == TQ_OK && strcmp(buf.data, "abc") == 0);
    tq_buf_free(&buf);
}

TEST("a reading is an end when the task succeeded or failed")
{
    static const bool is_end[] = {
        [TQ_PENDING] = false, [TQ_RUNNING] = false, [TQ_SUCCEEDED] = true, [TQ_FAILED] = true};
    for (int state = TQ_PENDING; state <= TQ_FAILED; state++) {
        tq_reading reading = {.state = (tq_state)state, .progress = TQ_NO_PROGRESS};
        CHECK(tq_reading_is_end(&reading) == is_end[state]);
    }
}

TEST("readings are equal when code, state and progress are")
{
    const tq_reading one = {.code = 1, .state = TQ_RUNNING, .progress = 50};
    tq_reading other = one;
    CHECK(tq_reading_equals(&one, &other));
    other.code = 1 + (INT64_C(1) << 32);
    CHECK(!tq_reading_equals(&one, &other));
    other = one;
    other.state = TQ_PENDING;
    CHECK(!tq_reading_equals(&one, &other));
    other = one;
    other.progress = TQ_NO_PROGRESS;
    CHECK(!tq_reading_equals(&one, &other));
}
