/* SPDX-License-Identifier: MIT */
#ifndef TQ_XML_WRITER_H
#define TQ_XML_WRITER_H
/*
 * Appends XML to a buffer, as UTF-8. What does not succeed appends nothing: TQ_ERR_INVALID, or what
 * tq_buf_add gives. Whether the tags match is the caller's affair. Does no I/O.
 *
 *     tq_xml_open(&out, "taskId");
 *     tq_xml_add_text(&out, id, id_len);
 *     tq_xml_shut(&out, "taskId");
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Appends `text` with & < > " ' escaped, and CR, which a reader would turn into LF. TQ_ERR_INVALID
 * for what XML 1.0 cannot carry: bytes that are not UTF-8, control characters but tab, LF and CR,
 * U+FFFE and U+FFFF. */
int tq_xml_add_text(tq_buf *out, const char *text, size_t len);

/* Append <name> and </name>. The name is written as it stands. */
int tq_xml_open(tq_buf *out, const char *name);
int tq_xml_shut(tq_buf *out, const char *name);

/* Can this be an element's name here: an ASCII letter or "_", then letters, digits, "-", "_", "."?
 * XML allows more; services do not use it. */
bool tq_xml_is_name(const char *text, size_t len);

#endif
