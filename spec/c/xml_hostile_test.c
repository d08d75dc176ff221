/* SPDX-License-Identifier: MIT */
/* What src/xml/reader.c does with documents that were made to harm it. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "check.h"
#include "guard.h"
#include "xml/reader.h"
#include "xml/writer.h"

static const tq_xml_limits no_limits = {0, 0, 0};

static tq_xml_reader *open_reader(const tq_xml_limits *limits)
{
    tq_xml_reader *reader = NULL;
    CHECK(tq_xml_reader_open(&reader, limits) == TQ_OK && reader != NULL);
    return reader;
}

TEST("a document type declaration is refused where it starts, whatever it holds")
{
    static const char *const bad[] = {
        "<!DOCTYPE a><a/>",
        "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
        "<!DOCTYPE a PUBLIC 'x' 'http://127.0.0.1/x'><a/>",
        "<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><a>&e;</a>",
        "<!DOCTYPE a [<!ENTITY % p SYSTEM 'http://127.0.0.1/x'>%p;]><a/>",
        "<!DOCTYPE a [<!ATTLIST a b CDATA 'x'>]><a/>",
        "<!DOCTYPE a [<!ENTITY a '1'><!ENTITY b '&a;&a;&a;&a;'><!ENTITY c '&b;&b;&b;&b;'>"
        "<!ENTITY d '&c;&c;&c;&c;'>]><a>&d;</a>",
        "<!DOCTYPE a [ this is not even read",
        "<?xml version='1.0' standalone='yes'?><!-- x --><!DOCTYPE a []><a/>"};
    tq_xml_reader *reader = open_reader(&no_limits);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(tq_xml_read(reader, bad[i], strlen(bad[i])) == TQ_ERR_INVALID);
        CHECK(strstr(tq_xml_error(reader), ": document type declaration") != NULL);
        CHECK(tq_xml_root(reader) == NULL);
    }
    tq_xml_reader_close(reader);
}

TEST("a document type declaration is refused in UTF-16 too, and when it is cut short")
{
    const char wide[] = "\xFE\xFF\0<\0!\0D\0O\0C\0T\0Y\0P\0E\0 \0a\0>\0<\0a\0/\0>";
    const char text[] = "<!DOCTYPE a [<!ENTITY e 'x'>]>";
    tq_xml_reader *reader = open_reader(NULL);
    CHECK(tq_xml_read(reader, wide, sizeof wide - 1) == TQ_ERR_INVALID);
    CHECK(strstr(tq_xml_error(reader), ": document type declaration") != NULL);
    for (size_t len = 0; len < sizeof text; len++)
        CHECK(tq_xml_read(reader, guard_copy(text, len), len) == TQ_ERR_INVALID);
    tq_xml_reader_close(reader);
}

static char *repeat(const char *piece, size_t count, const char *after)
{
    size_t len = strlen(piece), after_len = strlen(after);
    char *document = malloc(count * (len + after_len) + 1), *end = document;
    for (size_t i = 0; i < count; i++, end += len)
        memcpy(end, piece, len);
    for (size_t i = 0; i < count; i++, end += after_len)
        memcpy(end, after, after_len);
    *end = '\0';
    return document;
}

TEST("a mebibyte of nesting is refused at the limit, and without one read to its end")
{
    enum { DEEP = (1 << 20) / 3 };
    char *cut = repeat("<a>", DEEP, ""), *whole = repeat("<a>", DEEP, "</a>");
    tq_xml_reader *limited = open_reader(NULL), *unlimited = open_reader(&no_limits);
    CHECK(tq_xml_read(limited, cut, strlen(cut)) == TQ_ERR_TOO_BIG);
    CHECK(strcmp(tq_xml_error(limited), "line 1, column 193: nested deeper than 64") == 0);
    CHECK(tq_xml_read(unlimited, cut, strlen(cut)) == TQ_ERR_INVALID);
    CHECK(tq_xml_read(unlimited, whole, strlen(whole)) == TQ_OK);
    size_t depth = 0;
    for (const tq_xml_element *at = tq_xml_root(unlimited); at != NULL; at = at->first_child)
        depth++;
    CHECK(depth == DEEP);
    tq_xml_reader_close(limited);
    tq_xml_reader_close(unlimited);
    free(cut);
    free(whole);
}

TEST("long names, many attributes and long runs of text do no harm")
{
    static const char *const shapes[] = {"<%s/>",           "<a b='%s'/>",
                                         "<a>%s</a>",       "<a><!--%s--></a>",
                                         "<a><?p %s?></a>", "<a><![CDATA[%s]]></a>"};
    char *run = repeat("x", 1 << 20, ""), *document = malloc((1 << 20) + 64);
    tq_xml_reader *reader = open_reader(NULL);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        int len = sprintf(document, shapes[i], run);
        CHECK(tq_xml_read(reader, document, (size_t)len) == TQ_OK);
    }
    char *end = stpcpy(document, "<a");
    for (int i = 0; i < 50000; i++)
        end += sprintf(end, " b%d='%d'", i, i);
    strcpy(end, "/>");
    CHECK(tq_xml_read(reader, document, strlen(document)) == TQ_OK);
    tq_xml_reader_close(reader);
    free(document);
    free(run);
}

/* Is every text a NUL-terminated one that XML can carry, and every count right? */
static bool is_sound(const tq_xml_element *element)
{
    size_t children = 0;
    tq_buf out;
    tq_buf_init(&out, 1 << 20);
    bool sound = strlen(element->name) == element->name_len && element->name_len > 0 &&
                 strlen(element->text) == element->text_len &&
                 tq_xml_add_text(&out, element->text, element->text_len) == TQ_OK;
    tq_buf_free(&out);
    for (const tq_xml_element *at = element->first_child; at != NULL; at = at->next, children++)
        sound = is_sound(at) && sound;
    return sound && children == element->child_count;
}

