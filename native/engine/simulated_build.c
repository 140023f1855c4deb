/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The simulated build of the monitor: one engine a physical processor, which executes the
 * monitor's ring-0 image as well as guests. This file boots and runs such engines; delivery.c plays
 * the processor's part when something traps, doorbell.c the machine's.
 */
#include <stddef.h>
#include <string.h>

#include "entry/area.h"
#include "entry/doorbell.h"
#include "machine.h"
#include "simulated_build.h"

/*
 * The engine does not restore the last floating-point instruction's address with FXRSTOR, as
 * hardware does: without this a partition would see another's. With CR0.TS the state is not that
 * of what runs, and will be wanted again.
 */
static void restore_instruction_pointer(struct engine *engine)
{
    uint32_t id = current_record_id(engine->processor);
    if (id == engine->last_record || (engine->environment->cr[0] & CR0_TASK_SWITCHED) != 0) {
        return;
    }
    if (id < IDLE_ID_FIRST) {
        const struct virtual_processor *record = &engine->machine->monitor->virtual_processors[id];
        (void)uc_reg_write(engine->uc, UC_X86_REG_FIP, record->floating_point + 8);
    }
    engine->last_record = id;
}

/* What the lazy entry path keeps of the processor; no other one names an owner. */
static const struct processor_area *processor_area(const struct engine *engine)
{
    const struct environment *environment = engine->environment;
    uint64_t address = engine_in_monitor(engine) ? environment->segments[ENV_GS].base
                                                 : environment->kernel_gs_base;
    uint64_t offset = address - MONITOR_DIRECT_ADDRESS;
    bool inside = offset < engine->machine->memory.size_bytes - sizeof(struct processor_area);
    const void *area = engine->machine->memory.base + (inside ? offset : 0);
    return inside ? area : NULL;
}

/*
 * Whose floating-point state the engine holds: of what runs, or with CR0.TS of whom the lazy
 * entry path has left it; NULL: nobody's, or what it holds is in the records too.
 */
static struct virtual_processor *floating_point_owner(const struct engine *engine)
{
    struct monitor *monitor = engine->machine->monitor;
    uint32_t id = current_record_id(engine->processor);
    bool lazy = (engine->environment->cr[0] & CR0_TASK_SWITCHED) != 0;
    if (id < IDLE_ID_FIRST && !lazy && !engine_in_monitor(engine)) {
        return &monitor->virtual_processors[id];
    }
    const struct processor_area *area = processor_area(engine);
    uint64_t place = (lazy && area != NULL ? area->floating_point_owner : 0) -
                     (MONITOR_STATE_ADDRESS + offsetof(struct monitor, virtual_processors));
    uint64_t owner = place / sizeof(struct virtual_processor);
    if (owner >= VIRTUAL_PROCESSOR_LIMIT || place % sizeof(struct virtual_processor) != 0) {
        return NULL;
    }
    struct virtual_processor *record = &monitor->virtual_processors[owner];
    return record->floating_point[FLOATING_POINT_STATE_SIZE_BYTES] != 0 ? record : NULL;
}

static void leave_monitor(struct engine *engine)
{
    struct machine *machine = engine->machine;
    engine->was_in_monitor = false;
    block_cache_forget_pages(engine->blocks);
    meter_leave_to(engine->processor, current_record(engine->processor));
    (void)engine_settle_flags(engine);
    restore_instruction_pointer(engine);
    if (machine->pending_log[engine->processor->id].category != 0) {
        log_return(machine, engine->processor, current_record(engine->processor));
    }
    if (machine->traced) {
        trace_leave(machine, engine->processor, current_record(engine->processor));
    }
}

void simulated_on_block(uc_engine *uc, uint64_t address, uint32_t size_bytes, void *user_data)
{
    struct engine *engine = user_data;
    (void)uc;
    if (__builtin_expect(engine->budget > 0 && !engine->timed && !address_is_monitor(address), 1)) {
        engine->budget -= size_bytes;
        engine->block = address << 16 | size_bytes;
        return;
    }
    if (address_is_monitor(address)) {
        engine->was_in_monitor = true;
        engine_attend(engine); /* the first guest block after it looks at everything anew */
        engine->monitor_work += engine_begin_block(engine, address, size_bytes);
        return;
    }
    if (engine_is_due(engine)) {
        if (engine->code_stale || engine->translation_stale) {
            engine_request_stop(engine, ENGINE_STOP_SWITCH); /* both are dropped at rest */
            return;
        }
        if (engine->was_in_monitor) {
            leave_monitor(engine);
        }
        if (!engine_block_boundary(engine, address, size_bytes)) {
            return;
        }
    }
    engine->budget -= (int64_t)engine_begin_block(engine, address, size_bytes);
}

