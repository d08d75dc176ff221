/* SPDX-License-Identifier: MIT */
/* SOAP 1.1's multi-reference values: an element that stands for another one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "check.h"
#include "xml/reader.h"

static tq_xml_reader *reader;

static const tq_xml_element *read_root(const char *document)
{
    if (reader == NULL)
        CHECK(tq_xml_reader_open(&reader, NULL) == TQ_OK);
    return tq_xml_read(reader, document, strlen(document)) == TQ_OK ? tq_xml_root(reader) : NULL;
}

static bool value_is(const tq_xml_element *root, const char *name, const char *text)
{
    const tq_xml_element *value = tq_xml_value(tq_xml_child(root, name));
    return value != NULL && strcmp(value->text, text) == 0;
}

TEST("an element with href stands for the one with that id, before it or behind it")
{
    const tq_xml_element *root =
        read_root("<r><a href='#1'/><x id='1'>one</x><b href='#1'/><c href='#2'/><y id='2'/></r>");
    CHECK(value_is(root, "a", "one"));
    CHECK(value_is(root, "b", "one"));
    CHECK(value_is(root, "c", ""));
    CHECK(value_is(root, "x", "one"));
}

TEST("a reference may lead to another one")
{
    const tq_xml_element *root =
        read_root("<r><a href='#1'/><b id='1' href='#2'/><c id='2'>end</c></r>");
    CHECK(value_is(root, "a", "end"));
}

TEST("a reference to nothing, or in a circle, has no value")
{
    const tq_xml_element *root = read_root(
        "<r><a href='#0'/><b id='1' href='#1'/><c id='2' href='#3'/><d id='3' href='#2'/></r>");
    CHECK(root != NULL && root->child_count == 4);
    for (const tq_xml_element *at = root->first_child; at != NULL; at = at->next)
        CHECK(tq_xml_value(at) == NULL);
    CHECK(tq_xml_value(NULL) == NULL);
}

TEST("what is no reference is left alone")
{
    const tq_xml_element *root =
        read_root("<r><a href='1'>x</a><b x:href='#1' xmlns:x='u'>y</b><c Href='#1'>z</c></r>");
    CHECK(value_is(root, "a", "x"));
    CHECK(value_is(root, "b", "y"));
    CHECK(value_is(root, "c", "z"));
}

static tq_buf many(const char *piece, int count)
{
    tq_buf document;
    tq_buf_init(&document, SIZE_MAX);
    tq_buf_add_text(&document, "<r>");
    for (int i = 0; i < count; i++)
        tq_buf_add_text(&document, piece);
    tq_buf_add_text(&document, "</r>");
    return document;
}

TEST("more ids or references than the limit are refused")
{
    static const char *const pieces[] = {"<a id='1'/>", "<a href='#1'/>"};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        tq_buf document = many(pieces[i], TQ_XML_REFERENCES);
        CHECK(read_root(document.data) != NULL);
        tq_buf_free(&document);
        document = many(pieces[i], TQ_XML_REFERENCES + 1);
        CHECK(read_root(document.data) == NULL);
        CHECK(strstr(tq_xml_error(reader), "more references than 1024") != NULL);
        tq_buf_free(&document);
    }
}

TEST("the next document knows nothing of the ids of the last one")
{
    CHECK(read_root("<r><a id='1'>x</a></r>") != NULL);
    CHECK(tq_xml_value(tq_xml_child(read_root("<r><a href='#1'/></r>"), "a")) == NULL);
    tq_xml_reader_close(reader);
    reader = NULL;
}
