/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "check.h"
#include "clock/clock.h"
#include "http/internal.h"

static tq_http_headers headers;

static void begin(void)
{
    tq_http_headers_reset(&headers);
    headers.bytes = 0;
}

static void add(const char *line)
{
    tq_http_headers_add(&headers, line, strlen(line));
}

/* Seconds that a reply with this header tells to wait; -1 for none. */
static int64_t told_by(const char *line)
{
    begin();
    add(line);
    int64_t ns = tq_http_headers_retry_ns(&headers, NULL);
    return ns < 0 ? -1 : ns / TQ_SECOND;
}

TEST("Retry-After is read in seconds, whatever its case and the space around it")
{
    CHECK(told_by("Retry-After: 7\r\n") == 7);
    CHECK(told_by("retry-after:0\r\n") == 0);
    CHECK(told_by("RETRY-AFTER: \t 12 \t\r\n") == 12);
    CHECK(told_by("Retry-After: 0007\n") == 7);
}

TEST("a number of seconds beyond all range is very long, and never short")
{
    CHECK(told_by("Retry-After: 99999999999999999999999999\r\n") >= INT64_C(1000000000));
    CHECK(told_by("Retry-After: 18446744073709551616\r\n") >= INT64_C(1000000000));
}

TEST("what is no time is none")
{
    static const char *const bad[] = {"",    " ",          "soon",          "-5",  "+5",
                                      "1.5", "5 s",        "0x10",          "5,6", "1e3",
                                      "Sun", "2026-11-25", "20261125 10:00"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char line[64];
        snprintf(line, sizeof line, "Retry-After: %s\r\n", bad[i]);
        CHECK(told_by(line) == -1);
    }
    char long_line[200] = "Retry-After: ";
    memset(long_line + 13, '1', 100);
    CHECK(told_by(long_line) == -1);
    CHECK(told_by("X-Retry-After: 5\r\n") == -1);
    CHECK(told_by("Retry-Afte: 5\r\n") == -1);
}

TEST("a date counts from the server's own date")
{
    begin();
    add("HTTP/1.1 429 No\r\n");
    add("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
    add("Retry-After: Sun, 06 Nov 1994 08:50:37 GMT\r\n");
    CHECK(tq_http_headers_retry_ns(&headers, NULL) == 60 * TQ_SECOND);
    add("Retry-After: Sun, 06 Nov 1994 08:40:37 GMT\r\n");
    CHECK(tq_http_headers_retry_ns(&headers, NULL) == 0);
    add("Retry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\n");
    CHECK(tq_http_headers_retry_ns(&headers, NULL) > 3600 * TQ_SECOND);
}

TEST("the last of several counts")
{
    begin();
    add("Retry-After: 5\r\n");
    add("Retry-After: 6\r\n");
    CHECK(tq_http_headers_retry_ns(&headers, NULL) == 6 * TQ_SECOND);
    add("Retry-After: soon\r\n");
    CHECK(tq_http_headers_retry_ns(&headers, NULL) < 0);
}

TEST("an interim reply's headers do not count, but their bytes do")
{
    begin();
    add("HTTP/1.1 103 Early Hints\r\n");
    add("Retry-After: 5\r\n");
    add("\r\n");
    CHECK(headers.has_end);
    add("HTTP/1.1 200 OK\r\n");
    CHECK(!headers.has_end && tq_http_headers_retry_ns(&headers, NULL) < 0);
    CHECK(headers.bytes == 26 + 16 + 2 + 17);
    add("\n");
    CHECK(headers.has_end);
    add("X-Trailer: 1\r\n");
    CHECK(headers.has_end);
}

TEST("every prefix of a header is taken in its length")
{
    static const char line[] = "Retry-After: 7\r\n";
    for (size_t len = 0; len < sizeof line; len++) {
        begin();
        tq_http_headers_add(&headers, line, len);
        CHECK(headers.bytes == len);
        CHECK(tq_http_headers_retry_ns(&headers, NULL) == (len < 14 ? -1 : 7 * TQ_SECOND));
    }
}
