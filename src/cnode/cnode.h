/* SPDX-License-Identifier: MIT */
#ifndef TQ_CNODE_H
#define TQ_CNODE_H
/*
 * The Billon Corporate Node's SOAP 1.1 (rpc/encoded) as bytes and trees: the envelope of a request,
 * and where things stand in a reply. Does no I/O. Source: the node's documentation, page
 * getTaskStatus. Its two generations of samples differ in prefixes, attributes and the order of
 * children, so replies are read by local names and every child may be missing.
 *
 *     tq_cnode_begin(&out, "getTaskStatus");
 *     tq_cnode_add_argument(&out, "taskId", id, id_len);
 *     tq_cnode_end(&out, "getTaskStatus");
 */
#include <stddef.h>

#include "base/buf.h"
#include "base/reading.h"
#include "xml/reader.h"

/* The envelope up to the operation's arguments, and from there to its end. `operation` is written
 * as it stands. 0 or what tq_buf_add gives. */
int tq_cnode_begin(tq_buf *out, const char *operation);
int tq_cnode_end(tq_buf *out, const char *operation);

/* One argument that is text. TQ_ERR_INVALID when XML cannot carry it; nothing is added then. */
int tq_cnode_add_argument(tq_buf *out, const char *name, const char *text, size_t len);

/* A whole request for the status of `id`; `more` is a run of further arguments, encoded already. */
int tq_cnode_encode_status(tq_buf *out, const char *id, size_t id_len, const char *more,
                           size_t more_len);

/* The first element in the Body of an Envelope: the response or a Fault. NULL when there is none.
 */
const tq_xml_element *tq_cnode_payload(const tq_xml_element *root);

/* Is it a SOAP 1.1 Fault? */
bool tq_cnode_is_fault(const tq_xml_element *payload);

/* The element whose children are the answer's fields: <return> where there is one. NULL when that
 * is a reference to nothing. */
const tq_xml_element *tq_cnode_fields(const tq_xml_element *payload);

/* A field's text without white space around it; its length is 0 when the field is missing. */
const char *tq_cnode_text(const tq_xml_element *fields, const char *name, size_t *len);

/* Reads what getTaskStatus answered; false when the fields hold no status, or a requestStatus that
 * is not SUCCESS. progressPercent is documented for TRANSFERRING only, and is a level only there.
 * `reading->code` tells statuses apart and `reading->more` the other fields: they
 * are hashes of the texts. */
bool tq_cnode_read_status(const tq_xml_element *fields, tq_reading *reading);

/* FINISHED_OK is success, every other FINISHED_... a failure; any other value, known or not, means
 * that the task goes on. */
tq_state tq_cnode_state(const char *status, size_t len);

#endif
