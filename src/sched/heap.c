/* SPDX-License-Identifier: MIT */
#include "sched/heap.h"

#include <stdlib.h>

#include "base/err.h"

enum { CHILDREN = 4 };

void tq_heap_init(tq_heap *heap)
{
    *heap = (tq_heap){0};
}

void tq_heap_free(tq_heap *heap)
{
    free(heap->slots);
    tq_heap_init(heap);
}

int tq_heap_reserve(tq_heap *heap, size_t count)
{
    if (count <= heap->capacity)
        return TQ_OK;
    if (count > TQ_HEAP_OUT)
        return TQ_ERR_MEMORY;
    size_t capacity = heap->capacity != 0 ? heap->capacity : 8;
    while (capacity < count)
        capacity *= 2;
    tq_heap_slot *slots = realloc(heap->slots, capacity * sizeof *slots);
    if (slots == NULL)
        return TQ_ERR_MEMORY;
    heap->slots = slots;
    heap->capacity = capacity;
    return TQ_OK;
}

static bool is_before(const tq_heap_slot *a, const tq_heap_slot *b)
{
    return a->key != b->key ? a->key < b->key : a->tie < b->tie;
}

static void set(tq_heap *heap, size_t place, tq_heap_slot slot)
{
    heap->slots[place] = slot;
    slot.node->place = (uint32_t)place;
}

static void rise(tq_heap *heap, size_t place, tq_heap_slot slot)
{
    while (place > 0) {
        size_t parent = (place - 1) / CHILDREN;
        if (!is_before(&slot, &heap->slots[parent]))
            break;
        set(heap, place, heap->slots[parent]);
        place = parent;
    }
    set(heap, place, slot);
}

static size_t least_child(const tq_heap *heap, size_t first)
{
    size_t end = first + CHILDREN < heap->count ? first + CHILDREN : heap->count;
    size_t least = first;
    for (size_t child = first + 1; child < end; child++)
        if (is_before(&heap->slots[child], &heap->slots[least]))
            least = child;
    return least;
}

static void sink(tq_heap *heap, size_t place, tq_heap_slot slot)
{
    for (size_t first = CHILDREN * place + 1; first < heap->count; first = CHILDREN * place + 1) {
        size_t child = least_child(heap, first);
        if (!is_before(&heap->slots[child], &slot))
            break;
        set(heap, place, heap->slots[child]);
        place = child;
    }
    set(heap, place, slot);
}

static void settle(tq_heap *heap, size_t place, tq_heap_slot slot)
{
    if (place > 0 && is_before(&slot, &heap->slots[(place - 1) / CHILDREN]))
        rise(heap, place, slot);
    else
        sink(heap, place, slot);
}

void tq_heap_put(tq_heap *heap, tq_heap_node *node, int64_t key, uint64_t tie)
{
    rise(heap, heap->count++, (tq_heap_slot){.key = key, .tie = tie, .node = node});
}

void tq_heap_remove(tq_heap *heap, tq_heap_node *node)
{
    size_t place = node->place;
    tq_heap_slot last = heap->slots[--heap->count];
    node->place = TQ_HEAP_OUT;
    if (last.node != node)
        settle(heap, place, last);
}

void tq_heap_move(tq_heap *heap, tq_heap_node *node, int64_t key)
{
    tq_heap_slot slot = heap->slots[node->place];
    slot.key = key;
    settle(heap, node->place, slot);
}

tq_heap_node *tq_heap_peek(const tq_heap *heap)
{
    return heap->count > 0 ? heap->slots[0].node : NULL;
}

int64_t tq_heap_key(const tq_heap *heap, const tq_heap_node *node)
{
    return heap->slots[node->place].key;
}

uint64_t tq_heap_tie(const tq_heap *heap, const tq_heap_node *node)
{
    return heap->slots[node->place].tie;
}

bool tq_heap_is_in(const tq_heap_node *node)
{
    return node->place != TQ_HEAP_OUT;
}
