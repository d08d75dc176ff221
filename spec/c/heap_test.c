/* SPDX-License-Identifier: MIT */
#include "sched/heap.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "check.h"

/* What is in a heap, with what it is known by there. */
typedef struct item {
    tq_heap_node node;
    int64_t key;
    uint64_t tie;
} item;

static item item_of(int64_t key, uint64_t tie)
{
    return (item){.key = key, .tie = tie, .node = {.place = TQ_HEAP_OUT}};
}

static void put(tq_heap *heap, item *one)
{
    tq_heap_put(heap, &one->node, one->key, one->tie);
}

static item *take(tq_heap *heap)
{
    tq_heap_node *node = tq_heap_peek(heap);
    if (node != NULL)
        tq_heap_remove(heap, node);
    return (item *)node;
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
    item one = item_of(1, 0);
    tq_heap_init(&heap);
    CHECK(tq_heap_reserve(&heap, 1) == TQ_OK);
    CHECK(!tq_heap_is_in(&one.node));
    put(&heap, &one);
    CHECK(tq_heap_is_in(&one.node) && tq_heap_peek(&heap) == &one.node && heap.count == 1);
    tq_heap_remove(&heap, &one.node);
    CHECK(!tq_heap_is_in(&one.node) && tq_heap_peek(&heap) == NULL);
    tq_heap_free(&heap);
}

TEST("the smallest key leaves first, the extremes included")
{
    const int64_t keys[] = {5, INT64_MAX, -3, INT64_MIN, 0};
    const int64_t sorted[] = {INT64_MIN, -3, 0, 5, INT64_MAX};
    item items[5];
    tq_heap heap;
    tq_heap_init(&heap);
    CHECK(tq_heap_reserve(&heap, 5) == TQ_OK);
    for (size_t i = 0; i < 5; i++) {
        items[i] = item_of(keys[i], i);
        put(&heap, &items[i]);
    }
    for (size_t i = 0; i < 5; i++)
        CHECK(take(&heap)->key == sorted[i]);
    tq_heap_free(&heap);
}

TEST("equal keys leave in the order of their ties")
{
    enum { MANY = 50 };
    item items[MANY];
    tq_heap heap;
    tq_heap_init(&heap);
    CHECK(tq_heap_reserve(&heap, MANY) == TQ_OK);
    for (uint64_t i = 0; i < MANY; i++) {
        items[i] = item_of(7, i * 37 % MANY);
        put(&heap, &items[i]);
    }
    for (uint64_t i = 0; i < MANY; i++)
        CHECK(take(&heap)->tie == i);
    tq_heap_free(&heap);
}

enum { SORTED_MOST = 200 };

typedef struct sorted {
    item *items[SORTED_MOST];
    size_t count;
} sorted;

static void sorted_put(sorted *list, item *one)
{
    size_t at = list->count++;
    for (; at > 0; at--) {
        const item *before = list->items[at - 1];
        if (before->key < one->key || (before->key == one->key && before->tie < one->tie))
            break;
        list->items[at] = list->items[at - 1];
    }
    list->items[at] = one;
}

static void sorted_remove(sorted *list, size_t at)
{
    list->count--;
    memmove(&list->items[at], &list->items[at + 1], (list->count - at) * sizeof list->items[0]);
}

static bool is_sound(const tq_heap *heap, const sorted *list)
{
    if (heap->count != list->count)
        return false;
    for (size_t i = 0; i < heap->count; i++)
        if (heap->slots[i].node->place != i)
            return false;
    for (size_t i = 0; i < list->count; i++)
        if (tq_heap_key(heap, &list->items[i]->node) != list->items[i]->key ||
            tq_heap_tie(heap, &list->items[i]->node) != list->items[i]->tie)
            return false;
    return tq_heap_peek(heap) == (list->count > 0 ? &list->items[0]->node : NULL);
}

TEST("a heap agrees with a sorted array over a long random run of putting, moving and removing")
{
    static item items[SORTED_MOST];
    sorted list = {.count = 0};
    tq_heap heap;
    uint64_t tie = 0;
    tq_heap_init(&heap);
    for (size_t i = 0; i < SORTED_MOST; i++)
        items[i] = item_of(0, 0);
    for (int step = 0; step < 50000; step++) {
        item *one = &items[check_random(SORTED_MOST)];
        /* The run swells and shrinks, so that the heap is often nearly empty and often full. */
        bool swells = step / 1000 % 2 == 0;
        if (!tq_heap_is_in(&one->node) && check_random(10) < (swells ? 8 : 2)) {
            one->key = (int64_t)check_random(30) - 15;
            one->tie = tie++;
            CHECK(tq_heap_reserve(&heap, heap.count + 1) == TQ_OK);
            put(&heap, one);
            sorted_put(&list, one);
        } else if (list.count > 0 && check_random(10) < (swells ? 2 : 8)) {
            size_t at = check_random(3) == 0 ? 0 : check_random(list.count);
            tq_heap_remove(&heap, &list.items[at]->node);
            CHECK(!tq_heap_is_in(&list.items[at]->node));
            sorted_remove(&list, at);
        } else if (list.count > 0) {
            size_t at = check_random(list.count);
            item *moved = list.items[at];
            sorted_remove(&list, at);
            moved->key = (int64_t)check_random(30) - 15;
            tq_heap_move(&heap, &moved->node, moved->key);
            sorted_put(&list, moved);
        }
        CHECK(is_sound(&heap, &list));
    }
    while (list.count > 0) {
        CHECK(take(&heap) == list.items[0]);
        sorted_remove(&list, 0);
    }
    CHECK(tq_heap_peek(&heap) == NULL);
    tq_heap_free(&heap);
}
