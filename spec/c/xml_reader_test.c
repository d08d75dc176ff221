/* SPDX-License-Identifier: MIT */
#include "xml/reader.h"

#include <limits.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "check.h"
#include "guard.h"

#define NAMESPACES                                                                                 \
    " xmlns:SOAP-ENV=\"http://schemas.xmlsoap.org/soap/envelope/\"\n"                              \
    " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"\n"                                   \
    " xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\"\n xmlns:ns=\"ns1\""

static const char older_reply[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    "<SOAP-ENV:Envelope\n" NAMESPACES ">\n"
    " <SOAP-ENV:Body SOAP-ENV:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\">\n"
    " <ns:getTaskStatusResponse>\n  <return>\n"
    "  <type>GIVE_MONEY</type>\n"
    "  <progressPercent>0</progressPercent>\n"
    "  <status>PREPARATION</status>\n"
    "  <additionalInfo>{}</additionalInfo>\n"
    "  <taskId>7W3A0N1N9I2E7N1TKLS54A9PTR</taskId>\n"
    "  <requestStatus>SUCCESS</requestStatus>\n"
    "  </return>\n </ns:getTaskStatusResponse>\n </SOAP-ENV:Body>\n</SOAP-ENV:Envelope>";

/* With a header, types, another order, another prefix and none at all. */
static const char newer_reply[] =
    "<?xml version='1.0' encoding='utf-8'?>"
    "<Envelope xmlns=\"http://schemas.xmlsoap.org/soap/envelope/\"><Header/><Body>"
    "<n:getTaskStatusResponse xmlns:n=\"ns1\"><return xsi:type=\"ns1:taskStatus\">"
    "<requestStatus xsi:type=\"xsd:string\">SUCCESS</requestStatus>"
    "<taskId xsi:type='xsd:string'>7W3A0N1N9I2E7N1TKLS54A9PTR</taskId>"
    "<additionalInfo xsi:type=\"xsd:string\">{}</additionalInfo>"
    "<status xsi:type=\"xsd:string\">PREPARATION</status>"
    "<progressPercent xsi:type=\"xsd:unsignedInt\">0</progressPercent>"
    "<type xsi:type=\"xsd:string\">GIVE_MONEY</type>"
    "</return></n:getTaskStatusResponse></Body></Envelope>";

static const tq_xml_limits no_limits = {0, 0, 0};

static tq_xml_reader *open_reader(const tq_xml_limits *limits)
{
    tq_xml_reader *reader = NULL;
    CHECK(tq_xml_reader_open(&reader, limits) == TQ_OK && reader != NULL);
    return reader;
}

static int read_text(tq_xml_reader *reader, const char *document)
{
    size_t len = strlen(document);
    return tq_xml_read(reader, guard_copy(document, len), len);
}

/* Is the document refused with `err` and exactly this message? */
static bool fails(const tq_xml_limits *limits, const char *document, int err, const char *message)
{
    tq_xml_reader *reader = open_reader(limits);
    bool good = read_text(reader, document) == err && strcmp(tq_xml_error(reader), message) == 0 &&
                tq_xml_root(reader) == NULL;
    if (!good)
        fprintf(stderr, "%s\n", tq_xml_error(reader));
    tq_xml_reader_close(reader);
    return good;
}

static bool is_text(const tq_xml_element *element, const char *text)
{
    return element != NULL && strcmp(element->text, text) == 0 && element->text_len == strlen(text);
}

/* Does the root's text come out so? */
static bool has_text(const char *document, const char *text)
{
    tq_xml_reader *reader = open_reader(NULL);
    bool good = read_text(reader, document) == TQ_OK && is_text(tq_xml_root(reader), text) &&
                strcmp(tq_xml_error(reader), "") == 0;
    tq_xml_reader_close(reader);
    return good;
}

TEST("a new reader has no tree and no error, and NULL can be closed")
{
    tq_xml_reader *reader = open_reader(NULL);
    CHECK(tq_xml_root(reader) == NULL && strcmp(tq_xml_error(reader), "") == 0);
    CHECK(tq_xml_child(NULL, "a") == NULL);
    tq_xml_reader_close(reader);
    tq_xml_reader_close(NULL);
}

TEST("both generations of a reply give the same fields by local name")
{
    static const char *const replies[] = {older_reply, newer_reply};
    tq_xml_reader *reader = open_reader(NULL);
    for (int i = 0; i < 2; i++) {
        CHECK(read_text(reader, replies[i]) == TQ_OK);
        const tq_xml_element *body = tq_xml_child(tq_xml_root(reader), "Body");
        const tq_xml_element *fields =
            tq_xml_child(tq_xml_child(body, "getTaskStatusResponse"), "return");
        CHECK(fields != NULL && fields->child_count == 6);
        CHECK(is_text(tq_xml_child(fields, "type"), "GIVE_MONEY"));
        CHECK(is_text(tq_xml_child(fields, "progressPercent"), "0"));
        CHECK(is_text(tq_xml_child(fields, "status"), "PREPARATION"));
        CHECK(is_text(tq_xml_child(fields, "additionalInfo"), "{}"));
        CHECK(is_text(tq_xml_child(fields, "taskId"), "7W3A0N1N9I2E7N1TKLS54A9PTR"));
        CHECK(is_text(tq_xml_child(fields, "requestStatus"), "SUCCESS"));
        CHECK(tq_xml_child(fields, "stat") == NULL && tq_xml_child(fields, "statuses") == NULL);
        CHECK(tq_xml_child(fields, "Status") == NULL && tq_xml_child(fields, "") == NULL);
    }
    tq_xml_reader_close(reader);
}

TEST("every truncated prefix of a reply is refused, and says where")
{
    static const char *const replies[] = {older_reply, newer_reply};
    tq_xml_reader *reader = open_reader(NULL);
    for (int i = 0; i < 2; i++) {
        for (size_t len = 0; len < strlen(replies[i]); len++) {
            CHECK(tq_xml_read(reader, guard_copy(replies[i], len), len) == TQ_ERR_INVALID);
            CHECK(tq_xml_root(reader) == NULL);
            CHECK(strncmp(tq_xml_error(reader), "line ", 5) == 0);
        }
    }
    tq_xml_reader_close(reader);
}

TEST("children are linked in the order of the document and counted")
{
    tq_xml_reader *reader = open_reader(NULL);
    CHECK(read_text(reader, "<r><a>1</a><b><c/></b><a>2</a></r>") == TQ_OK);
    const tq_xml_element *root = tq_xml_root(reader), *a = root->first_child, *b = a->next;
    CHECK(root->child_count == 3 && root->next == NULL && strcmp(root->name, "r") == 0);
    CHECK(strcmp(a->name, "a") == 0 && is_text(a, "1") && a->child_count == 0 &&
          a->first_child == NULL);
    CHECK(strcmp(b->name, "b") == 0 && b->child_count == 1 && b->first_child->next == NULL);
    CHECK(is_text(b->next, "2") && b->next->next == NULL);
    CHECK(tq_xml_child(root, "a") == a && tq_xml_child(root, "c") == NULL);
    tq_xml_reader_close(reader);
}

TEST("a name is what follows its last colon, and the whole of a name that ends with one")
{
    static const struct {
        const char *document, *name;
    } cases[] = {{"<a/>", "a"},    {"<p:a/>", "a"}, {"<p:q:a/>", "a"},         {"<:a/>", "a"},
                 {"<p:/>", "p:"},  {"<:/>", ":"},   {"<a.b-c_1/>", "a.b-c_1"}, {"<п:имя/>", "имя"},
                 {"<q:p:/>", "p:"}};
    tq_xml_reader *reader = open_reader(NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK(read_text(reader, cases[i].document) == TQ_OK);
        const tq_xml_element *root = tq_xml_root(reader);
        CHECK(strcmp(root->name, cases[i].name) == 0 && root->name_len == strlen(cases[i].name));
    }
    tq_xml_reader_close(reader);
}

TEST("a text is all that stands directly inside, joined and not trimmed")
{
    CHECK(has_text("<a> x\n\ty </a>", " x\n\ty "));
    CHECK(has_text("<a>1<b>no</b>2<b/>3<b><c>no</c></b></a>", "123"));
    CHECK(has_text("<a>1<!-- no -->2<?pi no?>3</a>", "123"));
    CHECK(has_text("<a>1\r\n2\r3</a>", "1\n2\n3"));
    CHECK(has_text("<a/>", "") && has_text("<a></a>", "") && has_text("<a><b>x</b></a>", ""));
    CHECK(has_text("<!-- c --><?pi?>\n<a b='no' c:d=\"no\">x</a>\n<!-- c -->\n", "x"));
}

TEST("the text of each level of mixed content is kept apart")
{
    tq_xml_reader *reader = open_reader(NULL);
    CHECK(read_text(reader, "<a>1<b>x<c>!</c>y</b>2<b>z</b>3</a>") == TQ_OK);
    const tq_xml_element *a = tq_xml_root(reader), *b = tq_xml_child(a, "b");
    CHECK(is_text(a, "123") && is_text(b, "xy") && is_text(tq_xml_child(b, "c"), "!"));
    CHECK(is_text(b->next, "z"));
    tq_xml_reader_close(reader);
}

TEST("CDATA is text, and markup in it stays")
{
    CHECK(has_text("<a><![CDATA[<b>&amp;</b>]]></a>", "<b>&amp;</b>"));
    CHECK(has_text("<a>1<![CDATA[2]]>3<![CDATA[]]>4</a>", "1234"));
    CHECK(has_text("<a><![CDATA[]]]]><![CDATA[>]]></a>", "]]>"));
}

TEST("predefined entities and character references are decoded, others refused")
{
    CHECK(has_text("<a>&lt;&gt;&amp;&quot;&apos;</a>", "<>&\"'"));
    CHECK(has_text("<a>&#65;&#x42;&#13;&#x20AC;&#128512;</a>", "AB\r€😀"));
    CHECK(has_text("<a>&amp;lt;</a>", "&lt;"));
    CHECK(fails(NULL, "<a>&nbsp;</a>", TQ_ERR_INVALID, "line 1, column 4: undefined entity"));
}

TEST("what is not well-formed is refused with its place, and nothing of the document")
{
    static const struct {
        const char *document, *message;
    } cases[] = {{"", "line 1, column 1: no element found"},
                 {" \n ", "line 2, column 2: no element found"},
                 {"<?xml version='1.0'?>", "line 1, column 22: no element found"},
                 {"<!-- only -->", "line 1, column 14: no element found"},
                 {"secret", "line 1, column 1: syntax error"},
                 {"<a>\n<b>\nxx</a></b>", "line 3, column 5: mismatched tag"},
                 {"<a><secret></a>", "line 1, column 14: mismatched tag"},
                 {"<a></a><b/>", "line 1, column 8: junk after document element"},
                 {"<a></a>x", "line 1, column 8: junk after document element"},
                 {"<a b='1' b='2'/>", "line 1, column 10: duplicate attribute"},
                 {" <?xml version='1.0'?><a/>",
                  "line 1, column 2: XML or text declaration not at start of entity"},
                 {"<a>]]></a>", "line 1, column 6: not well-formed (invalid token)"},
                 {"<a>\nżó < </a>", "line 2, column 5: not well-formed (invalid token)"},
                 {"<a b=1/>", "line 1, column 6: not well-formed (invalid token)"},
                 {"<a><![CDATA[x</a>", "line 1, column 18: unclosed CDATA section"},
                 {"<html><br></html>", "line 1, column 13: mismatched tag"},
                 {"{\"code\":0}", "line 1, column 1: not well-formed (invalid token)"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK(fails(NULL, cases[i].document, TQ_ERR_INVALID, cases[i].message));
    tq_xml_reader *reader = open_reader(NULL);
    CHECK(tq_xml_read(reader, NULL, 0) == TQ_ERR_INVALID && tq_xml_root(reader) == NULL);
    tq_xml_reader_close(reader);
}

TEST("a document is read at the limit of its depth, refused past it and read without")
{
    const tq_xml_limits limit = {.depth = 3};
    tq_xml_reader *reader = open_reader(&limit);
    CHECK(read_text(reader, "<a><b><c/></b><b><c>x</c></b></a>") == TQ_OK);
    tq_xml_reader_close(reader);
    CHECK(fails(&limit, "<a><b>\n <c>1<d/></c></b></a>", TQ_ERR_TOO_BIG,
                "line 2, column 6: nested deeper than 3"));
    reader = open_reader(&no_limits);
    CHECK(read_text(reader, "<a><b><c><d/></c></b></a>") == TQ_OK);
    tq_xml_reader_close(reader);
}

TEST("a document is read at the limit of its elements, refused past it and read without")
{
    const tq_xml_limits limit = {.elements = 3};
    tq_xml_reader *reader = open_reader(&limit);
    CHECK(read_text(reader, "<a><b/><b/></a>") == TQ_OK);
    CHECK(read_text(reader, "<a><b><c/></b></a>") == TQ_OK);
    tq_xml_reader_close(reader);
    CHECK(fails(&limit, "<a><b/><b/><b/></a>", TQ_ERR_TOO_BIG,
                "line 1, column 12: more elements than 3"));
    reader = open_reader(&no_limits);
    CHECK(read_text(reader, "<a><b/><b/><b/></a>") == TQ_OK);
    tq_xml_reader_close(reader);
}

TEST("a document is read at the limit of its text, refused past it and read without")
{
    const tq_xml_limits limit = {.text = 5};
    tq_xml_reader *reader = open_reader(&limit);
    CHECK(read_text(reader, "<a>12<b>ż</b>5</a>") == TQ_OK);
    tq_xml_reader_close(reader);
    CHECK(fails(&limit, "<a>12<b>34</b>56</a>", TQ_ERR_TOO_BIG,
                "line 1, column 15: more bytes of text than 5"));
    CHECK(fails(&limit, "<a>123456</a>", TQ_ERR_TOO_BIG,
                "line 1, column 4: more bytes of text than 5"));
    reader = open_reader(&no_limits);
    CHECK(read_text(reader, "<a>12<b>34</b>56</a>") == TQ_OK);
    tq_xml_reader_close(reader);
}

TEST("the limits of a reader that was given none are those of the header")
{
    char document[(TQ_XML_DEPTH + 1) * 7 + 1] = "";
    for (int shut = 0; shut < 2; shut++)
        for (int i = 0; i < TQ_XML_DEPTH; i++)
            strcat(document, shut ? "</a>" : "<a>");
    tq_xml_reader *reader = open_reader(NULL);
    CHECK(read_text(reader, document) == TQ_OK);
    tq_xml_reader_close(reader);
    memmove(document + 3, document, strlen(document) + 1);
    CHECK(fails(NULL, strcat(document, "</a>"), TQ_ERR_TOO_BIG,
                "line 1, column 193: nested deeper than 64"));
}

TEST("more than 2 GiB are refused before a byte is read")
{
    tq_xml_reader *reader = open_reader(NULL);
    CHECK(tq_xml_read(reader, "", (size_t)INT_MAX + 1) == TQ_ERR_TOO_BIG);
    CHECK(strcmp(tq_xml_error(reader), "longer than 2 GiB") == 0 && tq_xml_root(reader) == NULL);
    CHECK(read_text(reader, "<a/>") == TQ_OK);
    tq_xml_reader_close(reader);
}

TEST("a reader is used on after errors of every kind")
{
    static const char *const bad[] = {"",
                                      "<a>",
                                      "<a></b>",
                                      "<a>12345678901</a>",
                                      "<a><a><a><a/></a></a></a>",
                                      "<a><b/><b/><b/><b/></a>",
                                      "<!DOCTYPE a><a/>",
                                      "\xFF\xFE<",
                                      "<?xml version='1.0' encoding='x'?><a/>",
                                      "<?xml version='1.0' encoding='koi8-r'?><a>"};
    const tq_xml_limits limits = {.depth = 3, .elements = 4, .text = 10};
    tq_xml_reader *reader = open_reader(&limits);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(read_text(reader, bad[i]) != TQ_OK && tq_xml_root(reader) == NULL);
        CHECK(tq_xml_error(reader)[0] != '\0');
        CHECK(read_text(reader, "<a>12345<b><c>678</c></b>90<b/></a>") == TQ_OK);
        CHECK(is_text(tq_xml_root(reader), "1234590") && tq_xml_error(reader)[0] == '\0');
        CHECK(tq_xml_root(reader)->child_count == 2);
    }
    tq_xml_reader_close(reader);
}

static char *repeat(const char *before, const char *piece, size_t count, const char *after)
{
    size_t len = strlen(piece);
    char *document = malloc(strlen(before) + count * len + strlen(after) + 1);
    char *end = stpcpy(document, before);
    for (size_t i = 0; i < count; i++, end += len)
        memcpy(end, piece, len);
    strcpy(end, after);
    return document;
}

TEST("a hundred thousand siblings are read without a limit and refused with the usual one")
{
    char *document = repeat("<r>", "<s>7</s>", 100000, "</r>");
    tq_xml_reader *reader = open_reader(&no_limits);
    CHECK(tq_xml_read(reader, document, strlen(document)) == TQ_OK);
    const tq_xml_element *root = tq_xml_root(reader);
    size_t count = 0;
    for (const tq_xml_element *at = root->first_child; at != NULL; at = at->next)
        count += is_text(at, "7");
    CHECK(count == 100000 && root->child_count == 100000);
    tq_xml_reader_close(reader);
    reader = open_reader(NULL);
    CHECK(tq_xml_read(reader, document, strlen(document)) == TQ_ERR_TOO_BIG);
    tq_xml_reader_close(reader);
    free(document);
}

TEST("a reader gives back what a huge document took when it reads the next one")
{
    static const char *const pieces[] = {"<s>some text</s>", "some text ", "<t>",
                                         "<t a='1' b='2'/>"};
    tq_xml_reader *reader = open_reader(&no_limits);
    CHECK(read_text(reader, newer_reply) == TQ_OK);
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        char *document = repeat("<r>", pieces[i], 100000, "</r>");
        int err = tq_xml_read(reader, document, strlen(document));
        CHECK(err == (i == 2 ? TQ_ERR_INVALID : TQ_OK));
        free(document);
        CHECK(read_text(reader, newer_reply) == TQ_OK);
        CHECK(mallinfo2().uordblks + mallinfo2().hblkhd <= before + 4096);
    }
    tq_xml_reader_close(reader);
}

TEST("a reader does not grow with the documents that fail")
{
    char *document = repeat("<r>", "some text ", 1000, "</s>");
    tq_xml_reader *reader = open_reader(NULL);
    CHECK(read_text(reader, document) == TQ_ERR_INVALID);
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    for (int i = 0; i < 100; i++)
        CHECK(read_text(reader, document) == TQ_ERR_INVALID);
    CHECK(mallinfo2().uordblks + mallinfo2().hblkhd <= before + 4096);
    tq_xml_reader_close(reader);
    free(document);
}
