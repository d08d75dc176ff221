/* SPDX-License-Identifier: MIT */
#include "json/wide.h"

#include <string.h>

#include "base/err.h"
#include "check.h"
#include "guard.h"

enum { ROOMY = 1 << 16 };

/* Does `text` come out as `expected`, and does tq_json_has_wide say whether they differ? */
static bool gives(const char *text, size_t len, const char *expected, size_t expected_len)
{
    tq_buf out;
    tq_buf_init(&out, ROOMY);
    const char *edge = guard_copy(text, len);
    bool differs = len != expected_len || memcmp(text, expected, len) != 0;
    bool good = tq_json_has_wide(edge, len) == differs &&
                tq_json_quote_wide(edge, len, &out) == TQ_OK && out.len == expected_len &&
                memcmp(out.data, expected, expected_len) == 0;
    tq_buf_free(&out);
    return good;
}

static bool becomes(const char *text, const char *expected)
{
    return gives(text, strlen(text), expected, strlen(expected));
}

TEST("an integer of sixteen digits is quoted and one of fifteen is not")
{
    CHECK(becomes("999999999999999", "999999999999999"));
    CHECK(becomes("1000000000000000", "\"1000000000000000\""));
    CHECK(becomes("-999999999999999", "-999999999999999"));
    CHECK(becomes("-1000000000000000", "\"-1000000000000000\""));
}

TEST("wide integers are quoted wherever they stand")
{
    CHECK(becomes("{\"code\":0,\"data\":{\"id\":12345678901234567890,\"ids\":[1,"
                  "9007199254740993, -9007199254740993]},\"message\":\"\"}",
                  "{\"code\":0,\"data\":{\"id\":\"12345678901234567890\",\"ids\":[1,"
                  "\"9007199254740993\", \"-9007199254740993\"]},\"message\":\"\"}"));
    CHECK(becomes(" 1234567890123456\n", " \"1234567890123456\"\n"));
}

TEST("a reply without wide integers comes out as it went in")
{
    const char reply[] = "{\"code\":0,\"data\":{\"status\":1,\"progress\":47},\"message\":\"\"}";
    CHECK(becomes(reply, reply));
    CHECK(becomes("", ""));
    CHECK(becomes("null", "null"));
    CHECK(becomes("<html>", "<html>"));
}

TEST("fractions and exponents are no integers")
{
    CHECK(becomes("0.1234567890123456789", "0.1234567890123456789"));
    CHECK(becomes("1234567890123456.5", "1234567890123456.5"));
    CHECK(becomes("1234567890123456e1", "1234567890123456e1"));
    CHECK(becomes("1234567890123456E-10", "1234567890123456E-10"));
    CHECK(becomes("1e1234567890123456", "1e1234567890123456"));
}

TEST("digits inside strings are left alone, whatever is escaped there")
{
    CHECK(becomes("\"1234567890123456\"", "\"1234567890123456\""));
    CHECK(becomes("\"a\\\" 1234567890123456\"", "\"a\\\" 1234567890123456\""));
    CHECK(becomes("\"\\\\\",1234567890123456", "\"\\\\\",\"1234567890123456\""));
    CHECK(becomes("\"\\\\\\\"\",1234567890123456", "\"\\\\\\\"\",\"1234567890123456\""));
    CHECK(becomes("{\"1234567890123456\":\"\\u0031\"}", "{\"1234567890123456\":\"\\u0031\"}"));
}

TEST("a string that does not end is left alone")
{
    CHECK(becomes("\"1234567890123456", "\"1234567890123456"));
    CHECK(becomes("\"1234567890123456\\", "\"1234567890123456\\"));
    CHECK(becomes("\"", "\""));
}

TEST("a NUL is a character like others")
{
    CHECK(gives("\0001234567890123456\0", 18, "\0\"1234567890123456\"\0", 20));
    CHECK(gives("\"\0\",1234567890123456", 20, "\"\0\",\"1234567890123456\"", 22));
}

TEST("every truncated prefix is quoted as far as it goes")
{
    const char text[] = "{\"a\\\"\":[-1234567890123456,1.5e9,\"1234567890123456\"]}";
    const size_t start = strlen("{\"a\\\"\":["), end = start + strlen("-1234567890123456");
    for (size_t len = 0; len <= strlen(text); len++) {
        char expected[128];
        if (len < end)
            snprintf(expected, sizeof expected, "%.*s", (int)len, text);
        else
            snprintf(expected, sizeof expected, "%.*s\"-1234567890123456\"%.*s", (int)start, text,
                     (int)(len - end), text + end);
        CHECK(gives(text, len, expected, strlen(expected)));
    }
}

