/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sorts the same numbers twice, by quick sort with an explicit stack and by heap
 * sort, and returns a checksum of the order; 0 if the two disagree.
 */
#include "kernels.h"

#define COUNT 8192
#define SHORT_RUN 12
#define STACK_DEPTH 64

static uint32_t quick[COUNT];
static uint32_t heap[COUNT];

static void exchange(uint32_t *left, uint32_t *right)
{
    uint32_t value = *left;

    *left = *right;
    *right = value;
}

static void insertion_sort(uint32_t *numbers, int first, int last)
{
    for (int i = first + 1; i <= last; i++) {
        uint32_t value = numbers[i];
        int place = i;

        while (place > first && numbers[place - 1] > value) {
            numbers[place] = numbers[place - 1];
            place--;
        }
        numbers[place] = value;
    }
}

static int partition(uint32_t *numbers, int first, int last)
{
    uint32_t pivot = numbers[first + (last - first) / 2];
    int low = first - 1;
    int high = last + 1;

    for (;;) {
        do {
            low++;
        } while (numbers[low] < pivot);
        do {
            high--;
        } while (numbers[high] > pivot);
        if (low >= high) {
            return high;
        }
        exchange(&numbers[low], &numbers[high]);
    }
}

/* The longer part waits on the stack, so its depth is at most the logarithm of the count. */
static void quick_sort(uint32_t *numbers, int count)
{
    int firsts[STACK_DEPTH];
    int lasts[STACK_DEPTH];
    int depth = 0;
    int first = 0;
    int last = count - 1;

    for (;;) {
        while (last - first >= SHORT_RUN) {
            int middle = partition(numbers, first, last);
            int left_is_longer = middle - first > last - middle - 1;

            firsts[depth] = left_is_longer ? first : middle + 1;
            lasts[depth] = left_is_longer ? middle : last;
            depth++;
            if (left_is_longer) {
                first = middle + 1;
            } else {
                last = middle;
            }
        }
        insertion_sort(numbers, first, last);
        if (depth == 0) {
            return;
        }
        depth--;
        first = firsts[depth];
        last = lasts[depth];
    }
}

static void sift_down(uint32_t *numbers, unsigned root, unsigned count)
{
    uint32_t value = numbers[root];
    unsigned child;

    while ((child = 2 * root + 1) < count) {
        if (child + 1 < count && numbers[child + 1] > numbers[child]) {
            child++;
        }
        if (numbers[child] <= value) {
            break;
        }
        numbers[root] = numbers[child];
        root = child;
    }
    numbers[root] = value;
}

static void heap_sort(uint32_t *numbers, unsigned count)
{
    for (unsigned i = count / 2; i > 0; i--) {
        sift_down(numbers, i - 1, count);
    }
    for (unsigned i = count - 1; i > 0; i--) {
        exchange(&numbers[0], &numbers[i]);
        sift_down(numbers, 0, i);
    }
}

uint64_t sort_run(uint64_t seed)
{
    uint64_t state = seed;
    uint64_t sum = 1;

    for (unsigned i = 0; i < COUNT; i++) {
        quick[i] = heap[i] = random_next(&state);
    }
    quick_sort(quick, COUNT);
    heap_sort(heap, COUNT);
    for (unsigned i = 0; i < COUNT; i++) {
        if (quick[i] != heap[i] || (i > 0 && quick[i] < quick[i - 1])) {
            return 0;
        }
        sum = sum * 31 + quick[i];
    }
    return sum;
}
