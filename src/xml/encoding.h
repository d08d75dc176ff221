/* SPDX-License-Identifier: MIT */
#ifndef TQ_XML_ENCODING_H
#define TQ_XML_ENCODING_H
/*
 * The single-byte encodings that the parser does not know by itself, private to the room. They are
 * ASCII up to 127; the tables are checked against iconv by the tests and are here because iconv's
 * own need not be installed.
 */
#include <stdbool.h>

/* Fills `map` with the code point of each byte, -1 for a byte that has none. False, and nothing
 * filled, when the name is not known; case does not matter. */
bool tq_xml_encoding_map(const char *name, int map[256]);

#endif
