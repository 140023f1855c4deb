/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a model of the machine (machine_options.model) meets the monitor's paths: what a real
 * monitor would execute at an entry, from one partition to another, and before it leaves.
 * Called by both builds where a core counts; what it does to the core is native/timing's.
 */
#include "cycle_meter.h"
#include "machine.h"
#include "simulated_build.h"
#include "timing/code.h"

#define ROOT_OF_MONITOR 1u /* the low bits of a root's name: see enum timing_transition */
#define OWNER_SHIFT 1

_Static_assert(PARTITION_LIMIT << OWNER_SHIFT <= PAGE_SIZE_BYTES, "an owner fits below a root");

static bool has(const struct physical_processor *processor, uint32_t model)
{
    return (processor->machine->options.model & model) != 0;
}

static uint32_t owner_of(const struct virtual_processor *record)
{
    return record->id >= IDLE_ID_FIRST ? 0 : record->partition;
}

static uint64_t root_of(const struct virtual_processor *record, bool monitors)
{
    return record->root_address | (uint64_t)owner_of(record) << OWNER_SHIFT |
           (monitors ? ROOT_OF_MONITOR : 0);
}

uint64_t model_enter(struct physical_processor *processor, const struct virtual_processor *record)
{
    uint64_t cycles = 0;
    if (owner_of(record) == 0) {
        return 0; /* out of the idle loop, which is the monitor's */
    }
    if (has(processor, MODEL_KPTI)) {
        cycles +=
            meter_transition(processor->meter, TIMING_TRANSITION_ENTRY_ROOT, root_of(record, true));
    }
    if (has(processor, MODEL_IBRS)) {
        cycles += meter_transition(processor->meter, TIMING_TRANSITION_ENTRY_RESTRICTION, 0);
    }
    return cycles;
}

/* Who was idle meanwhile has left everything behind all the same. */
bool model_changes_owner(const struct physical_processor *processor,
                         const struct virtual_processor *next)
{
    uint32_t before = timing_core_owner(processor->meter->core);
    return owner_of(next) != 0 && before != 0 && owner_of(next) != before;
}

uint64_t model_switch(struct physical_processor *processor)
{
    uint64_t cycles = 0;
    if (has(processor, MODEL_IBPB)) {
        cycles += meter_transition(processor->meter, TIMING_TRANSITION_TARGET_BARRIER, 0);
    }
    if (has(processor, MODEL_L1D)) {
        cycles += meter_transition(processor->meter, TIMING_TRANSITION_DATA_CACHE_FLUSH, 0);
    }
    if (has(processor, MODEL_RSB)) {
        cycles += meter_transition(processor->meter, TIMING_TRANSITION_RETURN_FILLING, 0);
    }
    return cycles;
}

uint64_t model_leave(struct physical_processor *processor, const struct virtual_processor *record)
{
    uint64_t cycles = 0;
    if (has(processor, MODEL_IBRS)) {
        cycles += meter_transition(processor->meter, TIMING_TRANSITION_EXIT_RESTRICTION, 0);
    }
    if (has(processor, MODEL_KPTI)) {
        cycles +=
            meter_transition(processor->meter, TIMING_TRANSITION_EXIT_ROOT, root_of(record, false));
    }
    if (has(processor, MODEL_VERW)) {
        cycles += meter_transition(processor->meter, TIMING_TRANSITION_BUFFER_CLEARING, 0);
    }
    return cycles;
}

void model_load_root(struct physical_processor *processor, const struct virtual_processor *record,
                     bool monitors)
{
    (void)meter_transition(processor->meter, TIMING_TRANSITION_ROOT, root_of(record, monitors));
}

void model_begin_monitor(struct engine *engine)
{
    struct cycle_meter *meter = engine->meter;
    if (!meter->in_monitor && engine->machine->booted) {
        meter->in_monitor = true;
        engine->monitor_work += model_enter(engine->processor, current_record(engine->processor));
    }
}

/* Its last instruction loads a root, or leaves: what comes before it comes before that one. */
void model_complete_block(struct engine *engine, uint64_t next_address)
{
    struct cycle_meter *meter = engine->meter;
    struct physical_processor *processor = engine->processor;
    const struct virtual_processor *record = current_record(processor);
    uint64_t cycles = 0;
    if (meter->block == NULL) {
        return;
    }
    if (!address_is_monitor(next_address)) {
        meter->in_monitor = false;
        cycles = meter_execute_to_last(meter);
        cycles += model_leave(processor, record);
    } else if (meter->block->code->flushes_translations) {
        meter->root = root_of(record, has(processor, MODEL_KPTI));
        if (model_changes_owner(processor, record)) {
            cycles = meter_execute_to_last(meter);
            cycles += model_switch(processor);
        }
    }
    engine->monitor_work += cycles;
}
