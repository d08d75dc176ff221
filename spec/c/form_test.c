/* SPDX-License-Identifier: MIT */
#include "form/form.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/err.h"
#include "check.h"
#include "guard.h"

enum { ROOMY = 1 << 16 };

static int escape(tq_buf *out, const char *text, size_t len)
{
    tq_buf_init(out, ROOMY);
    return tq_form_escape(out, guard_copy(text, len), len);
}

static bool is_text(const tq_buf *buf, const char *text)
{
    return buf->len == strlen(text) && (buf->len == 0 || strcmp(buf->data, text) == 0);
}

TEST("letters, digits, minus, underscore and dot stay as they are")
{
    const char plain[] = "ABCXYZabcxyz0189-_.";
    tq_buf out;
    CHECK(escape(&out, plain, strlen(plain)) == TQ_OK && is_text(&out, plain));
    tq_buf_free(&out);
}

TEST("a space is a plus, and a plus is escaped")
{
    tq_buf out;
    CHECK(escape(&out, "a b+c ", 6) == TQ_OK && is_text(&out, "a+b%2Bc+"));
    tq_buf_free(&out);
}

TEST("every byte but the plain ones is escaped with capital digits")
{
    for (int c = 0; c < 256; c++) {
        char byte = (char)c, expected[4];
        bool is_plain = c < 128 && (isalnum(c) || (c != 0 && strchr("-_.", c) != NULL));
        snprintf(expected, sizeof expected, is_plain ? "%c" : c == ' ' ? "+" : "%%%02X", c);
        tq_buf out;
        CHECK(escape(&out, &byte, 1) == TQ_OK && is_text(&out, expected));
        tq_buf_free(&out);
    }
}

TEST("escaping nothing gives nothing")
{
    tq_buf out;
    CHECK(escape(&out, "", 0) == TQ_OK && out.len == 0);
    tq_buf_free(&out);
}

TEST("every prefix of a text is escaped to what its bytes are")
{
    const char text[] = "a=1&b c\xD0\x96[%]~.";
    const char *const parts[] = {"a",   "%3D", "1",   "%26", "b",   "+",   "c",
                                 "%D0", "%96", "%5B", "%25", "%5D", "%7E", "."};
    char expected[64] = "";
    for (size_t len = 0; len < sizeof text; len++) {
        tq_buf out;
        CHECK(escape(&out, text, len) == TQ_OK && is_text(&out, expected));
        tq_buf_free(&out);
        if (len < sizeof parts / sizeof *parts)
            strcat(expected, parts[len]);
    }
}

TEST("a text that does not fit when escaped adds nothing")
{
    for (size_t max = 0; max < 12; max++) {
        tq_buf out;
        tq_buf_init(&out, max);
        CHECK(tq_buf_add_text(&out, max >= 2 ? "x=" : "") == TQ_OK);
        size_t before = out.len;
        int err = tq_form_escape(&out, "ab&c d", 6);
        bool fits = max - before >= strlen("ab%26c+d");
        CHECK(err == (fits ? TQ_OK : TQ_ERR_TOO_BIG));
        CHECK(out.len == before + (fits ? strlen("ab%26c+d") : 0));
        tq_buf_free(&out);
    }
}

static void add(tq_form *form, const char *key, const char *value)
{
    size_t mark = tq_form_enter(form, key, strlen(key));
    tq_form_add(form, value, strlen(value));
    tq_form_leave(form, mark);
}

TEST("fields are joined with ampersands and names nest in brackets")
{
    tq_buf out;
    tq_form form;
    tq_buf_init(&out, ROOMY);
    tq_form_init(&form, &out, 100);
    add(&form, "id", "7");
    size_t mark = tq_form_enter(&form, "criteria", 8);
    add(&form, "from", "A&B");
    size_t inner = tq_form_enter(&form, "groups", 6);
    add(&form, "0", "x");
    add(&form, "1", "");
    tq_form_leave(&form, inner);
    add(&form, "to", "B");
    tq_form_leave(&form, mark);
    add(&form, "last", "1");
    CHECK(form.err == TQ_OK);
    CHECK(is_text(&out, "id=7&criteria%5Bfrom%5D=A%26B&criteria%5Bgroups%5D%5B0%5D=x"
                        "&criteria%5Bgroups%5D%5B1%5D=&criteria%5Bto%5D=B&last=1"));
    tq_form_free(&form);
    tq_buf_free(&out);
}

TEST("a field is appended to what stands in the buffer already")
{
    tq_buf out;
    tq_form form;
    tq_buf_init(&out, ROOMY);
    CHECK(tq_buf_add_text(&out, "apiKey=k") == TQ_OK);
    tq_form_init(&form, &out, 100);
    add(&form, "id", "7");
    CHECK(is_text(&out, "apiKey=k&id=7"));
    tq_form_free(&form);
    tq_buf_free(&out);
}

TEST("names and values may hold any byte, a NUL too")
{
    tq_buf out;
    tq_form form;
    tq_buf_init(&out, ROOMY);
    tq_form_init(&form, &out, 100);
    size_t mark = tq_form_enter(&form, "a\0=", 3);
    tq_form_add(&form, "\0\xFF", 2);
    tq_form_leave(&form, mark);
    CHECK(form.err == TQ_OK && is_text(&out, "a%00%3D=%00%FF"));
    tq_form_free(&form);
    tq_buf_free(&out);
}

TEST("a name of exactly the maximum is written, a longer one is an error")
{
    for (size_t max = 5; max <= 8; max++) {
        tq_buf out;
        tq_form form;
        tq_buf_init(&out, ROOMY);
        tq_form_init(&form, &out, max);
        size_t mark = tq_form_enter(&form, "abc", 3);
        add(&form, "de", "1"); /* abc[de] */
        tq_form_leave(&form, mark);
        CHECK(form.err == (max >= 7 ? TQ_OK : TQ_ERR_TOO_BIG));
        tq_form_free(&form);
        tq_buf_free(&out);
    }
}

TEST("a form fits a buffer of exactly its size and no smaller one")
{
    const char whole[] = "a=1&b=+%26";
    for (size_t max = 0; max <= strlen(whole); max++) {
        tq_buf out;
        tq_form form;
        tq_buf_init(&out, max);
        tq_form_init(&form, &out, 100);
        add(&form, "a", "1");
        add(&form, "b", " &");
        CHECK(form.err == (max == strlen(whole) ? TQ_OK : TQ_ERR_TOO_BIG));
        CHECK(form.err != TQ_OK || is_text(&out, whole));
        tq_form_free(&form);
        tq_buf_free(&out);
    }
}

TEST("the first error sticks")
{
    tq_buf out;
    tq_form form;
    tq_buf_init(&out, ROOMY);
    tq_form_init(&form, &out, 4);
    add(&form, "toolong", "1");
    CHECK(form.err == TQ_ERR_TOO_BIG);
    add(&form, "ok", "1");
    CHECK(form.err == TQ_ERR_TOO_BIG);
    tq_form_free(&form);
    tq_buf_free(&out);
}

TEST("what comes after an error writes nothing")
{
    tq_buf out;
    tq_form form;
    tq_buf_init(&out, ROOMY);
    tq_form_init(&form, &out, 4);
    add(&form, "a", "1");
    add(&form, "toolong", "1");
    add(&form, "b", "2");
    CHECK(is_text(&out, "a=1"));
    tq_form_free(&form);
    tq_buf_free(&out);
}
