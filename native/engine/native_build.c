/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The native build of the monitor: one engine a virtual processor, the monitor's C called
 * straight from the engine's hooks. A trap costs no world switch of the host: registers are
 * copied between the engine's live state and the record in machine memory, and the
 * engine goes on unless the monitor chose somebody else.
 */
#include <string.h>

#include "machine.h"
#include "platform_host.h"
#include "refusals.h"

#define RFLAGS_TRAP 0x100u

static void save_registers(struct engine *engine)
{
    const struct environment *environment = engine->environment;
    struct virtual_processor *record = engine->record;
    (void)engine_settle_flags(engine);
    engine_save_registers(engine, &record->registers);
    record->fs_base = environment->segments[ENV_FS].base;
    record->gs_base = environment->segments[ENV_GS].base;
    engine->saved_rflags = record->registers.rflags;
}

static void load_root(struct engine *engine)
{
    const struct virtual_processor *record = engine->record;
    uint64_t root = record->root_address;
    meter_load_root(engine->processor, record);
    if (root != engine->loaded_root) {
        (void)uc_reg_write(engine->uc, UC_X86_REG_CR3, &root); /* drops all translations */
        engine->loaded_root = root;
        engine->translation_stale = false;
    } else if (engine->translation_stale) {
        (void)uc_ctl_flush_tlb(engine->uc);
        engine->translation_stale = false;
    }
}

/*
 * The simulated exit path takes `sysret` when it may, and `iret` otherwise; a single step over
 * `syscall` has its end there.
 */
static bool leaves_by_sysret(const struct registers *registers)
{
    return registers->vector == ENTRY_SYSCALL && registers->rcx == registers->rip &&
           registers->r11 == registers->rflags;
}

static void load_registers(struct engine *engine)
{
    struct environment *environment = engine->environment;
    const struct virtual_processor *record = engine->record;
    const struct registers *from = &record->registers;
    engine_load_general(engine, from);
    if (from->rflags != engine->saved_rflags) {
        (void)uc_reg_write(engine->uc, UC_X86_REG_EFLAGS, &from->rflags);
        engine->saved_rflags = from->rflags;
    }
    if (environment->segments[ENV_CS].selector != from->cs ||
        environment->segments[ENV_SS].selector != from->ss) {
        environment_enter_guest(environment, record);
    }
    if (engine->in_monitor && !leaves_by_sysret(from)) {
        environment_return_outward(environment);
    }
    engine->in_monitor = false;
    if (record->width == 64) { /* in 32 bits they come with the selectors */
        environment->segments[ENV_FS].base = record->fs_base;
        environment->segments[ENV_GS].base = record->gs_base;
    }
    load_root(engine);
}

static void count(struct physical_processor *processor, uint64_t cycles)
{
    processor->machine_cycles += cycles;
    if (processor->machine->options.clock == CLOCK_MACHINE) {
        processor->clock += cycles;
        processor->budget_stale = true;
    }
}

/* On the machine clock the path just entered has its named cost. */
static void charge(struct physical_processor *processor, uint64_t cycles)
{
    meter_charge(processor, TIMING_TRANSITION_CHARGE, cycles);
    count(processor, cycles);
}

static uint64_t path_cost(const struct path_costs *costs, uint64_t vector)
{
    if (vector == ENTRY_SYSCALL) {
        return costs->hypercall;
    }
    return vector == ENTRY_TIMER || vector == ENTRY_KICK ? costs->interrupt : costs->trap;
}

static struct virtual_processor *enter_observed(struct machine *machine,
                                                struct physical_processor *processor,
                                                struct virtual_processor *record)
{
    struct refusal refusal = refusal_prepare(machine, record);
    log_entry(machine, processor, record, &record->registers, record->fault_address);
    struct virtual_processor *next = monitor_enter(record);
    log_return(machine, processor, next);
    refusal_check(machine, &refusal, record);
    return next;
}

static struct virtual_processor *dispatch(struct physical_processor *processor,
                                          struct virtual_processor *record)
{
    struct machine *machine = processor->machine;
    if (record->id < IDLE_ID_FIRST) {
        machine->engines[record->id]->in_monitor = true;
    }
    return machine->observed ? enter_observed(machine, processor, record) : monitor_enter(record);
}

