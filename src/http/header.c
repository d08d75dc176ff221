/* SPDX-License-Identifier: MIT */
/*
 * What a reply's headers say of themselves and of when to come again. libcurl has an own reading of
 * Retry-After, but tells 0 from "none" no more than a date that is over, gives numbers beyond its
 * range up, and measures a date against this machine's clock rather than the server's.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "clock/clock.h"
#include "http/internal.h"

/* Longer than anybody waits, and far from what a double or an int64_t cannot hold. */
#define MANY_SECONDS INT64_C(1000000000000)

void tq_http_headers_reset(tq_http_headers *headers)
{
    *headers = (tq_http_headers){.retry_seconds = -1, .retry_date = -1};
}

/* The value of the header `name` ("date:") without space around it; false for another header, and
 * for a value that is empty or too long to be a time. */
static bool read_value(const char *line, size_t len, const char *name, char value[TQ_LONGEST_DATE])
{
    size_t name_len = strlen(name);
    if (len < name_len || strncasecmp(line, name, name_len) != 0)
        return false;
    const char *start = line + name_len, *end = line + len;
    while (start < end && isspace((unsigned char)*start))
        start++;
    while (end > start && isspace((unsigned char)end[-1]))
        end--;
    len = (size_t)(end - start);
    if (len == 0 || len >= TQ_LONGEST_DATE)
        return false;
    memcpy(value, start, len);
    value[len] = '\0';
    return true;
}

/* Seconds; -1 for what is no whole number. */
static int64_t read_seconds(const char *value)
{
    int64_t seconds = 0;
    for (; *value >= '0' && *value <= '9'; value++)
        seconds = seconds < MANY_SECONDS ? seconds * 10 + (*value - '0') : MANY_SECONDS;
    return *value == '\0' ? seconds : -1;
}

/* Every date of HTTP begins with the name of a day; libcurl reads much else as a date, too. */
static int64_t read_date(const char *value)
{
    return isalpha((unsigned char)value[0]) ? (int64_t)curl_getdate(value, NULL) : -1;
}

/* An interim reply has headers of its own, and trailers come after the end of the headers. */
void tq_http_headers_add(tq_http_headers *headers, const char *line, size_t len)
{
    char value[TQ_LONGEST_DATE];
    size_t bytes = headers->bytes + len;
    if (len >= 5 && memcmp(line, "HTTP/", 5) == 0)
        tq_http_headers_reset(headers);
    else if (read_value(line, len, "retry-after:", value)) {
        headers->retry_seconds = read_seconds(value);
        headers->retry_date = read_date(value);
    } else if (!read_value(line, len, "date:", headers->date) && len > 0 && len <= 2 &&
               (line[0] == '\r' || line[0] == '\n'))
        headers->has_end = true;
    headers->bytes = bytes;
}

/* A date counts from the server's own date. Where there is none, libcurl's reading has to do. */
int64_t tq_http_headers_retry_ns(const tq_http_headers *headers, CURL *easy)
{
    if (headers->retry_seconds >= 0)
        return tq_clock_from_seconds((double)headers->retry_seconds);
    if (headers->retry_date < 0)
        return -1;
    int64_t date = read_date(headers->date);
    curl_off_t seconds = 0;
    if (date >= 0)
        seconds = (curl_off_t)(headers->retry_date - date);
    else
        curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds);
    return seconds > 0 ? tq_clock_from_seconds((double)seconds) : 0;
}
