/* SPDX-License-Identifier: MIT */
#ifndef TQ_XML_SHAPE_H
#define TQ_XML_SHAPE_H
/*
 * The shape of the document that was read last, private to the room: its bytes, with a gap wherever
 * the text of an element without children stands. A service writes all its answers to one question
 * alike, so the next document mostly has the same bytes around the gaps. It has the same tree then,
 * with other texts, and need not be parsed to find them. A zeroed struct is no shape.
 *
 *     tq_xml_shape_begin(&shape);                           a document is parsed
 *     tq_xml_shape_gap(&shape, element, bytes, start, end)  for each element that ends
 *     tq_xml_shape_end(&shape, bytes, len, text_len);       it was well-formed
 *     if (tq_xml_shape_fits(&shape, bytes, len, max_text))  the next one is read
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "xml/reader.h"

/* Longer documents have no shape, nor have those with more gaps. */
enum { TQ_XML_SHAPE_BYTES = 1 << 13, TQ_XML_SHAPE_GAPS = 1 << 5 };

typedef struct tq_xml_gap {
    tq_xml_element *element;
    size_t start, len; /* in the document that was parsed */
    size_t at, now;    /* start and length in the one that is compared */
} tq_xml_gap;

typedef struct tq_xml_shape {
    bool is_known;
    tq_buf bytes;
    tq_buf texts;      /* of the elements at the gaps, each with a NUL behind it */
    size_t fixed_text; /* bytes of all texts that stand in no gap */
    size_t count;
    tq_xml_gap gaps[TQ_XML_SHAPE_GAPS];
} tq_xml_shape;

/* Forgets the shape, since its tree is gone. */
void tq_xml_shape_begin(tq_xml_shape *shape);

/* Notes an element that has just ended, without children, whose text is complete; `start` is the
 * place behind its start tag, `end` that of its end tag. It makes a gap when its text stands there
 * byte for byte. */
void tq_xml_shape_gap(tq_xml_shape *shape, tq_xml_element *element, const char *bytes, size_t start,
                      size_t end);

/* The document has been parsed without an error, `text_len` bytes of text in all. Without memory
 * there is no shape. */
void tq_xml_shape_end(tq_xml_shape *shape, const char *bytes, size_t len, size_t text_len);

/* Has the document this shape, with at most `max_text` bytes of text? Then the tree is now its own.
 * Texts that are new have to be plain: printable ASCII without markup. */
bool tq_xml_shape_fits(tq_xml_shape *shape, const char *bytes, size_t len, size_t max_text);

void tq_xml_shape_free(tq_xml_shape *shape);

#endif