/* A model's part from the monitor's decision until it is left. */
static void leave_by_model(struct physical_processor *processor,
                           const struct virtual_processor *next)
{
    uint64_t cycles = 0;
    if (next->id >= IDLE_ID_FIRST) {
        return;
    }
    if (model_changes_owner(processor, next)) {
        cycles += model_switch(processor);
    }
    if ((processor->machine->options.model & MODEL_KPTI) != 0 &&
        processor->root != next->root_address) {
        processor->root = next->root_address;
        model_load_root(processor, next, true);
    }
    count(processor, cycles + model_leave(processor, next));
}

static struct virtual_processor *enter(struct physical_processor *processor,
                                       struct virtual_processor *record)
{
    const struct path_costs *costs = processor->machine->costs;
    bool traced = processor->machine->traced;
    bool has_model = processor->machine->options.model != 0;
    bool user_mode = record_in_user_mode(record, record->registers.cs);
    if (traced) {
        trace_enter(processor->machine, processor, record, &record->registers,
                    entry_path(processor, record, record->registers.vector, user_mode));
    }
    meter_enter(processor, record, record->registers.vector, user_mode);
    if (has_model) {
        count(processor, model_enter(processor, record));
    }
    charge(processor, path_cost(costs, record->registers.vector));
    struct virtual_processor *next = dispatch(processor, record);
    if (next != record) {
        charge(processor, costs->world_switch);
    }
    if (has_model) {
        leave_by_model(processor, next);
    }
    if (next->id < IDLE_ID_FIRST && processor->machine->engines[next->id] != NULL) {
        block_cache_forget_pages(processor->machine->engines[next->id]->blocks);
    }
    meter_leave_to(processor, next);
    if (traced) {
        trace_leave(processor->machine, processor, next);
    }
    return next;
}

/* From a hook: registers are saved; hand over to the monitor and go on with what it chose. */
static void enter_from_hook(struct engine *engine)
{
    struct physical_processor *processor = engine->processor;
    struct virtual_processor *next = enter(processor, engine->record);
    processor->record = next;
    if (next != engine->record || engine->code_stale || processor->kicked) {
        engine_request_stop(engine, ENGINE_STOP_SWITCH);
        return;
    }
    load_registers(engine);
    if (processor->budget_stale) {
        processor->budget_stale = false;
        engine_settle(engine);
        engine_budget(engine);
    }
}

static bool in_user_mode(const struct engine *engine)
{
    return record_in_user_mode(engine->record, engine->environment->segments[ENV_CS].selector);
}

static void raise_trap(struct engine *engine, uint64_t vector, uint64_t error_code)
{
    struct environment *environment = engine->environment;
    environment->old_exception = -1; /* else the next trap counts as a double fault */
    engine_drop_exit(engine);
    if (vector == VECTOR_UNDEFINED) {
        engine_charge_undefined(engine, in_user_mode(engine));
    } else {
        engine_charge_partial(engine, environment->rip);
    }
    save_registers(engine);
    engine->record->registers.vector = vector;
    engine->record->registers.error_code = error_code;
    if (vector == VECTOR_PAGE_FAULT) {
        engine->record->fault_address = environment->cr[2];
    }
}

/*
 * Behind `syscall` the engine looks at the trap flag and would raise #DB at once: for a record that
 * no longer runs, or before the first instruction that `iret` went back to.
 */
static void hold_single_step(struct engine *engine)
{
    if ((engine->environment->eflags & RFLAGS_TRAP) != 0 &&
        (engine->stop != ENGINE_STOP_NONE || !leaves_by_sysret(&engine->record->registers))) {
        engine->environment->eflags &= ~(uint64_t)RFLAGS_TRAP;
        engine->saved_rflags = ~0ull;
        engine_request_stop(engine, ENGINE_STOP_SWITCH);
    }
}

