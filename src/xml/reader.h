/* SPDX-License-Identifier: MIT */
#ifndef TQ_XML_READER_H
#define TQ_XML_READER_H
/*
 * Reads one XML document, held in memory, into a tree of elements with their local names and texts.
 * Prefixes, namespaces, comments, processing instructions and attributes are passed over, but for
 * SOAP 1.1's multi-reference values: an element with href="#x" stands for the one with id="x". A
 * document type declaration is refused where it starts, so there are no entities but the five
 * predefined ones and character references. Does no I/O.
 *
 *     tq_xml_reader *reader;
 *     int err = tq_xml_reader_open(&reader, NULL);
 *     if (err == TQ_OK && tq_xml_read(reader, bytes, len) == TQ_OK)
 *         status = tq_xml_child(tq_xml_root(reader), "status");    NULL when there is none
 *     tq_xml_reader_close(reader);
 *
 * A reader serves any number of documents, one after the other and on one thread at a time. It
 * owns the tree, which is valid until its next read or its close. It keeps its memory for the next
 * document, except what a huge one took. A document that differs from the last one in nothing but
 * texts of elements without children is not parsed: it has the same tree with these texts.
 *
 * Encodings: UTF-8, UTF-16 in both orders, US-ASCII, ISO-8859-1, -2 and -5, windows-1250, -1251 and
 * -1252, KOI8-R, as the document itself declares them. Texts and names come out as UTF-8.
 */
#include <stdbool.h>
#include <stddef.h>

typedef struct tq_xml_reader tq_xml_reader;

/* A limit of 0 is none. */
typedef struct tq_xml_limits {
    size_t depth;    /* the root is at depth 1 */
    size_t elements; /* the root is one */
    size_t text;     /* bytes of all texts together in UTF-8, white space between elements too */
} tq_xml_limits;

/* What a reader has that was given no limits. */
enum { TQ_XML_DEPTH = 64, TQ_XML_ELEMENTS = 1 << 16, TQ_XML_TEXT = 1 << 23 };

/* No document may have more ids, or more references to them. */
enum { TQ_XML_REFERENCES = 1024 };

typedef struct tq_xml_element tq_xml_element;
struct tq_xml_element {
    const char *name; /* without its prefix; NUL-terminated, as the text is */
    size_t name_len;
    const char *text; /* all that stands directly inside, joined, not trimmed; never NULL */
    size_t text_len;
    const tq_xml_element *first_child;
    const tq_xml_element *next; /* the one after this under the same parent */
    size_t child_count;
    bool is_reference;            /* it has an href="#..." */
    const tq_xml_element *target; /* what that refers to; NULL when there is nothing */
};

/* "expat_2.5.0". */
const char *tq_xml_version(void);

/* Makes a reader; `limits` are copied, NULL means those above. TQ_OK or TQ_ERR_MEMORY. */
int tq_xml_reader_open(tq_xml_reader **out, const tq_xml_limits *limits);

/* Frees the reader and its tree. NULL is allowed. */
void tq_xml_reader_close(tq_xml_reader *reader);

/* Reads a whole document; the tree before it is gone. TQ_ERR_INVALID when it is not well-formed,
 * empty, has a document type declaration or an encoding that is not known; TQ_ERR_TOO_BIG past a
 * limit or 2 GiB; TQ_ERR_MEMORY. After an error there is no tree, and the reader can be used on. */
int tq_xml_read(tq_xml_reader *reader, const char *bytes, size_t len);

/* Where and why the last read failed, in one line that holds nothing of the document: "line 3,
 * column 14: mismatched tag". Lines and columns count from 1. Empty when it did not fail. */
const char *tq_xml_error(const tq_xml_reader *reader);

/* The root element, or NULL when no document has been read. */
const tq_xml_element *tq_xml_root(const tq_xml_reader *reader);

/* The element that holds the content: the element itself, or what it refers to, over several steps
 * if need be. NULL when a reference leads nowhere or in a circle, and for NULL. An element that is
 * referred to may hold references in its turn, up to the element that refers to it: whoever
 * descends has to count its steps. */
const tq_xml_element *tq_xml_value(const tq_xml_element *element);

/* The first child of that local name. NULL when there is none or `element` is NULL, so that calls
 * can be nested. */
const tq_xml_element *tq_xml_child(const tq_xml_element *element, const char *name);

#endif
