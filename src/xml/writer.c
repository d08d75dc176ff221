/* SPDX-License-Identifier: MIT */
#include "xml/writer.h"

#include <stdint.h>
#include <string.h>

#include "base/err.h"

static bool is_char(uint32_t code)
{
    return code <= 0x10FFFF && !(code >= 0xD800 && code <= 0xDFFF) && code != 0xFFFE &&
           code != 0xFFFF;
}

/* The bytes that one character takes at `at`; 0 when it is none that XML can carry. */
static size_t char_len(const unsigned char *at, size_t left)
{
    static const uint32_t smallest[] = {[2] = 0x80, [3] = 0x800, [4] = 0x10000};
    unsigned char first = at[0];
    if (first < 0x80)
        return first >= 0x20 || first == '\t' || first == '\n' || first == '\r';
    size_t len = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC0 || first >= 0xF8 || len > left)
        return 0;
    uint32_t code = first & (0x7FU >> len);
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xC0) != 0x80)
            return 0;
        code = code << 6 | (at[i] & 0x3F);
    }
    return code >= smallest[len] && is_char(code) ? len : 0;
}

static const char *escape_of(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    case '\r':
        return "&#13;";
    default:
        return NULL;
    }
}

static bool is_carried(const char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        size_t step = char_len((const unsigned char *)text + at, len - at);
        if (step == 0)
            return false;
        at += step;
    }
    return true;
}

int tq_xml_add_text(tq_buf *out, const char *text, size_t len)
{
    if (!is_carried(text, len))
        return TQ_ERR_INVALID;
    size_t start = out->len, copied = 0;
    int err = TQ_OK;
    for (size_t at = 0; at < len && err == TQ_OK; at++) {
        const char *escape = escape_of(text[at]);
        if (escape == NULL)
            continue;
        err = tq_buf_add(out, text + copied, at - copied);
        if (err == TQ_OK)
            err = tq_buf_add_text(out, escape);
        copied = at + 1;
    }
    if (err == TQ_OK && len > 0)
        err = tq_buf_add(out, text + copied, len - copied);
    if (err != TQ_OK)
        tq_buf_cut(out, start);
    return err;
}

static int add_tag(tq_buf *out, const char *before, const char *name)
{
    size_t start = out->len;
    int err = tq_buf_add_text(out, before);
    if (err == TQ_OK)
        err = tq_buf_add_text(out, name);
    if (err == TQ_OK)
        err = tq_buf_add(out, ">", 1);
    if (err != TQ_OK)
        tq_buf_cut(out, start);
    return err;
}

int tq_xml_open(tq_buf *out, const char *name)
{
    return add_tag(out, "<", name);
}

int tq_xml_shut(tq_buf *out, const char *name)
{
    return add_tag(out, "</", name);
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool tq_xml_is_name(const char *text, size_t len)
{
    if (len == 0 || !is_letter(text[0]))
        return false;
    for (size_t i = 1; i < len; i++) {
        char c = text[i];
        if (!is_letter(c) && !(c >= '0' && c <= '9') && c != '-' && c != '.')
            return false;
    }
    return true;
}
