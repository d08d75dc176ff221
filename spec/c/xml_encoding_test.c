/* SPDX-License-Identifier: MIT */
#include "xml/encoding.h"

#include <iconv.h>
#include <string.h>

#include "base/err.h"
#include "check.h"
#include "guard.h"
#include "xml/reader.h"
#include "xml/writer.h"

static const char *const single_byte[] = {"windows-1250", "windows-1251", "windows-1252",
                                          "ISO-8859-2",   "ISO-8859-5",   "KOI8-R",
                                          "ISO-8859-1",   "US-ASCII"};
enum { SINGLE_BYTE = sizeof single_byte / sizeof *single_byte, TABLES = SINGLE_BYTE - 2 };

/* Gives the length of `in` in the other encoding, or 0 when it cannot be said there. */
static size_t convert(const char *to, const char *from, const char *in, size_t len, char *out,
                      size_t room)
{
    iconv_t converter = iconv_open(to, from);
    CHECK(converter != (iconv_t)-1);
    char *source = (char *)(uintptr_t)in, *end = out;
    size_t bad = iconv(converter, &source, &len, &end, &room);
    iconv_close(converter);
    return bad == 0 ? (size_t)(end - out) : 0;
}

/* The text of the root when `document` is read; NULL when it is refused. */
static const char *text_of(const char *document, size_t len)
{
    static char text[4096];
    tq_xml_reader *reader;
    CHECK(tq_xml_reader_open(&reader, NULL) == TQ_OK);
    int err = tq_xml_read(reader, guard_copy(document, len), len);
    CHECK(err == TQ_OK || err == TQ_ERR_INVALID);
    if (err == TQ_OK)
        memcpy(text, tq_xml_root(reader)->text, tq_xml_root(reader)->text_len + 1);
    tq_xml_reader_close(reader);
    return err == TQ_OK ? text : NULL;
}

static const char *text_in(const char *encoding, const char *text)
{
    char document[1024];
    int len = snprintf(document, sizeof document, "<?xml version='1.0' encoding='%s'?><a>%s</a>",
                       encoding, text);
    return text_of(document, (size_t)len);
}

static bool is_text(const char *text, const char *expected)
{
    return text != NULL && strcmp(text, expected) == 0;
}

TEST("every byte of every single-byte encoding is what iconv says, or is refused")
{
    for (int e = 0; e < SINGLE_BYTE; e++) {
        for (int byte = 128; byte < 256; byte++) {
            char in[2] = {(char)byte, '\0'}, expected[8] = "";
            size_t len = convert("UTF-8", single_byte[e], in, 1, expected, sizeof expected - 1);
            const char *text = text_in(single_byte[e], in);
            CHECK(len > 0 ? is_text(text, expected) : text == NULL);
        }
    }
}

TEST("a table maps ASCII to itself and a byte without a character to -1")
{
    for (int e = 0; e < TABLES; e++) {
        int map[256];
        CHECK(tq_xml_encoding_map(single_byte[e], map));
        for (int byte = 0; byte < 256; byte++)
            CHECK(byte < 128 ? map[byte] == byte : map[byte] == -1 || map[byte] >= 128);
    }
    int map[256];
    CHECK(tq_xml_encoding_map("windows-1252", map) && map[0x81] == -1 && map[0x80] == 0x20AC);
}

TEST("the name of an encoding is known in any case, and only as a whole")
{
    int map[256] = {42};
    CHECK(tq_xml_encoding_map("Windows-1251", map) && tq_xml_encoding_map("koi8-R", map));
    map[0] = 42;
    CHECK(!tq_xml_encoding_map("windows-125", map) && !tq_xml_encoding_map("windows-12511", map));
    CHECK(!tq_xml_encoding_map("", map) && !tq_xml_encoding_map("UTF-7", map));
    CHECK(map[0] == 42);
}

TEST("names of elements are decoded as texts are")
{
    const char document[] =
        "<?xml version='1.0' encoding='windows-1251'?><\xE8\xEC\xFF>x</\xE8\xEC\xFF>";
    tq_xml_reader *reader;
    CHECK(tq_xml_reader_open(&reader, NULL) == TQ_OK);
    CHECK(tq_xml_read(reader, document, sizeof document - 1) == TQ_OK);
    CHECK(tq_xml_root(reader) != NULL && strcmp(tq_xml_root(reader)->name, "имя") == 0);
    tq_xml_reader_close(reader);
}

TEST("an unknown encoding is refused and says so")
{
    static const char *const unknown[] = {"UTF-7", "Shift_JIS", "windows-1253", "EBCDIC-US", "x"};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        char document[128];
        tq_xml_reader *reader;
        int len = snprintf(document, sizeof document, "<?xml version='1.0' encoding='%s'?><a/>",
                           unknown[i]);
        CHECK(tq_xml_reader_open(&reader, NULL) == TQ_OK);
        CHECK(tq_xml_read(reader, document, (size_t)len) == TQ_ERR_INVALID);
        CHECK(strstr(tq_xml_error(reader), ": unknown encoding") != NULL);
        tq_xml_reader_close(reader);
    }
}

