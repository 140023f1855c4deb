/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Issue slots, the choice of a port at issue, and execution oldest first. Called by core.c
 * once a micro-op; knows no memory. Sources: UICA 4.2 (the choice of a port).
 */
#ifndef TIMING_SCHEDULER_H
#define TIMING_SCHEDULER_H

#include <string.h>

#include "core.h"

#define BYTE_SUM 0x0101010101010101ull
#define PORT_BALANCE 3u /* UICA 4.2: from this difference on, the emptier port in every slot */

static inline void scheduler_forget(struct scheduler *scheduler)
{
    memset(scheduler->lanes, 0, sizeof scheduler->lanes);
    memset(scheduler->busy, 0, sizeof scheduler->busy);
    scheduler->pending = 0;
    scheduler->waiting = 0;
}

/* Begins the cycles up to one: what executed before it has left the scheduler. */
static inline void scheduler_advance(struct scheduler *scheduler, uint64_t cycle)
{
    if (cycle - scheduler->cycle >= WINDOW_CYCLES) {
        scheduler_forget(scheduler);
        scheduler->cycle = cycle;
    }
    while (scheduler->cycle < cycle) {
        uint64_t *lane = &scheduler->lanes[scheduler->cycle % WINDOW_CYCLES];
        scheduler->pending -= *lane;
        scheduler->waiting -= (uint32_t)(*lane * BYTE_SUM >> 56);
        *lane = 0;
        scheduler->cycle++;
        if (scheduler->cycle % 64 == 0) {
            uint64_t word = (scheduler->cycle / 64 - 1) % WINDOW_WORDS;
            for (uint32_t port = 0; port < PORT_LIMIT; port++) {
                scheduler->busy[port][word] = 0;
            }
        }
    }
    scheduler->slots_used = 0;
    scheduler->at_start = scheduler->pending;
}

/* Orders ports: fewer micro-ops first, of equals the higher number. */
static inline uint32_t port_key(uint64_t lanes, uint32_t port)
{
    return (uint32_t)(lanes >> 8 * port & 0xff) << 3 | (7 - port);
}

static inline uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static inline uint32_t greater(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* The emptiest port in even slots, the next in odd ones. */
static inline uint32_t scheduler_choose(struct scheduler *scheduler, const struct uop *uop,
                                        uint32_t slot)
{
    if ((uop->flags & UOP_ALTERNATES) != 0) {
        scheduler->next_load_port ^= 1;
        return uop->port_list[scheduler->next_load_port];
    }
    if (uop->port_count < 2) {
        return uop->port_list[0];
    }
    uint32_t first = port_key(scheduler->at_start, uop->port_list[0]);
    uint32_t other = port_key(scheduler->at_start, uop->port_list[1]);
    uint32_t best = smaller(first, other);
    uint32_t second = greater(first, other);
    for (uint32_t i = 2; i < uop->port_count; i++) {
        uint32_t key = port_key(scheduler->at_start, uop->port_list[i]);
        second = smaller(second, greater(best, key));
        best = smaller(best, key);
    }
    bool even = (slot & 1) == 0 || (second >> 3) >= (best >> 3) + PORT_BALANCE;
    return 7 - ((even ? best : second) & 7);
}

/* The first cycle from `earliest` on in which the port is free; it is taken. */
static inline uint64_t scheduler_execute(struct scheduler *scheduler, uint32_t port,
                                         uint64_t earliest)
{
    if (earliest >= scheduler->cycle + WINDOW_CYCLES - 128) {
        return earliest; /* too far ahead to compete with anything that is known */
    }
    uint64_t *busy = scheduler->busy[port];
    uint64_t word = earliest / 64;
    uint64_t open = ~busy[word % WINDOW_WORDS] & ~0ull << earliest % 64;
    while (open == 0) {
        word++;
        open = ~busy[word % WINDOW_WORDS];
    }
    uint64_t cycle = word * 64 + (uint64_t)__builtin_ctzll(open);
    if (cycle >= scheduler->cycle + WINDOW_CYCLES - 64) {
        return cycle;
    }
    busy[word % WINDOW_WORDS] |= open & (~open + 1);
    scheduler->lanes[cycle % WINDOW_CYCLES] += 1ull << 8 * port;
    scheduler->pending += 1ull << 8 * port;
    scheduler->waiting++;
    return cycle;
}

#endif