static void on_syscall(uc_engine *uc, void *user_data)
{
    struct engine *engine = user_data;
    struct registers *registers = &engine->record->registers;
    uint64_t size_bytes = engine_syscall_size_bytes(engine);
    (void)uc;
    if (engine->record->width == 32) {
        raise_trap(engine, VECTOR_UNDEFINED, 0);
        enter_from_hook(engine);
        hold_single_step(engine);
        engine->environment->rip -= size_bytes;
        return;
    }
    engine_complete_block(engine, engine->environment->rip + size_bytes);
    save_registers(engine);
    registers->rip += size_bytes;
    registers->rcx = registers->rip;
    registers->r11 = registers->rflags;
    registers->vector = ENTRY_SYSCALL;
    registers->error_code = 0;
    enter_from_hook(engine);
    hold_single_step(engine);
    /* The engine adds the instruction's size when this hook returns. */
    engine->environment->rip -= size_bytes;
}

static void on_interrupt(uc_engine *uc, uint32_t number, void *user_data)
{
    struct engine *engine = user_data;
    const struct environment *environment = engine->environment;
    (void)uc;
    if (environment->exception_is_interrupt != 0) {
        bool open = number == VECTOR_BREAKPOINT || number == VECTOR_OVERFLOW;
        uint64_t vector = open ? number : ENTRY_SOFTWARE_INTERRUPT + number;
        raise_trap(engine, vector, 0);
    } else if (number == VECTOR_PAGE_FAULT && engine_postpone_fetch_fault(engine)) {
        return;
    } else {
        raise_trap(engine, number, (uint32_t)environment->error_code);
    }
    enter_from_hook(engine);
}

/* Also `vmcall`: the monitor looks at the bytes, as it would on a processor without VT-x. */
static bool on_invalid_instruction(uc_engine *uc, void *user_data)
{
    struct engine *engine = user_data;
    if (engine_was_software_interrupt(engine)) {
        on_interrupt(uc, VECTOR_UNDEFINED, user_data);
    } else {
        raise_trap(engine, VECTOR_UNDEFINED, 0);
        enter_from_hook(engine);
    }
    return true;
}

static const struct engine_hooks hooks = {on_interrupt, on_invalid_instruction, on_syscall, NULL};

static int open_engine(struct machine *machine, uint32_t id)
{
    const struct virtual_processor *record = &machine->monitor->virtual_processors[id];
    struct engine *engine;
    int result = engine_open(machine, &engine);
    machine->engines[id] = engine;
    if (result != NATIVE_OK) {
        return result;
    }
    engine->key = record_key(machine, id);
    engine->record = &machine->monitor->virtual_processors[id];
    engine->processor = &machine->processors[record->processor];
    engine->saved_rflags = ~0ull; /* none yet: the first load writes it */
    engine->in_monitor = true;
    uint64_t descriptors =
        DESCRIPTOR_TABLES_ADDRESS + (uint64_t)record->processor * PAGE_SIZE_BYTES;
    uc_x86_mmr table = {0, MONITOR_DIRECT_ADDRESS + descriptors, PAGE_SIZE_BYTES - 1, 0};
    (void)uc_reg_write(engine->uc, UC_X86_REG_GDTR, &table);
    /* What `sidt` and `str` show; nothing here uses them. */
    struct environment *environment = engine->environment;
    environment->idt.base = MONITOR_DIRECT_ADDRESS + INTERRUPT_TABLE_ADDRESS;
    environment->idt.limit = PAGE_SIZE_BYTES - 1;
    environment->tr.selector = TASK_SELECTOR_FIRST + 16 * record->processor;
    floating_point_load(engine->uc, record->floating_point);
    environment_load_selectors(environment, record);
    return engine_add_hooks(engine, &hooks);
}

static void enter_from_outside(struct physical_processor *processor, uint64_t vector)
{
    struct virtual_processor *record = processor->record;
    record->registers.vector = vector;
    record->registers.error_code = 0;
    processor->engine = NULL;
    processor->record = enter(processor, record);
    processor->returning = true;
}

static void close_engine(struct machine *machine, uint32_t id)
{
    struct engine *engine = machine->engines[id];
    for (uint32_t processor = 0; processor < machine->options.processor_count; processor++) {
        if (machine->processors[processor].engine == engine) {
            machine->processors[processor].engine = NULL;
        }
    }
    engine_close(engine);
    machine->engines[id] = NULL;
}

