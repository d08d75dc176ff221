/* SPDX-License-Identifier: MIT */
#include "sched/heap.h"

#include <stdlib.h>

#include "base/err.h"

void tq_heap_init(tq_heap *heap)
{
    *heap = (tq_heap){0};
}

void tq_heap_free(tq_heap *heap)
{
    free(heap->nodes);
    tq_heap_init(heap);
}

int tq_heap_reserve(tq_heap *heap, size_t count)
{
    if (count <= heap->capacity)
        return TQ_OK;
    size_t capacity = heap->capacity != 0 ? heap->capacity : 8;
    while (capacity < count)
        capacity *= 2;
    tq_heap_node **nodes = realloc(heap->nodes, capacity * sizeof *nodes);
    if (nodes == NULL)
        return TQ_ERR_MEMORY;
    heap->nodes = nodes;
    heap->capacity = capacity;
    return TQ_OK;
}

static bool is_before(const tq_heap_node *a, const tq_heap_node *b)
{
    return a->key != b->key ? a->key < b->key : a->tie < b->tie;
}

static void set(tq_heap *heap, size_t place, tq_heap_node *node)
{
    heap->nodes[place] = node;
    node->place = place;
}

static void rise(tq_heap *heap, size_t place, tq_heap_node *node)
{
    while (place > 0) {
        size_t parent = (place - 1) / 2;
        if (!is_before(node, heap->nodes[parent]))
            break;
        set(heap, place, heap->nodes[parent]);
        place = parent;
    }
    set(heap, place, node);
}

static void sink(tq_heap *heap, size_t place, tq_heap_node *node)
{
    for (;;) {
        size_t child = 2 * place + 1;
        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && is_before(heap->nodes[child + 1], heap->nodes[child]))
            child++;
        if (!is_before(heap->nodes[child], node))
            break;
        set(heap, place, heap->nodes[child]);
        place = child;
    }
    set(heap, place, node);
}

void tq_heap_put(tq_heap *heap, tq_heap_node *node)
{
    rise(heap, heap->count++, node);
}

void tq_heap_remove(tq_heap *heap, tq_heap_node *node)
{
    size_t place = node->place;
    tq_heap_node *last = heap->nodes[--heap->count];
    node->place = TQ_HEAP_OUT;
    if (last == node)
        return;
    if (is_before(last, node))
        rise(heap, place, last);
    else
        sink(heap, place, last);
}

tq_heap_node *tq_heap_peek(const tq_heap *heap)
{
    return heap->count > 0 ? heap->nodes[0] : NULL;
}

bool tq_heap_is_in(const tq_heap_node *node)
{
    return node->place != TQ_HEAP_OUT;
}
