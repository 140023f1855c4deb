/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An engine with a cycle-level core: its hooks, and who pays for what they measured. The block
 * before is charged when the next one begins, or when something traps.
 */
#include "cycle_meter.h"
#include "machine.h"

/* Whoever ran the pending block pays. */
static void charge_pending(struct engine *engine, bool in_monitor, uint64_t cycles)
{
    if (in_monitor) {
        engine->monitor_work += cycles;
    } else {
        engine->budget -= (int64_t)cycles;
    }
}

void engine_complete_block(struct engine *engine, uint64_t next_address)
{
    if (engine->meter != NULL) {
        bool in_monitor = address_is_monitor(engine->meter->address);
        charge_pending(engine, in_monitor, meter_complete(engine->meter, next_address));
    }
}

void engine_execute_until(struct engine *engine, uint64_t rip)
{
    bool in_monitor = address_is_monitor(engine->meter->address);
    charge_pending(engine, in_monitor, meter_execute_until(engine->meter, rip));
}

void engine_charge_transition(struct engine *engine, uint32_t transition, uint64_t cycles)
{
    if (engine->meter != NULL) {
        engine->monitor_work += meter_transition(engine->meter, transition, cycles);
    }
}

void engine_charge_work(struct engine *engine, uint64_t cycles)
{
    engine->budget -=
        (int64_t)(engine->meter == NULL
                      ? cycles
                      : meter_transition(engine->meter, TIMING_TRANSITION_CHARGE, cycles));
}

static void on_block(uc_engine *uc, uint64_t address, uint32_t size_bytes, void *user_data)
{
    struct engine *engine = user_data;
    if (meter_repeats(engine->meter, address)) {
        return;
    }
    engine_complete_block(engine, address);
    if (engine->machine->options.monitor_build == MONITOR_SIMULATED) {
        simulated_on_block(uc, address, size_bytes, user_data);
    } else {
        engine_on_block(uc, address, size_bytes, user_data);
    }
}

static void on_memory(uc_engine *uc, uc_mem_type type, uint64_t machine_address, int size_bytes,
                      int64_t value, void *user_data)
{
    const struct engine *engine = user_data;
    (void)uc;
    (void)value;
    meter_access(engine->meter, machine_address, (uint32_t)size_bytes, type == UC_MEM_WRITE);
}

bool cycle_hooks_add(struct engine *engine)
{
    uc_hook hook;
    return uc_hook_add(engine->uc, &hook, UC_HOOK_BLOCK, (void *)on_block, engine, 1, 0) ==
               UC_ERR_OK &&
           uc_hook_add(engine->uc, &hook, UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE, (void *)on_memory,
                       engine, 1, 0) == UC_ERR_OK;
}
