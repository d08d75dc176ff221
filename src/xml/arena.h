/* SPDX-License-Identifier: MIT */
#ifndef TQ_XML_ARENA_H
#define TQ_XML_ARENA_H
/*
 * Memory for the tree of one document, private to the room: taken piece by piece, given back all at
 * once. A zeroed struct is an empty arena. Pieces stay where they are until the reset.
 *
 *     tq_xml_arena arena = {0};
 *     char *copy = tq_xml_arena_take(&arena, len + 1);
 *     tq_xml_arena_reset(&arena);
 *     tq_xml_arena_free(&arena);
 */
#include <stddef.h>

typedef struct tq_xml_block tq_xml_block;

typedef struct tq_xml_arena {
    tq_xml_block *newest; /* the largest as well */
} tq_xml_arena;

/* What a reset keeps, at most. */
enum { TQ_XML_ARENA_KEPT = 1 << 16 };

/* `size` bytes, not zeroed, aligned for pointers and sizes; NULL when there is no memory. */
void *tq_xml_arena_take(tq_xml_arena *arena, size_t size);

/* Everything that was taken is gone. One block is kept for what comes next, unless it is huge. */
void tq_xml_arena_reset(tq_xml_arena *arena);

/* Gives all memory back. The arena is empty and can be used again. */
void tq_xml_arena_free(tq_xml_arena *arena);

#endif
