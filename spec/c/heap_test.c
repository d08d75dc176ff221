/* SPDX-License-Identifier: MIT */
#include "sched/heap.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "check.h"

static tq_heap_node node_of(int64_t key, uint64_t tie)
{
    return (tq_heap_node){.key = key, .tie = tie, .place = TQ_HEAP_OUT};
}

static tq_heap_node *take(tq_heap *heap)
{
    tq_heap_node *node = tq_heap_peek(heap);
    if (node != NULL)
        tq_heap_remove(heap, node);
    return node;
}

TEST("an empty heap has nothing to peek at, and can be freed twice")
{
    tq_heap heap;
    tq_heap_init(&heap);
    CHECK(tq_heap_peek(&heap) == NULL && heap.count == 0);
    CHECK(tq_heap_reserve(&heap, 0) == TQ_OK);
    tq_heap_free(&heap);
    tq_heap_free(&heap);
    CHECK(tq_heap_peek(&heap) == NULL);
}

TEST("reserving makes room for that many, and asking for less takes none away")
{
    tq_heap heap;
    tq_heap_init(&heap);
    static const size_t counts[] = {1, 8, 9, 1000, 3};
    size_t most = 0;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        most = counts[i] > most ? counts[i] : most;
        CHECK(tq_heap_reserve(&heap, counts[i]) == TQ_OK);
        CHECK(heap.capacity >= most && heap.count == 0);
    }
    tq_heap_free(&heap);
}

TEST("a node knows whether it is in")
{
    tq_heap heap;
    tq_heap_node node = node_of(1, 0);
    tq_heap_init(&heap);
    CHECK(tq_heap_reserve(&heap, 1) == TQ_OK);
    CHECK(!tq_heap_is_in(&node));
    tq_heap_put(&heap, &node);
    CHECK(tq_heap_is_in(&node) && tq_heap_peek(&heap) == &node && heap.count == 1);
    tq_heap_remove(&heap, &node);
    CHECK(!tq_heap_is_in(&node) && tq_heap_peek(&heap) == NULL);
    tq_heap_free(&heap);
}

TEST("the smallest key leaves first, the extremes included")
{
    const int64_t keys[] = {5, INT64_MAX, -3, INT64_MIN, 0};
    const int64_t sorted[] = {INT64_MIN, -3, 0, 5, INT64_MAX};
    tq_heap_node nodes[5];
    tq_heap heap;
    tq_heap_init(&heap);
    CHECK(tq_heap_reserve(&heap, 5) == TQ_OK);
    for (size_t i = 0; i < 5; i++) {
        nodes[i] = node_of(keys[i], i);
        tq_heap_put(&heap, &nodes[i]);
    }
    for (size_t i = 0; i < 5; i++)
        CHECK(take(&heap)->key == sorted[i]);
    tq_heap_free(&heap);
}

TEST("equal keys leave in the order of their ties")
{
    enum { MANY = 50 };
    tq_heap_node nodes[MANY];
    tq_heap heap;
    tq_heap_init(&heap);
    CHECK(tq_heap_reserve(&heap, MANY) == TQ_OK);
    for (uint64_t i = 0; i < MANY; i++) {
        nodes[i] = node_of(7, i * 37 % MANY);
        tq_heap_put(&heap, &nodes[i]);
    }
    for (uint64_t i = 0; i < MANY; i++)
        CHECK(take(&heap)->tie == i);
    tq_heap_free(&heap);
}

enum { SORTED_MOST = 200 };

typedef struct sorted {
    tq_heap_node *nodes[SORTED_MOST];
    size_t count;
} sorted;

static void sorted_put(sorted *list, tq_heap_node *node)
{
    size_t at = list->count++;
    for (; at > 0; at--) {
        const tq_heap_node *before = list->nodes[at - 1];
        if (before->key < node->key || (before->key == node->key && before->tie < node->tie))
            break;
        list->nodes[at] = list->nodes[at - 1];
    }
    list->nodes[at] = node;
}

static void sorted_remove(sorted *list, size_t at)
{
    list->count--;
    memmove(&list->nodes[at], &list->nodes[at + 1], (list->count - at) * sizeof list->nodes[0]);
}

static bool is_sound(const tq_heap *heap, const sorted *list)
{
    if (heap->count != list->count)
        return false;
    for (size_t i = 0; i < heap->count; i++)
        if (heap->slots[i].node->place != i || heap->slots[i].key != heap->slots[i].node->key)
            return false;
    return tq_heap_peek(heap) == (list->count > 0 ? list->nodes[0] : NULL);
}

TEST("a heap agrees with a sorted array over a long random run of putting, moving and removing")
{
    static tq_heap_node nodes[SORTED_MOST];
    sorted list = {.count = 0};
    tq_heap heap;
    uint64_t tie = 0;
    tq_heap_init(&heap);
    for (size_t i = 0; i < SORTED_MOST; i++)
        nodes[i] = node_of(0, 0);
    for (int step = 0; step < 50000; step++) {
        tq_heap_node *node = &nodes[check_random(SORTED_MOST)];
        /* The run swells and shrinks, so that the heap is often nearly empty and often full. */
        bool swells = step / 1000 % 2 == 0;
        if (!tq_heap_is_in(node) && check_random(10) < (swells ? 8 : 2)) {
            node->key = (int64_t)check_random(30) - 15;
            node->tie = tie++;
            CHECK(tq_heap_reserve(&heap, heap.count + 1) == TQ_OK);
            tq_heap_put(&heap, node);
            sorted_put(&list, node);
        } else if (list.count > 0 && check_random(10) < (swells ? 2 : 8)) {
            size_t at = check_random(3) == 0 ? 0 : check_random(list.count);
            tq_heap_remove(&heap, list.nodes[at]);
            CHECK(!tq_heap_is_in(list.nodes[at]));
            sorted_remove(&list, at);
        } else if (list.count > 0) {
            size_t at = check_random(list.count);
            tq_heap_node *moved = list.nodes[at];
            sorted_remove(&list, at);
            tq_heap_move(&heap, moved, (int64_t)check_random(30) - 15);
            sorted_put(&list, moved);
        }
        CHECK(is_sound(&heap, &list));
    }
    while (list.count > 0) {
        CHECK(take(&heap) == list.nodes[0]);
        sorted_remove(&list, 0);
    }
    CHECK(tq_heap_peek(&heap) == NULL);
    tq_heap_free(&heap);
}