/* The engine of a virtual processor; a new one when its number stands for another partition now. */
static int renew_engine(struct machine *machine, uint32_t id)
{
    if (machine->engines[id] != NULL) {
        close_engine(machine, id);
    }
    return open_engine(machine, id);
}

static bool engine_is_of(const struct machine *machine, uint32_t id)
{
    return machine->engines[id] != NULL && machine->engines[id]->key == record_key(machine, id);
}

static int native_follow_records(struct machine *machine)
{
    for (uint32_t id = 0; id < VIRTUAL_PROCESSOR_LIMIT; id++) {
        bool there = machine->monitor->virtual_processors[id].state != VIRTUAL_PROCESSOR_ABSENT;
        int result = NATIVE_OK;
        if (!there && machine->engines[id] != NULL) {
            close_engine(machine, id);
        } else if (there && !engine_is_of(machine, id)) {
            result = renew_engine(machine, id);
        }
        if (result != NATIVE_OK) {
            return result;
        }
    }
    return NATIVE_OK;
}

static int run_engine(struct physical_processor *processor)
{
    uint32_t id = processor->record->id;
    if (!engine_is_of(processor->machine, id)) {
        int opened = renew_engine(processor->machine, id);
        if (opened != NATIVE_OK) {
            return opened;
        }
    }
    struct engine *engine = processor->machine->engines[id];
    processor->engine = engine;
    processor->budget_stale = false;
    processor->returning = true; /* unless it comes to rest at a guest's next instruction */
    load_registers(engine);
    if ((engine->saved_rflags & RFLAGS_TRAP) != 0 && leaves_by_sysret(&engine->record->registers)) {
        raise_trap(engine, VECTOR_DEBUG, 0);
        processor->record = enter(processor, engine->record);
        return NATIVE_OK;
    }
    int result = engine_run(engine, engine->environment->rip);
    if (result != NATIVE_OK) {
        return result;
    }
    if (engine->stop == ENGINE_STOP_SWITCH) {
        return NATIVE_OK; /* saved in the hook */
    }
    struct trap_cause cause = {NO_TRAP, 0};
    if (engine->stop == ENGINE_STOP_REFUSED) {
        cause = engine_take_refused(engine);
    }
    save_registers(engine);
    engine->record->registers.vector = 0; /* what brought it here is over */
    if (cause.vector != NO_TRAP) {
        raise_trap(engine, cause.vector, cause.error_code);
        processor->record = enter(processor, engine->record);
        return NATIVE_OK;
    }
    processor->returning = false;
    if (engine->stop == ENGINE_STOP_NONE) {
        return machine_fail(processor->machine, NATIVE_ENGINE,
                            "the engine came to rest at %#llx for no reason",
                            (unsigned long long)engine->environment->rip);
    }
    return NATIVE_OK;
}

/*
 * A processor that leaves the monitor fetches the guest's next instruction, which its page tables
 * show and which may fault, before it looks at interrupts, or gives others their turn: as the
 * simulated build does, which comes to rest where the block that follows has been translated.
 */
static int native_run_processor(struct physical_processor *processor)
{
    struct machine *machine = processor->machine;
    while (machine_lives(machine) && machine->hosted.partition == 0) {
        bool idle = processor->record->id >= IDLE_ID_FIRST;
        bool fetched = idle || !processor->returning;
        if (fetched && (processor->kicked || processor->clock >= processor->deadline)) {
            uint64_t vector = processor->kicked ? ENTRY_KICK : ENTRY_TIMER;
            processor->kicked = false;
            enter_from_outside(processor, vector);
        } else if (fetched && processor->clock >= processor->horizon) {
            break;
        } else if (idle) {
            processor_idle(processor);
        } else {
            int result = run_engine(processor);
            if (result != NATIVE_OK) {
                return result;
            }
        }
    }
    return NATIVE_OK;
}

static int native_boot(struct machine *machine)
{
    platform_enter(machine);
    monitor_start();
    for (uint32_t id = 0; id < machine->view->virtual_processor_count; id++) {
        int result = open_engine(machine, id);
        if (result != NATIVE_OK) {
            return result;
        }
    }
    int result = NATIVE_OK;
    for (uint32_t id = 0; id < machine->options.processor_count && result == NATIVE_OK; id++) {
        struct physical_processor *processor = &machine->processors[id];
        processor->record = monitor_first(id);
        meter_leave_to(processor, processor->record);
        processor->returning = true;
        processor->horizon = 0; /* it stops before the first guest block */
        result = native_run_processor(processor);
    }
    return result;
}

