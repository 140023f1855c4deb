/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A ring of nodes in shuffled order: walked, with values changed on the way, so that
 * every step waits for a load.
 */
#include "kernels.h"

#define COUNT 4096
#define WALKS 12

struct node {
    struct node *next;
    uint64_t value;
};

static struct node nodes[COUNT];
static uint32_t order[COUNT];

static void shuffle(uint64_t *state)
{
    for (uint32_t i = 0; i < COUNT; i++) {
        order[i] = i;
    }
    for (uint32_t i = COUNT - 1; i > 0; i--) {
        uint32_t other = random_next(state) % (i + 1);
        uint32_t kept = order[i];

        order[i] = order[other];
        order[other] = kept;
    }
}

static void link(uint64_t *state)
{
    for (uint32_t i = 0; i < COUNT; i++) {
        nodes[order[i]].next = &nodes[order[(i + 1) % COUNT]];
        nodes[order[i]].value = random_next(state);
    }
}

static uint64_t walk(uint64_t sum)
{
    struct node *node = &nodes[order[0]];

    do {
        if ((node->value & 1) != 0) {
            sum += node->value;
            node->value = node->value * 3 + 1;
        } else {
            sum ^= node->value;
            node->value >>= 1;
        }
        node = node->next;
    } while (node != &nodes[order[0]]);
    return sum;
}

uint64_t list_run(uint64_t seed)
{
    uint64_t state = seed;
    uint64_t sum = seed;

    shuffle(&state);
    link(&state);
    for (unsigned i = 0; i < WALKS; i++) {
        sum = walk(sum * 31 + i);
    }
    return sum;
}
