/* SPDX-License-Identifier: MIT */
#include "json/wide.h"

#include "base/err.h"

enum { EXACT_DIGITS = 15 };

typedef struct token {
    const char *start;
    size_t len;
    bool wide;
} token;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Everything that can stand in a number, so that 1.5e9 is one token and not three. */
static bool is_number_char(char c)
{
    return is_digit(c) || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

static const char *skip_string(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++)
        if (*at == '\\' && at + 1 < end)
            at++;
    return at < end ? at + 1 : end;
}

/* In quotes a number would be a good key, which it is not without them. */
static bool is_key(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
        at++;
    return at < end && *at == ':';
}

static bool is_wide_integer(const char *start, const char *end)
{
    const char *digits = *start == '-' ? start + 1 : start;
    if (end - digits <= EXACT_DIGITS || *digits == '0')
        return false;
    for (const char *at = digits; at < end; at++)
        if (!is_digit(*at))
            return false;
    return true;
}

/* The next number or string at or after `at`; a token of length 0 at the end of the text. */
static token next_token(const char *at, const char *end)
{
    while (at < end && *at != '"' && *at != '-' && !is_digit(*at))
        at++;
    const char *start = at;
    if (at < end && *at == '"')
        return (token){start, (size_t)(skip_string(at, end) - start), false};
    while (at < end && is_number_char(*at))
        at++;
    return (token){start, (size_t)(at - start),
                   at > start && is_wide_integer(start, at) && !is_key(at, end)};
}

bool tq_json_has_wide(const char *text, size_t len)
{
    const char *end = text + len;
    for (token t = next_token(text, end); t.len > 0; t = next_token(t.start + t.len, end))
        if (t.wide)
            return true;
    return false;
}

int tq_json_quote_wide(const char *text, size_t len, tq_buf *out)
{
    const char *end = text + len;
    const char *copied = text;
    int err = TQ_OK;
    for (token t = next_token(text, end); t.len > 0 && err == TQ_OK;
         t = next_token(t.start + t.len, end)) {
        if (!t.wide)
            continue;
        err = tq_buf_add(out, copied, (size_t)(t.start - copied));
        if (err == TQ_OK)
            err = tq_buf_add(out, "\"", 1);
        if (err == TQ_OK)
            err = tq_buf_add(out, t.start, t.len);
        if (err == TQ_OK)
            err = tq_buf_add(out, "\"", 1);
        copied = t.start + t.len;
    }
    return err == TQ_OK ? tq_buf_add(out, copied, (size_t)(end - copied)) : err;
}