/* Runs until a stop that is not only for dropping code, and looks at why. */
static int run_engine(struct engine *engine)
{
    struct physical_processor *processor = engine->processor;
    do {
        int result = engine_run(engine, engine->environment->rip);
        if (result != NATIVE_OK) {
            return result;
        }
    } while (engine->stop == ENGINE_STOP_SWITCH);
    if (engine->stop == ENGINE_STOP_REFUSED) {
        struct trap_cause cause = engine_take_refused(engine);
        if (cause.vector != NO_TRAP) {
            simulated_deliver_trap(engine, cause.vector, cause.error_code);
        }
    } else if (engine->stop == ENGINE_STOP_NONE) {
        if (!engine_in_monitor(engine) || current_record_id(processor) < IDLE_ID_FIRST) {
            return machine_fail(engine->machine, NATIVE_ENGINE,
                                "the engine came to rest at %#llx for no reason",
                                (unsigned long long)engine->environment->rip);
        }
        processor->halted = true;
        leave_monitor(engine);
    }
    return NATIVE_OK;
}

static int boot_processor(struct machine *machine, uint32_t id)
{
    struct physical_processor *processor = &machine->processors[id];
    struct engine *engine;
    int result = engine_open(machine, &engine);
    machine->engines[id] = engine;
    if (result != NATIVE_OK) {
        return result;
    }
    uint64_t root = MONITOR_BOOT_ROOT_ADDRESS;
    engine->processor = processor;
    engine->last_record = UINT32_MAX;
    processor->engine = engine;
    result = engine_add_hooks(engine, &simulated_hooks);
    if (result != NATIVE_OK) {
        return result;
    }
    (void)uc_reg_write(engine->uc, UC_X86_REG_CR3, &root);
    environment_enter_monitor(engine->environment);
    engine->environment->registers[ENV_RDI] = id;
    engine->environment->rip = machine->monitor_entry;
    processor->horizon = 0; /* it stops before the first guest block */
    return run_engine(engine);
}

static int simulated_boot(struct machine *machine)
{
    for (uint32_t id = 0; id < machine->options.processor_count; id++) {
        int result = boot_processor(machine, id);
        if (result != NATIVE_OK) {
            return result;
        }
    }
    return NATIVE_OK;
}

static void interrupt(struct physical_processor *processor, uint32_t vector)
{
    struct engine *engine = processor->engine;
    engine_settle(engine);
    simulated_deliver(engine, vector, 0, false, engine->environment->rip);
    engine_charge_transition(engine, TIMING_TRANSITION_INTERRUPT, 0);
}

/* A trap was delivered at rest: interrupts are off until the monitor has left. */
static bool in_handler(const struct physical_processor *processor)
{
    return engine_in_monitor(processor->engine) && !processor->halted;
}

static int simulated_run_processor(struct physical_processor *processor)
{
    const struct machine *machine = processor->machine;
    while (machine_lives(machine) && machine->hosted.partition == 0) {
        bool open = !in_handler(processor) && !processor->engine->continues;
        if (open && (processor->kicked || processor->clock >= processor->deadline)) {
            uint32_t vector = processor->kicked ? INTERRUPT_KICK : INTERRUPT_TIMER;
            processor->kicked = false;
            interrupt(processor, vector);
        } else if (open && processor->clock >= processor->horizon) {
            break;
        } else if (processor->halted) {
            processor_idle(processor);
            continue;
        }
        int result = run_engine(processor->engine);
        if (result != NATIVE_OK) {
            return result;
        }
    }
    return NATIVE_OK;
}

/* Delivered at rest: the run loop does it. */
static bool simulated_take_interrupt(struct engine *engine)
{
    engine_request_stop(engine, ENGINE_STOP_BOUNDARY);
    return false;
}

static bool simulated_is_idle(const struct physical_processor *processor)
{
    return processor->halted && !processor->kicked;
}

