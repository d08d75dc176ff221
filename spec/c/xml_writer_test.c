/* SPDX-License-Identifier: MIT */
#include "xml/writer.h"

#include <string.h>

#include "base/err.h"
#include "check.h"
#include "guard.h"
#include "xml/reader.h"

enum { ROOMY = 1 << 16 };

static bool becomes(const char *text, size_t len, const char *expected)
{
    tq_buf out;
    tq_buf_init(&out, ROOMY);
    int err = tq_xml_add_text(&out, guard_copy(text, len), len);
    bool good = err == TQ_OK && out.len == strlen(expected) &&
                (out.len == 0 || strcmp(out.data, expected) == 0);
    tq_buf_free(&out);
    return good;
}

static bool is_refused(const char *text, size_t len)
{
    tq_buf out;
    tq_buf_init(&out, ROOMY);
    CHECK(tq_buf_add_text(&out, "before") == TQ_OK);
    int err = tq_xml_add_text(&out, guard_copy(text, len), len);
    bool good = err == TQ_ERR_INVALID && strcmp(out.data, "before") == 0;
    tq_buf_free(&out);
    return good;
}

TEST("plain text, tabs and line feeds stay as they are")
{
    const char plain[] = "7W3A0N1N \t\n{}[]()/;:#%!?=+*-_.,~`|\\^@$\x7F";
    CHECK(becomes(plain, sizeof plain - 1, plain));
    CHECK(becomes("zażółć дело €😀", strlen("zażółć дело €😀"), "zażółć дело €😀"));
    CHECK(becomes("", 0, ""));
    CHECK(becomes("\xC2\x80\xC2\x9F", 4, "\xC2\x80\xC2\x9F"));
}

TEST("markup, quotes and carriage returns are escaped")
{
    CHECK(becomes("<&>\"'\r", 6, "&lt;&amp;&gt;&quot;&#39;&#13;"));
    CHECK(becomes("a<b", 3, "a&lt;b"));
    CHECK(becomes("&amp;", 5, "&amp;amp;"));
    CHECK(becomes("]]>", 3, "]]&gt;"));
    CHECK(becomes("\r\n", 2, "&#13;\n"));
}

TEST("every ASCII character is written or refused as XML 1.0 has it")
{
    for (int c = 0; c < 128; c++) {
        char byte = (char)c;
        bool is_control = c < 0x20 && c != '\t' && c != '\n' && c != '\r';
        CHECK(is_refused(&byte, 1) == is_control);
    }
}

/* Encodes a code point as UTF-8 would, also one that UTF-8 does not have. */
static size_t encode(uint32_t code, char *out)
{
    if (code < 0x80)
        return (void)(out[0] = (char)code), 1;
    size_t len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3F));
    out[0] = (char)((0xF00U >> len) | code);
    return len;
}

TEST("every code point is written but surrogates, U+FFFE, U+FFFF and those past the last")
{
    for (uint32_t code = 0x80; code < 0x1FFFFF; code += code < 0x11000 ? 1 : 251) {
        char text[4];
        size_t len = encode(code, text);
        bool bad = (code >= 0xD800 && code <= 0xDFFF) || code == 0xFFFE || code == 0xFFFF ||
                   code > 0x10FFFF;
        CHECK(is_refused(text, len) == bad);
    }
    CHECK(becomes("\xF4\x8F\xBF\xBF", 4, "\xF4\x8F\xBF\xBF") && is_refused("\xF4\x90\x80\x80", 4));
}

TEST("overlong, cut, stray and impossible bytes are refused, wherever they stand")
{
    static const char *const bad[] = {"\x80",
                                      "\xBF",
                                      "\xC0\x80",
                                      "\xC1\xBF",
                                      "\xC3",
                                      "\xC3x",
                                      "\xE0\x80\x80",
                                      "\xE0\x9F\xBF",
                                      "\xED\xA0\x80",
                                      "\xEF\xBF\xBE",
                                      "\xE2\x82",
                                      "\xE2x\x82",
                                      "\xF0\x80\x80\x80",
                                      "\xF0\x8F\xBF\xBF",
                                      "\xF0\x9F\x98",
                                      "\xF5\x80\x80",
                                      "\xF8\x88\x80",
                                      "\xFE",
                                      "\xFF"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[32];
        CHECK(is_refused(bad[i], strlen(bad[i])));
        int len = snprintf(text, sizeof text, "ab<%s", bad[i]);
        CHECK(is_refused(text, (size_t)len));
        len = snprintf(text, sizeof text, "%s|cd", bad[i]);
        CHECK(is_refused(text, (size_t)len));
    }
    CHECK(is_refused("a\0b", 3));
}

TEST("every prefix of a text is written unless it ends within a character")
{
    const char text[] = "aż€😀<";
    static const size_t ends[] = {0, 1, 3, 6, 10, 11};
    for (size_t len = 0, next = 0; len < sizeof text; len++) {
        bool is_end = next < sizeof ends / sizeof *ends && ends[next] == len;
        next += is_end;
        CHECK(is_refused(text, len) == !is_end);
    }
}