/*
 * In the block hook, without leaving the engine: most ticks end with the same record going
 * on where it was. Anything else is loaded by a clean start.
 */
static bool native_take_interrupt(struct engine *engine)
{
    struct physical_processor *processor = engine->processor;
    struct virtual_processor *record = engine->record;
    bool user_mode = in_user_mode(engine);
    save_registers(engine);
    record->registers.vector = processor->kicked ? ENTRY_KICK : ENTRY_TIMER;
    record->registers.error_code = 0;
    processor->kicked = false;
    processor->record = enter(processor, record);
    const struct environment *environment = engine->environment;
    /* An event that was delivered has moved rsp; rip may be the same, of the same handler. */
    bool untouched = record->registers.rip == environment->rip &&
                     record->registers.rsp == environment->registers[ENV_RSP] &&
                     record->registers.rflags == engine->saved_rflags &&
                     record->registers.ss == environment->segments[ENV_SS].selector &&
                     (record->user_mode != 0) == user_mode;
    if (processor->record == record && untouched && !engine->code_stale &&
        !engine->translation_stale) {
        environment_return_outward(engine->environment);
        engine->in_monitor = false;
        return true;
    }
    engine_request_stop(engine, ENGINE_STOP_SWITCH);
    return false;
}

static bool native_is_idle(const struct physical_processor *processor)
{
    return processor->record->id >= IDLE_ID_FIRST && !processor->kicked;
}

/* Registers are saved whenever an engine rests; floating point and selectors live in it. */
static void native_synchronise(struct machine *machine)
{
    for (uint32_t id = 0; id < VIRTUAL_PROCESSOR_LIMIT; id++) {
        struct engine *engine = machine->engines[id];
        if (engine != NULL && engine->record->started != 0) {
            floating_point_save(engine->uc, engine->record->floating_point);
            engine->record->selectors = environment_selectors(engine->environment);
        }
    }
}

static void native_reload(struct machine *machine)
{
    for (uint32_t id = 0; id < VIRTUAL_PROCESSOR_LIMIT; id++) {
        struct engine *engine = machine->engines[id];
        if (engine != NULL) {
            engine->code_stale = true;
            engine->translation_stale = true;
            engine->refusing = false;
            engine->in_monitor |= engine->record != engine->processor->record;
            engine->loaded_root = ~0ull;
            engine->saved_rflags = ~0ull;
            floating_point_load(engine->uc, engine->record->floating_point);
            environment_load_selectors(engine->environment, engine->record);
        }
    }
}

/* Which record runs; engines hold nothing else that the records do not. */
static void native_save_processor(const struct physical_processor *processor, uint64_t *words)
{
    uint32_t id = processor->record->id;
    words[0] = id;
    words[1] = id < IDLE_ID_FIRST && processor->machine->engines[id]->in_monitor;
    words[2] = processor->root;
}

static void native_load_processor(struct physical_processor *processor, const uint64_t *words)
{
    struct monitor *monitor = processor->machine->monitor;
    processor->engine = NULL;
    processor->root = words[2];
    if (words[0] >= IDLE_ID_FIRST) {
        processor->record = &monitor->idle[words[0] - IDLE_ID_FIRST];
    } else {
        processor->record = &monitor->virtual_processors[words[0]];
        processor->machine->engines[words[0]]->in_monitor = words[1] != 0;
    }
}

static void native_set_work(struct machine *machine, uint32_t virtual_processor, uint64_t work)
{
    struct engine *engine = machine->engines[virtual_processor];
    if (engine != NULL) {
        engine_set_work(engine, work);
    }
}

static uint32_t native_partition_of(const struct engine *engine)
{
    return engine->record->partition;
}

const struct build_operations native_build = {
    native_boot,        native_run_processor,  native_take_interrupt, native_is_idle,
    native_synchronise, native_reload,         native_save_processor, native_load_processor,
    native_set_work,    native_follow_records, native_partition_of,
};
