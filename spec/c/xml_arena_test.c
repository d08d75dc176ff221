/* SPDX-License-Identifier: MIT */
#include "xml/arena.h"

#include <stdalign.h>
#include <string.h>

#include "check.h"

TEST("an arena that was never used can be reset and freed")
{
    tq_xml_arena arena = {0};
    tq_xml_arena_reset(&arena);
    tq_xml_arena_free(&arena);
    CHECK(arena.newest == NULL);
}

TEST("pieces of any size are aligned, keep their bytes and do not overlap")
{
    enum { PIECES = 2000 };
    static unsigned char *pieces[PIECES];
    static size_t sizes[PIECES];
    tq_xml_arena arena = {0};
    for (size_t i = 0; i < PIECES; i++) {
        sizes[i] = check_random(i % 100 == 0 ? 20000 : 60);
        pieces[i] = tq_xml_arena_take(&arena, sizes[i]);
        CHECK(pieces[i] != NULL && (uintptr_t)pieces[i] % alignof(size_t) == 0);
        memset(pieces[i], (int)(i % 251), sizes[i]);
    }
    for (size_t i = 0; i < PIECES; i++)
        for (size_t at = 0; at < sizes[i]; at++)
            CHECK(pieces[i][at] == i % 251);
    tq_xml_arena_free(&arena);
}

TEST("a size that no memory has gives NULL and leaves the arena usable")
{
    tq_xml_arena arena = {0};
    CHECK(tq_xml_arena_take(&arena, SIZE_MAX) == NULL);
    CHECK(tq_xml_arena_take(&arena, SIZE_MAX - 7) == NULL);
    CHECK(tq_xml_arena_take(&arena, SIZE_MAX / 2 + 1) == NULL);
    CHECK(tq_xml_arena_take(&arena, 1) != NULL);
    tq_xml_arena_free(&arena);
}

static const tq_xml_block *fill(tq_xml_arena *arena, size_t bytes)
{
    for (size_t taken = 0; taken < bytes; taken += 64)
        CHECK(tq_xml_arena_take(arena, 64) != NULL);
    return arena->newest;
}

TEST("a reset keeps one block, which then serves what took several before")
{
    tq_xml_arena arena = {0};
    const tq_xml_block *newest = fill(&arena, 20000);
    tq_xml_arena_reset(&arena);
    CHECK(newest != NULL && arena.newest == newest);
    CHECK(fill(&arena, 10000) == newest);
    tq_xml_arena_reset(&arena);
    CHECK(fill(&arena, 10000) == newest);
    tq_xml_arena_free(&arena);
}

TEST("a reset gives a huge block back")
{
    tq_xml_arena arena = {0};
    CHECK(tq_xml_arena_take(&arena, TQ_XML_ARENA_KEPT) != NULL);
    tq_xml_arena_reset(&arena);
    CHECK(arena.newest == NULL);
    CHECK(fill(&arena, 8 * TQ_XML_ARENA_KEPT) != NULL);
    tq_xml_arena_reset(&arena);
    CHECK(arena.newest == NULL);
    tq_xml_arena_free(&arena);
}

TEST("a freed arena is empty and can be used again")
{
    tq_xml_arena arena = {0};
    CHECK(fill(&arena, 10000) != NULL);
    tq_xml_arena_free(&arena);
    CHECK(arena.newest == NULL);
    CHECK(fill(&arena, 100) != NULL);
    tq_xml_arena_free(&arena);
}
