/* SPDX-License-Identifier: MIT */
#ifndef TQ_HEAP_H
#define TQ_HEAP_H
/*
 * A heap of nodes that live in their owners' structs and know where they are, so that any of them
 * can be removed in O(log n). Smallest key first; equal keys leave in the order of `tie`.
 *
 * Each place has four children and holds its node's key: comparing touches one run of memory, not
 * the owners' structs, which counts when there are a million of them.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TQ_HEAP_OUT UINT32_MAX

typedef struct tq_heap_node {
    uint32_t place; /* TQ_HEAP_OUT while the node is in no heap */
} tq_heap_node;

typedef struct tq_heap_slot {
    int64_t key;
    uint64_t tie;
    tq_heap_node *node;
} tq_heap_slot;

typedef struct tq_heap {
    tq_heap_slot *slots; /* owned; the nodes are not */
    size_t count;
    size_t capacity;
} tq_heap;

void tq_heap_init(tq_heap *heap);
void tq_heap_free(tq_heap *heap);

/* Makes sure that `count` nodes fit without another allocation. TQ_ERR_MEMORY when it cannot. */
int tq_heap_reserve(tq_heap *heap, size_t count);

/* Puts a node in; there must be room for it. */
void tq_heap_put(tq_heap *heap, tq_heap_node *node, int64_t key, uint64_t tie);
void tq_heap_remove(tq_heap *heap, tq_heap_node *node);

/* Gives a node that is in another key. */
void tq_heap_move(tq_heap *heap, tq_heap_node *node, int64_t key);

/* The first node, which stays where it is, or NULL. */
tq_heap_node *tq_heap_peek(const tq_heap *heap);

/* The key of a node that is in, and its tie. */
int64_t tq_heap_key(const tq_heap *heap, const tq_heap_node *node);
uint64_t tq_heap_tie(const tq_heap *heap, const tq_heap_node *node);

bool tq_heap_is_in(const tq_heap_node *node);

#endif
