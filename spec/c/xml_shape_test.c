/* SPDX-License-Identifier: MIT */
/* What a reader makes of a document after another one is what a new reader makes of it. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "check.h"
#include "guard.h"
#include "xml/reader.h"

static const char reply[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    "<E:Envelope xmlns:E=\"http://schemas.xmlsoap.org/soap/envelope/\">\n"
    " <E:Body>\n <ns:getTaskStatusResponse>\n  <return>\n"
    "  <type>GIVE_MONEY</type>\n"
    "  <progressPercent>0</progressPercent>\n"
    "  <status>PREPARATION</status>\n"
    "  <additionalInfo></additionalInfo>\n"
    "  <owner href=\"#a\"/>\n"
    "  <taskId>7W3A0N1N9I2E7N1TKLS54A9PTR</taskId>\n"
    "  </return>\n </ns:getTaskStatusResponse>\n <who id=\"a\">Zo\xc3\xab</who></E:Body>\n"
    "</E:Envelope>\n";

static tq_xml_reader *open_reader(const tq_xml_limits *limits)
{
    tq_xml_reader *reader = NULL;
    CHECK(tq_xml_reader_open(&reader, limits) == TQ_OK && reader != NULL);
    return reader;
}

static bool are_alike(const tq_xml_element *a, const tq_xml_element *b)
{
    for (; a != NULL && b != NULL; a = a->next, b = b->next) {
        if (strcmp(a->name, b->name) != 0 || a->text_len != b->text_len ||
            memcmp(a->text, b->text, a->text_len + 1) != 0 || a->child_count != b->child_count ||
            a->is_reference != b->is_reference || !are_alike(a->first_child, b->first_child))
            return false;
    }
    return a == b;
}

/* Reads one document after the other; does the second one come out as in a new reader? */
static bool is_read_anew(const tq_xml_limits *limits, const char *first, size_t first_len,
                         const char *second, size_t second_len)
{
    tq_xml_reader *used = open_reader(limits), *fresh = open_reader(limits);
    (void)tq_xml_read(used, guard_copy(first, first_len), first_len);
    int err = tq_xml_read(used, guard_copy(second, second_len), second_len);
    bool good = tq_xml_read(fresh, guard_copy(second, second_len), second_len) == err &&
                strcmp(tq_xml_error(used), tq_xml_error(fresh)) == 0 &&
                are_alike(tq_xml_root(used), tq_xml_root(fresh));
    if (!good)
        fprintf(stderr, "after %.*s: %.*s\n", (int)first_len, first, (int)second_len, second);
    tq_xml_reader_close(used);
    tq_xml_reader_close(fresh);
    return good;
}

static bool holds(const char *first, const char *second)
{
    return is_read_anew(NULL, first, strlen(first), second, strlen(second));
}

static bool is_text(const tq_xml_element *element, const char *text)
{
    return element != NULL && strcmp(element->text, text) == 0 && element->text_len == strlen(text);
}

TEST("documents of one shape have their own texts, shorter or longer, however many follow")
{
    static const char *const texts[] = {"", "7", "70", "a longer one, with \t and \n", "7"};
    tq_xml_reader *reader = open_reader(NULL);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char document[128];
        int len = snprintf(document, sizeof document, "<r><a>%s</a><b>fixed</b><c>%s</c></r>",
                           texts[i], texts[i]);
        CHECK(tq_xml_read(reader, guard_copy(document, (size_t)len), (size_t)len) == TQ_OK);
        const tq_xml_element *root = tq_xml_root(reader);
        CHECK(is_text(tq_xml_child(root, "a"), texts[i]));
        CHECK(is_text(tq_xml_child(root, "b"), "fixed"));
        CHECK(is_text(tq_xml_child(root, "c"), texts[i]));
    }
    tq_xml_reader_close(reader);
}

TEST("a text that says something else than its bytes is parsed")
{
    static const char *const texts[] = {
        "&lt;",     "&#65;", "a&amp;b", "<![CDATA[x]]>", "<!-- x -->", "<?x y?>", "]]>",  "&",
        "&nope;",   "a\rb",  "a\r\n",   "\xc3\xab",      "\xff",       "\x01",    "\x7f", ">",
        "<b>1</b>", "<b/>",  "<",       "</a",           "</a>",       "</a><a>", " \t\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char document[64];
        snprintf(document, sizeof document, "<r><a>%s</a></r>", texts[i]);
        CHECK(holds("<r><a>x</a></r>", document));
        CHECK(holds("<r><a></a></r>", document));
        CHECK(holds(document, "<r><a>x</a></r>"));
        CHECK(holds(document, document));
    }
}