static bool is_one_line(const char *error)
{
    for (; *error != '\0'; error++)
        if (*error < ' ' || *error > '~')
            return false;
    return true;
}

/* Reads what may be anything: there is a sound tree, or an error that says why not. */
static bool survives(tq_xml_reader *reader, const char *document, size_t len)
{
    int err = tq_xml_read(reader, guard_copy(document, len), len);
    const tq_xml_element *root = tq_xml_root(reader);
    const char *error = tq_xml_error(reader);
    if (err == TQ_OK)
        return root != NULL && is_sound(root) && error[0] == '\0';
    return (err == TQ_ERR_INVALID || err == TQ_ERR_TOO_BIG) && root == NULL && error[0] != '\0' &&
           is_one_line(error);
}

TEST("random bytes and random soups of markup do no harm")
{
    static const char *const tokens[] = {"<a>",
                                         "</a>",
                                         "<p:b>",
                                         "</p:b>",
                                         "<c/>",
                                         "<![CDATA[",
                                         "]]>",
                                         "<!--",
                                         "-->",
                                         "<?xml version='1.0' encoding='",
                                         "koi8-r",
                                         "windows-1252",
                                         "'?>",
                                         "<?p",
                                         "?>",
                                         "&amp;",
                                         "&#",
                                         "x41",
                                         ";",
                                         "&",
                                         "<",
                                         ">",
                                         "/",
                                         "'",
                                         "\"",
                                         "=",
                                         " d='e'",
                                         "text",
                                         "\n",
                                         "\r\n",
                                         "<!DOCTYPE",
                                         "[",
                                         "\xFF\xFE",
                                         "\xFE\xFF",
                                         "\xEF\xBB\xBF",
                                         "\xC5\xBC",
                                         "\x80",
                                         "ż"};
    const tq_xml_limits limits = {.depth = 4, .elements = 6, .text = 20};
    tq_xml_reader *reader = open_reader(&limits);
    for (int round = 0; round < 20000; round++) {
        char document[1024];
        size_t len = 0;
        for (uint64_t count = check_random(16); count > 0; count--) {
            const char *token = tokens[check_random(sizeof tokens / sizeof *tokens)];
            memcpy(document + len, token, strlen(token));
            len += strlen(token);
            if (check_random(8) == 0)
                document[len++] = (char)check_random(256);
        }
        CHECK(survives(reader, document, len));
    }
    tq_xml_reader_close(reader);
}

/* Changes one thing: a byte, a bit, a piece taken out, or a piece said once more elsewhere. */
static size_t mutate(char *document, size_t len)
{
    size_t at = check_random(len), size = 1 + check_random(20);
    if (size > len - at)
        size = len - at;
    size_t to = check_random(len);
    switch (check_random(4)) {
    case 0:
        document[at] = (char)check_random(256);
        return len;
    case 1:
        document[at] = (char)(document[at] ^ (1 << check_random(8)));
        return len;
    case 2:
        memmove(document + at, document + at + size, len - at - size);
        return len - size;
    default:
        memmove(document + to + size, document + to, len - to);
        memmove(document + to, document + (at < to ? at : at + size), size);
        return len + size;
    }
}

TEST("random mutations of a good document do no harm")
{
    static const char *const good[] = {
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<S:Envelope xmlns:S=\"http://s/\">\n "
        "<S:Body>\n"
        "  <ns:getTaskStatusResponse><return><type>GIVE_MONEY</type><status>PREPARATION</status>"
        "<additionalInfo>{\"a\":&quot;ż&#x17C;<![CDATA[<]]></additionalInfo><!-- c --></return>"
        "</ns:getTaskStatusResponse>\n </S:Body>\n</S:Envelope>",
        "<?xml version='1.0' encoding='windows-1251'?><r><a b='c'>\xE8\xEC\xFF</a><p:d/>&lt;</r>",
        "<a>1<b>2<c>3</c>4</b>5<b/>6</a>"};
    const tq_xml_limits limits = {.depth = 6, .elements = 10, .text = 120};
    tq_xml_reader *reader = open_reader(&limits);
    for (int round = 0; round < 20000; round++) {
        char document[1024];
        const char *from = good[round % 3];
        size_t len = strlen(from);
        memcpy(document, from, len);
        for (uint64_t count = check_random(4); count > 0 && len > 0; count--)
            len = mutate(document, len);
        CHECK(survives(reader, document, len));
    }
    tq_xml_reader_close(reader);
}
