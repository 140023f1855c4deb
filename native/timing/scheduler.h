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
#define SCHEDULED_LANES (~0ull >> 8 * (PORT_LIMIT - FIRST_DATA_PORT)) /* of the second bank */
/* What the cores of eight ports never call: kept out of the way of what they do. */
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define APART static __attribute__((noinline, unused))
#define PORT_BALANCE 3u /* UICA 4.2: from this difference on, the emptier port in every slot */

static inline void scheduler_forget(struct scheduler *scheduler)
{
    memset(scheduler->lanes, 0, sizeof scheduler->lanes);
    memset(scheduler->busy, 0, sizeof scheduler->busy);
    memset(scheduler->pending, 0, sizeof scheduler->pending);
    memset(scheduler->waiting, 0, sizeof scheduler->waiting);
}

/* Cores of eight ports have the first bank alone. */
static inline uint32_t port_bank(uint32_t port)
{
    return port >> 3;
}

APART void scheduler_enter_second(struct scheduler *scheduler, uint32_t port, uint64_t cycle)
{
    uint64_t one = 1ull << 8 * (port & 7);
    scheduler->lanes[1][cycle % WINDOW_CYCLES] += one;
    scheduler->pending[1] += one;
    scheduler->waiting[1] += port < FIRST_DATA_PORT;
}

/* What executes in a cycle leaves the second bank. */
APART void scheduler_leave_second(struct scheduler *scheduler, uint64_t place)
{
    uint64_t *lane = &scheduler->lanes[1][place];
    scheduler->pending[1] -= *lane;
    scheduler->waiting[1] -= (uint32_t)((*lane & SCHEDULED_LANES) * BYTE_SUM >> 56);
    *lane = 0;
}

/* Begins the cycles up to one: what executed before it has left the scheduler. */
static inline void scheduler_advance(struct scheduler *scheduler, uint64_t cycle)
{
    if (cycle - scheduler->cycle >= WINDOW_CYCLES) {
        scheduler_forget(scheduler);
        scheduler->cycle = cycle;
    }
    while (scheduler->cycle < cycle) {
        uint64_t place = scheduler->cycle % WINDOW_CYCLES;
        uint64_t *lane = &scheduler->lanes[0][place];
        scheduler->pending[0] -= *lane;
        scheduler->waiting[0] -= (uint32_t)(*lane * BYTE_SUM >> 56);
        *lane = 0;
        if (scheduler->pending[1] != 0) {
            scheduler_leave_second(scheduler, place);
        }
        scheduler->cycle++;
        if (scheduler->cycle % 64 == 0) {
            uint64_t word = (scheduler->cycle / 64 - 1) % WINDOW_WORDS;
            memset(scheduler->busy[word], 0, sizeof scheduler->busy[word]);
        }
    }
    scheduler->slots_used = 0;
    scheduler->at_start = scheduler->pending[0];
}

/* Room for a whole group: which of its micro-ops wait where is not known yet. */
static inline bool scheduler_is_full(const struct scheduler *scheduler,
                                     const struct timing_parameters *parameters)
{
    uint32_t width = parameters->issue_width;
    return scheduler->waiting[0] + width > parameters->scheduler_entries ||
           (scheduler->waiting[1] != 0 &&
            scheduler->waiting[1] + width > parameters->vector_scheduler_entries);
}

/* Orders a bank's ports: fewer micro-ops first, of equals the higher number. */
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

/*
 * The emptiest, those counted that issued in this cycle too. [A]: AMD says that its dispatch
 * balances between schedulers, not how.
 */
APART uint32_t scheduler_balance(const struct scheduler *scheduler, const struct uop *uop)
{
    uint32_t bank = port_bank(uop->port_list[0]);
    uint32_t best = port_key(scheduler->pending[bank], uop->port_list[0] & 7u);
    for (uint32_t i = 1; i < uop->port_count; i++) {
        best = smaller(best, port_key(scheduler->pending[bank], uop->port_list[i] & 7u));
    }
    return bank << 3 | (7 - (best & 7));
}

/* The cores that do not choose by slots. */
static inline uint32_t scheduler_choose_otherwise(struct scheduler *scheduler,
                                                  const struct uop *uop)
{
    if ((uop->flags & UOP_BALANCED) != 0) {
        return scheduler_balance(scheduler, uop);
    }
    scheduler->next_load_port ^= 1;
    return uop->port_list[scheduler->next_load_port];
}

/* The emptiest port in even slots, the next in odd ones. */
ALWAYS_INLINE uint32_t scheduler_choose(struct scheduler *scheduler, const struct uop *uop,
                                        uint32_t slot)
{
    if ((uop->flags & (UOP_ALTERNATES | UOP_BALANCED)) != 0) {
        return scheduler_choose_otherwise(scheduler, uop);
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
    uint64_t word = earliest / 64;
    uint64_t open = ~scheduler->busy[word % WINDOW_WORDS][port] & ~0ull << earliest % 64;
    while (open == 0) {
        word++;
        open = ~scheduler->busy[word % WINDOW_WORDS][port];
    }
    uint64_t cycle = word * 64 + (uint64_t)__builtin_ctzll(open);
    if (cycle >= scheduler->cycle + WINDOW_CYCLES - 64) {
        return cycle;
    }
    scheduler->busy[word % WINDOW_WORDS][port] |= open & (~open + 1);
    if (port_bank(port) != 0) {
        scheduler_enter_second(scheduler, port, cycle);
        return cycle;
    }
    scheduler->lanes[0][cycle % WINDOW_CYCLES] += 1ull << 8 * port;
    scheduler->pending[0] += 1ull << 8 * port;
    scheduler->waiting[0]++;
    return cycle;
}

#endif