TEST("what differs beside the texts is parsed")
{
    static const char *const documents[] = {"<r><a>x</a></r>",
                                            "<r><a>x</a></r> ",
                                            "<r><a>x</a>",
                                            "<r><a>x</a></r",
                                            " <r><a>x</a></r>",
                                            "<r><b>x</b></r>",
                                            "<r><a>x</b></r>",
                                            "<r><a >x</a></r>",
                                            "<r><a/></r>",
                                            "<r><a/>x</r>",
                                            "<r><a b='/'></a></r>",
                                            "<r><a b='c'/>x</r>",
                                            "<r><a></a>x</r>",
                                            "<r><a>x</a ></r>",
                                            "<r>x<a>x</a></r>",
                                            "<r>x</r>",
                                            "<a>x</a>",
                                            "<a>x</a><a>x</a>",
                                            "<a/>",
                                            "<a></a>",
                                            "<r><a>x</a><a>y</a></r>",
                                            "<r><p id='1'>x</p><a href='#1'/></r>",
                                            "<r><p id='2'>x</p><a href='#1'/></r>",
                                            "<r><p id='1'>x</p><a href='#1'></a></r>",
                                            "",
                                            "x",
                                            "<!DOCTYPE r><r><a>x</a></r>"};
    size_t count = sizeof documents / sizeof documents[0];
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < count; k++)
            CHECK(holds(documents[i], documents[k]));
}

TEST("a reference leads to the text of now")
{
    static const char *const documents[] = {"<r><p id='1'>x</p><a href='#1'/></r>",
                                            "<r><p id='1'>yes</p><a href='#1'/></r>"};
    tq_xml_reader *reader = open_reader(NULL);
    for (size_t i = 0; i < 2; i++)
        CHECK(tq_xml_read(reader, documents[i], strlen(documents[i])) == TQ_OK);
    CHECK(is_text(tq_xml_value(tq_xml_child(tq_xml_root(reader), "a")), "yes"));
    tq_xml_reader_close(reader);
}

/* A document in UTF-16 with its mark; returns how many bytes it takes. */
static size_t widen(char *wide, const char *text, bool is_big)
{
    size_t len = 0;
    wide[len++] = is_big ? '\xfe' : '\xff';
    wide[len++] = is_big ? '\xff' : '\xfe';
    for (; *text != '\0'; text++) {
        wide[len + (is_big ? 1 : 0)] = *text;
        wide[len + (is_big ? 0 : 1)] = '\0';
        len += 2;
    }
    return len;
}

TEST("single bytes are no text in a document of two bytes a character")
{
    for (int order = 0; order < 2; order++) {
        char first[64], second[64];
        size_t len = widen(first, "<r><a></a><b>x</b></r>", order == 1);
        for (size_t at = 0; at <= len; at++) {
            memcpy(second, first, at);
            second[at] = 'A';
            memcpy(second + at + 1, first + at, len - at);
            CHECK(is_read_anew(NULL, first, len, second, len + 1));
        }
        CHECK(is_read_anew(NULL, first, len, second, widen(second, "<r><a>y</a><b/></r>", false)));
        len = widen(first, "<r/>", order == 1);
        CHECK(is_read_anew(NULL, first, len, first, len));
    }
}

TEST("an encoding with ASCII's letters keeps its others")
{
#define HEAD "<?xml version='1.0' encoding='windows-1251'?>"
    CHECK(holds(HEAD "<a><b>\xe4\xe0</b><c>1</c></a>", HEAD "<a><b>\xe4\xe0</b><c>2</c></a>"));
    CHECK(holds(HEAD "<a><b>da</b></a>", HEAD "<a><b>\xe4\xe0</b></a>"));
    CHECK(holds(HEAD "<a><b>\xe4\xe0</b></a>", HEAD "<a><b>da</b></a>"));
    CHECK(holds("<a><b>x</b></a>", HEAD "<a><b>x</b></a>"));
#undef HEAD
}

TEST("the limit of texts holds, at it and past it")
{
    for (size_t max = 1; max < 12; max++) {
        const tq_xml_limits limits = {0, 0, max};
        CHECK(is_read_anew(&limits, "<r>1<a>2</a></r>", 16, "<r>1<a>2345678</a></r>", 22));
        CHECK(is_read_anew(&limits, "<r>1<a>2345678</a></r>", 22, "<r>1<a></a></r>", 15));
    }
}

TEST("long documents, and those of many elements, come out right as well")
{
    enum { COUNT = 300 };
    static char first[COUNT * 64], second[COUNT * 64];
    for (int elements = 1; elements < COUNT; elements = elements * 3 / 2 + 1) {
        size_t len = 3, other = 3;
        memcpy(first, "<r>", 3);
        memcpy(second, "<r>", 3);
        for (int i = 0; i < elements; i++) {
            len += (size_t)sprintf(first + len, "<item>number %d</item>", i);
            other += (size_t)sprintf(second + other, "<item>the number %d</item>", 2 * i);
        }
        len += (size_t)sprintf(first + len, "</r>");
        other += (size_t)sprintf(second + other, "</r>");
        CHECK(is_read_anew(NULL, first, len, second, other));
    }
}

TEST("a document with any byte changed, dropped or put in comes out as in a new reader")
{
    static const char bytes[] = "<>/&;]! \n\r\t\"'=a:-?\x80\xc3\x01[Z";
    size_t len = sizeof reply - 1;
    char changed[sizeof reply + 1];
    for (int i = 0; i < 20000; i++) {
        size_t at = check_random(len), cut = check_random(2);
        size_t added = check_random(3) > 0 ? 1 : 0;
        memcpy(changed, reply, at);
        changed[at] = bytes[check_random(sizeof bytes - 1)];
        memcpy(changed + at + added, reply + at + cut, len - at - cut);
        CHECK(is_read_anew(NULL, reply, len, changed, len - cut + added));
    }
}