TEST("the result fits a buffer of exactly its size and no smaller one")
{
    const char text[] = "[1234567890123456,2]";
    for (size_t max = 0; max <= strlen(text) + 2; max++) {
        tq_buf out;
        tq_buf_init(&out, max);
        int err = tq_json_quote_wide(text, strlen(text), &out);
        CHECK(err == (max == strlen(text) + 2 ? TQ_OK : TQ_ERR_TOO_BIG));
        tq_buf_free(&out);
    }
}

TEST("the result is appended to what stands in the buffer already")
{
    tq_buf out;
    tq_buf_init(&out, ROOMY);
    CHECK(tq_buf_add_text(&out, "x") == TQ_OK);
    CHECK(tq_json_quote_wide("1234567890123456", 16, &out) == TQ_OK);
    CHECK(out.data != NULL && strcmp(out.data, "x\"1234567890123456\"") == 0);
    tq_buf_free(&out);
}

/* The rule once more, written for clearness: `text` ends with a NUL and holds no other. */
static void quote_naively(const char *text, char *out)
{
    while (*text != '\0') {
        size_t digits = strspn(text + (*text == '-'), "0123456789");
        size_t number = strspn(text, "0123456789+-.eE");
        size_t take = 1;
        bool is_number = *text == '-' || digits > 0;
        if (*text == '"') {
            while (text[take] != '\0' && text[take] != '"')
                take += text[take] == '\\' && text[take + 1] != '\0' ? 2 : 1;
            take += text[take] == '"';
        } else if (is_number) {
            take = number;
        }
        bool wide = is_number && digits > 15 && number == digits + (*text == '-') &&
                    text[*text == '-'] != '0' &&
                    text[number + strspn(text + number, " \t\r\n")] != ':';
        out += sprintf(out, wide ? "\"%.*s\"" : "%.*s", (int)take, text);
        text += take;
    }
}

TEST("what is no JSON stays none")
{
    CHECK(becomes("{1234567890123456:1}", "{1234567890123456:1}"));
    CHECK(becomes("{1234567890123456 \t\r\n:1}", "{1234567890123456 \t\r\n:1}"));
    CHECK(becomes("[01234567890123456]", "[01234567890123456]"));
    CHECK(becomes("[-00000000000000000]", "[-00000000000000000]"));
    CHECK(becomes("{\"a\":1234567890123456}", "{\"a\":\"1234567890123456\"}"));
    CHECK(becomes("[1234567890123456 ]", "[\"1234567890123456\" ]"));
}

TEST("random soups of tokens come out as a naive reader has them")
{
    static const char *const tokens[] = {"1234567890123456",
                                         "123456789012345",
                                         "-1234567890123456",
                                         "-",
                                         "0",
                                         "7",
                                         "\"",
                                         "\\",
                                         "\\\"",
                                         "\"a",
                                         "b\"",
                                         ",",
                                         ":",
                                         "[",
                                         "]",
                                         "{",
                                         "}",
                                         " ",
                                         ".",
                                         "e",
                                         "E5",
                                         "+",
                                         "true",
                                         "null",
                                         "99999999",
                                         "12345678901234567890123456789012",
                                         "\n",
                                         "\xC3",
                                         "/"};
    for (int round = 0; round < 20000; round++) {
        char text[640] = "", expected[1280] = "";
        for (uint64_t count = check_random(16); count > 0; count--)
            strcat(text, tokens[check_random(sizeof tokens / sizeof *tokens)]);
        quote_naively(text, expected);
        CHECK(becomes(text, expected));
    }
}

TEST("random documents come out with exactly their wide integers quoted")
{
    for (int round = 0; round < 2000; round++) {
        char text[2048] = "[", expected[2048] = "[";
        for (uint64_t count = 1 + check_random(20); count > 0; count--) {
            char digits[33] = "";
            size_t len = 1 + check_random(30);
            for (size_t i = 0; i < len; i++)
                digits[i] = (char)('1' + check_random(9));
            static const char *const narrow[] = {"%s.5,", "%se3,", "\"%s\",", "\"\\\"%s\",",
                                                 "true,"};
            const char *format = narrow[check_random(5)];
            bool is_integer = check_random(2) == 0;
            sprintf(text + strlen(text), is_integer ? "%s," : format, digits);
            sprintf(expected + strlen(expected),
                    !is_integer ? format
                    : len > 15  ? "\"%s\","
                                : "%s,",
                    digits);
        }
        CHECK(becomes(text, expected));
    }
}