TEST("UTF-8 is read with a byte order mark, with a declaration and with neither")
{
    const char mark[] = "\xEF\xBB\xBF<a>zażółć 😀</a>", plain[] = "<a>zażółć 😀</a>";
    CHECK(is_text(text_of(mark, sizeof mark - 1), "zażółć 😀"));
    CHECK(is_text(text_of(plain, sizeof plain - 1), "zażółć 😀"));
    CHECK(is_text(text_in("utf-8", "zażółć 😀"), "zażółć 😀"));
}

/* `text` as the root's text, in UTF-16 of that byte order with its mark. */
static const char *text_in_utf16(const char *order, const char *before, const char *text)
{
    char document[512], wide[1024];
    bool is_little = strcmp(order, "UTF-16LE") == 0;
    int len = snprintf(document, sizeof document, "%s<a>%s</a>", before, text);
    memcpy(wide, is_little ? "\xFF\xFE" : "\xFE\xFF", 2);
    size_t wide_len = convert(order, "UTF-8", document, (size_t)len, wide + 2, sizeof wide - 2);
    return text_of(wide, wide_len + 2);
}

TEST("UTF-16 is read in both orders, surrogate pairs too")
{
    static const char *const orders[] = {"UTF-16LE", "UTF-16BE"};
    for (int i = 0; i < 2; i++) {
        CHECK(is_text(text_in_utf16(orders[i], "", "дело 😀\t&amp;"), "дело 😀\t&"));
        CHECK(
            is_text(text_in_utf16(orders[i], "<?xml version='1.0' encoding='UTF-16'?>", "ż"), "ż"));
        CHECK(text_in_utf16(orders[i], "<?xml version='1.0' encoding='UTF-8'?>", "ż") == NULL);
        CHECK(text_in_utf16(orders[i], "", "\uFFFF") == NULL);
        CHECK(text_in_utf16(orders[i], "", "\uFFFE") == NULL);
    }
}

TEST("every truncated prefix of a document in UTF-16 is refused")
{
    const char document[] = "\xFF\xFE<\0a\0>\0x\0<\0/\0a\0>\0";
    CHECK(is_text(text_of(document, sizeof document - 1), "x"));
    for (size_t len = 0; len < sizeof document - 1; len++)
        CHECK(text_of(document, len) == NULL);
}

TEST("bytes that are not UTF-8 are refused")
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
                                      "\xED\xBF\xBF",
                                      "\xEF\xBF\xBE",
                                      "\xEF\xBF\xBF",
                                      "\xE2\x82",
                                      "\xF0\x80\x80\x80",
                                      "\xF0\x8F\xBF\xBF",
                                      "\xF4\x90\x80\x80",
                                      "\xF5\x80\x80\x80",
                                      "\xF0\x9F\x98",
                                      "\xF8\x88\x80\x80\x80",
                                      "\xFE",
                                      "\xFF"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(text_in("UTF-8", bad[i]) == NULL);
    CHECK(is_text(text_in("UTF-8", "\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF"),
                  "\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF"));
}

TEST("a NUL, other control characters and references to what is no character are refused")
{
    CHECK(text_of("<a>\0</a>", 8) == NULL);
    CHECK(text_of("<a\0></a>", 8) == NULL);
    for (char c = 1; c < 0x20; c++)
        if (c != '\t' && c != '\n' && c != '\r')
            CHECK(text_in("UTF-8", (char[]){c, '\0'}) == NULL);
    static const char *const bad[] = {"&#0;",
                                      "&#x0;",
                                      "&#8;",
                                      "&#x1F;",
                                      "&#xD800;",
                                      "&#xDFFF;",
                                      "&#xD83D;&#xDE00;",
                                      "&#xFFFE;",
                                      "&#65535;",
                                      "&#x110000;",
                                      "&#99999999999999999999;",
                                      "&#;",
                                      "&#x;",
                                      "&#-1;",
                                      "&#x41"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(text_in("UTF-8", bad[i]) == NULL);
    CHECK(is_text(text_in("UTF-8", "&#x9;&#10;&#65;&#x17C;&#x1F600;"), "\t\nAż😀"));
}

TEST("whatever random UTF-16 is accepted comes out as UTF-8")
{
    for (int round = 0; round < 20000; round++) {
        char document[64] = "\xFE\xFF\0<\0a\0>";
        size_t len = 8;
        for (uint64_t units = check_random(8); units > 0; units--) {
            document[len++] = (char)(check_random(2) ? 0xD8 + check_random(8) : check_random(256));
            document[len++] = (char)check_random(256);
        }
        memcpy(document + len, "\0<\0/\0a\0>", 8);
        const char *text = text_of(document, len + 8);
        tq_buf out;
        tq_buf_init(&out, 4096);
        CHECK(text == NULL || tq_xml_add_text(&out, text, strlen(text)) == TQ_OK);
        tq_buf_free(&out);
    }
}
