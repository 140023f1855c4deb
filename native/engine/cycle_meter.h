/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From what an engine executes to the cycles of a core: one meter a physical processor. A block
 * goes to the core when it has run, since only then is known how far it came, where it went
 * and what it touched. Called by the engine's hooks; knows neither monitor nor schedule.
 */
#ifndef CYCLE_METER_H
#define CYCLE_METER_H

#include <stdbool.h>
#include <stdint.h>

#include "blocks.h"
#include "environment.h"

#define METER_ACCESS_LIMIT 2048u

struct cycle_window;

struct cycle_meter {
    const struct block *block; /* what runs, and is not charged yet; NULL: nothing */
    const struct environment *environment; /* of the engine that runs it */
    uint64_t address;
    uint64_t repeat_address; /* of a repeated string instruction at its end; 0: none */
    struct timing_core *core;
    struct cycle_window *window; /* NULL: nothing is recorded */
    uint64_t unplaced_accesses; /* that no instruction of their block can have made */
    uint32_t executed;          /* instructions that the core has had already */
    uint32_t form;              /* the next access is of this form, or of a later one */
    uint32_t part_limit_bytes;  /* what the last access may grow to */
    uint32_t access_count;
    uint32_t context;
    uint64_t root; /* with a model: whose root the pending block loads, as a core names it */
    bool reentered; /* the repeated instruction has gone round */
    bool merges;    /* it moves or fills: many elements an access */
    bool in_monitor; /* with a model: the entry was charged, the exit not yet */
    struct timing_access accesses[METER_ACCESS_LIMIT];
};

/* NULL: no memory. */
struct cycle_meter *meter_open(const struct timing_parameters *parameters);
void meter_close(struct cycle_meter *meter);

/* A block begins; what was pending has been completed or dropped. */
void meter_begin(struct cycle_meter *meter, const struct block *block,
                 const struct environment *environment, uint64_t address);
/* The engine comes back to the pending block's repeated instruction: it goes on. */
bool meter_repeats(struct cycle_meter *meter, uint64_t address);
/* The pending block ran to its end and went on at `next_address`; cycles of what is not charged. */
uint64_t meter_complete(struct cycle_meter *meter, uint64_t next_address);
/* Of the pending block what lies before rip, all if rip is not in it; it stays pending. */
uint64_t meter_execute_until(struct cycle_meter *meter, uint64_t rip);
/* All of the pending block but its last instruction. */
uint64_t meter_execute_to_last(struct cycle_meter *meter);
void meter_drop(struct cycle_meter *meter);
/* From the engine's memory hook: in order, an access of many bytes perhaps in parts. */
void meter_access(struct cycle_meter *meter, uint64_t machine_address, uint32_t size_bytes,
                  bool is_write);
/* Cycles of what happens without an instruction: enum timing_transition, and its value. */
uint64_t meter_transition(struct cycle_meter *meter, uint32_t transition, uint64_t value);
/* For whom and for what the processor works from now on: enum timing_path. */
void meter_context(struct cycle_meter *meter, uint32_t partition, uint32_t path);

#endif
