/* SPDX-License-Identifier: MIT */
/* Each new block is at least twice the one before: documents of one size soon need a single block,
 * which the reset keeps. */
#include "xml/arena.h"

#include <stdint.h>
#include <stdlib.h>

enum { FIRST_BLOCK = 4096, ALIGNMENT = 8 };

struct tq_xml_block {
    tq_xml_block *older;
    size_t size; /* of `bytes` */
    size_t used;
    char bytes[];
};

_Static_assert(offsetof(tq_xml_block, bytes) % ALIGNMENT == 0, "pieces are aligned in a block");

static tq_xml_block *add_block(tq_xml_arena *arena, size_t needed)
{
    tq_xml_block *older = arena->newest;
    size_t size = older != NULL ? 2 * older->size : FIRST_BLOCK - sizeof(tq_xml_block);
    if (size < needed)
        size = needed;
    tq_xml_block *block = malloc(sizeof *block + size);
    if (block == NULL)
        return NULL;
    *block = (tq_xml_block){.older = older, .size = size};
    arena->newest = block;
    return block;
}

void *tq_xml_arena_take(tq_xml_arena *arena, size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    size_t rounded = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    tq_xml_block *block = arena->newest;
    if (block == NULL || rounded > block->size - block->used)
        block = add_block(arena, rounded);
    if (block == NULL)
        return NULL;
    void *piece = block->bytes + block->used;
    block->used += rounded;
    return piece;
}

static void free_older(tq_xml_block *block)
{
    while (block != NULL) {
        tq_xml_block *older = block->older;
        free(block);
        block = older;
    }
}

void tq_xml_arena_reset(tq_xml_arena *arena)
{
    tq_xml_block *kept = arena->newest;
    if (kept == NULL)
        return;
    if (sizeof *kept + kept->size > TQ_XML_ARENA_KEPT) {
        tq_xml_arena_free(arena);
        return;
    }
    free_older(kept->older);
    kept->older = NULL;
    kept->used = 0;
}

void tq_xml_arena_free(tq_xml_arena *arena)
{
    free_older(arena->newest);
    arena->newest = NULL;
}