TEST("a text that does not fit when escaped adds nothing")
{
    const char text[] = "a<b>c", escaped[] = "a&lt;b&gt;c";
    for (size_t max = 0; max < sizeof escaped + 2; max++) {
        tq_buf out;
        tq_buf_init(&out, max);
        CHECK(tq_buf_add_text(&out, max >= 2 ? "x=" : "") == TQ_OK);
        size_t before = out.len, written = sizeof escaped - 1;
        bool fits = max - before >= written;
        CHECK(tq_xml_add_text(&out, text, 5) == (fits ? TQ_OK : TQ_ERR_TOO_BIG));
        CHECK(out.len == before + (fits ? written : 0));
        tq_buf_free(&out);
    }
}

TEST("tags are opened and shut around what is written")
{
    tq_buf out;
    tq_buf_init(&out, ROOMY);
    CHECK(tq_xml_open(&out, "ns:getTaskStatus") == TQ_OK);
    CHECK(tq_xml_open(&out, "taskId") == TQ_OK);
    CHECK(tq_xml_add_text(&out, "A&B", 3) == TQ_OK);
    CHECK(tq_xml_shut(&out, "taskId") == TQ_OK);
    CHECK(tq_xml_shut(&out, "ns:getTaskStatus") == TQ_OK);
    CHECK(strcmp(out.data, "<ns:getTaskStatus><taskId>A&amp;B</taskId></ns:getTaskStatus>") == 0);
    tq_buf_free(&out);
}

TEST("a tag that does not fit adds nothing")
{
    for (size_t max = 0; max <= 4; max++) {
        tq_buf out;
        tq_buf_init(&out, max);
        CHECK(tq_xml_open(&out, "ab") == (max == 4 ? TQ_OK : TQ_ERR_TOO_BIG));
        CHECK(out.len == (max == 4 ? 4 : 0));
        tq_buf_free(&out);
        tq_buf_init(&out, max);
        CHECK(tq_xml_shut(&out, "a") == (max == 4 ? TQ_OK : TQ_ERR_TOO_BIG));
        CHECK(out.len == (max == 4 ? 4 : 0));
        tq_buf_free(&out);
    }
}

TEST("a name is a letter or underscore, then letters, digits, minus, underscore, dot")
{
    static const char *const good[] = {"a", "Z", "_", "taskId", "_1", "a-b.c_d9", "xml"};
    static const char *const bad[] = {"",    "1a",  "-a",  ".a",  "a b", "a:b", "a>",
                                      "a/",  "a&b", "ż",   "aż",  " a",  "a\n", "a=\"\"",
                                      "a\"", "<a",  "a\t", "[ab", "@",   "`",   "{"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        CHECK(tq_xml_is_name(guard_copy(good[i], strlen(good[i])), strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(!tq_xml_is_name(guard_copy(bad[i], strlen(bad[i])), strlen(bad[i])));
    CHECK(!tq_xml_is_name("a\0b", 3) && !tq_xml_is_name("\0", 1) && !tq_xml_is_name(NULL, 0));
}

/* A character that XML can carry, markup and white space more often than others. */
static uint32_t random_char(void)
{
    static const char often[] = "<>&\"' \t\r\n]x;#";
    for (;;) {
        uint32_t code = (uint32_t)check_random(0x110000);
        switch (check_random(4)) {
        case 0:
            return (unsigned char)often[check_random(sizeof often - 1)];
        case 1:
            return 0x20 + code % 0x60;
        case 2:
            code %= 0x10000;
        }
        if (code >= 0x20 && !(code >= 0xD800 && code < 0xE000) && (code & ~1U) != 0xFFFE)
            return code;
    }
}

static void write_document(tq_buf *out, const char *text, size_t len)
{
    tq_buf_init(out, ROOMY);
    CHECK(tq_xml_open(out, "a") == TQ_OK && tq_xml_add_text(out, text, len) == TQ_OK &&
          tq_xml_shut(out, "a") == TQ_OK);
}

TEST("what was written is read as it was, for random texts")
{
    tq_xml_reader *reader;
    CHECK(tq_xml_reader_open(&reader, NULL) == TQ_OK);
    for (int round = 0; round < 5000; round++) {
        char text[512];
        size_t len = 0;
        for (uint64_t chars = check_random(100); chars > 0; chars--)
            len += encode(random_char(), text + len);
        tq_buf out;
        write_document(&out, text, len);
        CHECK(tq_xml_read(reader, guard_copy(out.data, out.len), out.len) == TQ_OK);
        const tq_xml_element *root = tq_xml_root(reader);
        CHECK(root != NULL && root->text_len == len && memcmp(root->text, text, len) == 0);
        tq_buf_free(&out);
    }
    tq_xml_reader_close(reader);
}

TEST("a text is refused by the writer exactly when the reader refuses it raw")
{
    tq_xml_reader *reader;
    CHECK(tq_xml_reader_open(&reader, NULL) == TQ_OK);
    for (int round = 0; round < 20000; round++) {
        char document[32] = "<a>";
        size_t len = 1 + check_random(4);
        for (size_t i = 0; i < len; i++)
            do
                document[3 + i] =
                    (char)(check_random(3) ? 0x80 + check_random(0x80) : check_random(0x80));
            while (strchr("<&>", document[3 + i]) != NULL && document[3 + i] != '\0');
        bool bad = is_refused(document + 3, len);
        memcpy(document + 3 + len, "</a>", 4);
        CHECK(tq_xml_read(reader, document, len + 7) == (bad ? TQ_ERR_INVALID : TQ_OK));
    }
    tq_xml_reader_close(reader);
}
