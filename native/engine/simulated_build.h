/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the simulated build share: simulated_build.c, delivery.c, doorbell.c. */
#ifndef SIMULATED_BUILD_H
#define SIMULATED_BUILD_H

#include "machine.h"

static inline bool engine_in_monitor(const struct engine *engine)
{
    return (engine->environment->hflags & HFLAG_CPL_MASK) == 0;
}

/* The record that the monitor runs on this processor: what the engine holds at CPL 3. */
static inline uint32_t current_record_id(const struct physical_processor *processor)
{
    return processor->machine->monitor->processors[processor->id].current;
}

static inline struct virtual_processor *current_record(const struct physical_processor *processor)
{
    struct monitor *monitor = processor->machine->monitor;
    uint32_t id = current_record_id(processor);
    return id >= IDLE_ID_FIRST ? &monitor->idle[id - IDLE_ID_FIRST]
                               : &monitor->virtual_processors[id];
}

/* delivery.c */
extern const struct engine_hooks simulated_hooks;
void simulated_attribute_work(struct engine *engine);
/* Through the interrupt table to ring 0. The engine is in a hook, or at rest. */
void simulated_deliver(struct engine *engine, uint32_t vector, uint64_t error_code,
                       bool has_error_code, uint64_t rip);
/* A trap at the engine's rip; charges what ran before it. */
void simulated_deliver_trap(struct engine *engine, uint32_t vector, uint64_t error_code);

/* doorbell.c */
void simulated_on_out(uc_engine *uc, uint32_t port, int size_bytes, uint32_t value,
                      void *user_data);

#endif