/* The record that a processor runs has its state in the engine: copied as the entry would. */
static void synchronise_running(struct engine *engine)
{
    const struct environment *environment = engine->environment;
    uint32_t id = current_record_id(engine->processor);
    if (id >= IDLE_ID_FIRST || engine_in_monitor(engine)) {
        return;
    }
    engine_settle(engine);
    simulated_attribute_work(engine);
    struct virtual_processor *record = &engine->machine->monitor->virtual_processors[id];
    engine_save_registers(engine, &record->registers);
    record->fs_base = environment->segments[ENV_FS].base;
    record->gs_base = environment->segments[ENV_GS].base;
    record->selectors = environment_selectors(environment);
}

static void synchronise_floating_point(const struct engine *engine)
{
    struct virtual_processor *owner = floating_point_owner(engine);
    if (owner != NULL) {
        floating_point_save(engine->uc, owner->floating_point);
    }
}

static void simulated_synchronise(struct machine *machine)
{
    for (uint32_t id = 0; id < machine->options.processor_count; id++) {
        if (machine->engines[id] != NULL) {
            synchronise_running(machine->engines[id]);
            synchronise_floating_point(machine->engines[id]);
        }
    }
}

/* The privileged registers were set by the boot and stay; these change as it runs. */
static void simulated_save_processor(const struct physical_processor *processor, uint64_t *words)
{
    const struct environment *environment = processor->engine->environment;
    struct registers registers;
    memset(&registers, 0, sizeof registers);
    engine_save_registers(processor->engine, &registers);
    memcpy(words, &registers, sizeof registers);
    words[22] = environment->segments[ENV_FS].base;
    words[23] = environment->segments[ENV_GS].base;
    words[24] = environment->kernel_gs_base;
    words[25] = environment->cr[3];
    words[26] = processor->halted;
    words[27] = processor->engine->monitor_work;
    words[28] = environment->cr[0];
}

static void simulated_load_processor(struct physical_processor *processor, const uint64_t *words)
{
    struct engine *engine = processor->engine;
    struct environment *environment = engine->environment;
    struct virtual_processor *record = current_record(processor);
    struct registers registers;
    memcpy(&registers, words, sizeof registers);
    engine_load_general(engine, &registers);
    (void)uc_reg_write(engine->uc, UC_X86_REG_EFLAGS, &registers.rflags);
    if ((registers.cs & 3) == 0) {
        environment_enter_monitor(environment);
    } else {
        environment_enter_guest(environment, record);
    }
    environment_load_selectors(environment, record);
    environment->segments[ENV_FS].base = words[22];
    environment->segments[ENV_GS].base = words[23];
    environment->kernel_gs_base = words[24];
    (void)uc_reg_write(engine->uc, UC_X86_REG_CR3, &words[25]);
    (void)uc_reg_write(engine->uc, UC_X86_REG_CR0, &words[28]);
    processor->halted = words[26] != 0;
    engine->monitor_work = words[27];
    engine->settled_monitor_work = words[27];
    engine->was_in_monitor = false;
}

static void simulated_set_work(struct machine *machine, uint32_t virtual_processor, uint64_t work)
{
    machine->virtual_processor_work[virtual_processor] = work;
    machine->work_keys[virtual_processor] = record_key(machine, virtual_processor);
}

/* An engine is a processor's: it is always there. */
static int simulated_follow_records(struct machine *machine)
{
    (void)machine;
    return NATIVE_OK;
}

/* Floating-point state comes from the record whose it is; the engine's counters go on. */
static void simulated_reload(struct machine *machine)
{
    for (uint32_t id = 0; id < machine->options.processor_count; id++) {
        struct engine *engine = machine->engines[id];
        const struct virtual_processor *owner = floating_point_owner(engine);
        engine->code_stale = true;
        engine->translation_stale = true;
        engine->refusing = false;
        engine->continues = false;
        engine->last_record = owner != NULL ? owner->id : UINT32_MAX;
        engine->settled_work = engine_work(engine);
        engine->attributed_work = engine->settled_work;
        if (owner != NULL) {
            floating_point_load(engine->uc, owner->floating_point);
        }
    }
}

static uint32_t simulated_partition_of(const struct engine *engine)
{
    const struct virtual_processor *record = current_record(engine->processor);
    return engine_in_monitor(engine) || record->id >= IDLE_ID_FIRST ? 0 : record->partition;
}

const struct build_operations simulated_build = {
    simulated_boot,           simulated_run_processor,  simulated_take_interrupt,
    simulated_is_idle,        simulated_synchronise,    simulated_reload,
    simulated_save_processor, simulated_load_processor, simulated_set_work,
    simulated_follow_records, simulated_partition_of,
};
