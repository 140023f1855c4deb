/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The simulated build of the monitor: one engine a physical processor, which executes the
 * monitor's ring-0 image as well as guests. Unicorn delivers nothing into a guest, so this
 * file plays the processor's part: traps and interrupts through the interrupt table and the
 * task state, `syscall` through its registers, and the machine's part behind the doorbell.
 */
#include <stdio.h>
#include <string.h>

#include "entry/doorbell.h"
#include "machine.h"
#include "platform_host.h"

#define VECTOR_UNDEFINED 6u
#define VECTOR_PROTECTION 13u
#define VECTOR_PAGE_FAULT 14u
#define VECTORS_WITH_ERROR_CODE 0x60227d00u
#define SYSCALL_SIZE_BYTES 2u
#define SOFTWARE_INTERRUPT_SIZE_BYTES 2u
#define ERROR_CODE_IDT 2u
#define RFLAGS_INTERRUPT 0x200u
#define RFLAGS_CLEARED_BY_GATE 0x34300u /* VM RF NT IF TF */
#define PANIC_TEXT_LIMIT 256u

static uint64_t *monitor_words(struct machine *machine, uint64_t address)
{
    uint64_t offset = address - MONITOR_DIRECT_ADDRESS;
    if (offset > machine->memory.size_bytes - PAGE_SIZE_BYTES) {
        host_panic(machine, "the processor's tables are outside machine memory");
    }
    return (uint64_t *)(void *)(machine->memory.base + offset);
}

static bool in_monitor(const struct engine *engine)
{
    return (engine->environment->hflags & HFLAG_CPL_MASK) == 0;
}

static uint32_t current_id(const struct physical_processor *processor)
{
    return processor->machine->monitor->processors[processor->id].current;
}

/* Guest work since the last entry belongs to the record that is running. */
static void attribute_work(struct engine *engine)
{
    uint32_t id = current_id(engine->processor);
    if (id < IDLE_ID_FIRST) {
        engine->machine->virtual_processor_work[id] +=
            engine_work(engine) - engine->attributed_work;
    }
    engine->attributed_work = engine_work(engine);
}

/* What the processor pushes, from high to low. */
static void push_frame(struct engine *engine, uint64_t stack, uint64_t rip, bool has_error_code,
                       uint64_t error_code)
{
    const struct environment *environment = engine->environment;
    uint64_t rflags = engine_rflags(engine);
    uint64_t frame[6] = {error_code,
                         rip,
                         environment->segments[ENV_CS].selector,
                         rflags,
                         environment->registers[ENV_RSP],
                         environment->segments[ENV_SS].selector};
    unsigned first = has_error_code ? 0 : 1;
    uint64_t size_bytes = (6 - first) * sizeof(uint64_t);
    memcpy(monitor_words(engine->machine, stack - size_bytes), frame + first, size_bytes);
    engine->environment->registers[ENV_RSP] = stack - size_bytes;
}

/* The log's categories see the same vectors as in the native build. */
static void log_trap(struct engine *engine, uint64_t vector, uint64_t error_code)
{
    struct machine *machine = engine->machine;
    uint32_t id = current_id(engine->processor);
    struct registers registers;
    if (machine->log_categories == 0) {
        return;
    }
    struct virtual_processor *record = id >= IDLE_ID_FIRST
                                           ? &machine->monitor->idle[id - IDLE_ID_FIRST]
                                           : &machine->monitor->virtual_processors[id];
    memset(&registers, 0, sizeof registers);
    engine_save_registers(engine, &registers);
    registers.vector = vector == INTERRUPT_TIMER  ? (uint64_t)ENTRY_TIMER
                       : vector == INTERRUPT_KICK ? (uint64_t)ENTRY_KICK
                                                  : vector;
    registers.error_code = error_code;
    registers.rip += vector == ENTRY_SYSCALL ? SYSCALL_SIZE_BYTES : 0;
    log_return(machine, engine->processor, record); /* one that has not run a block since */
    log_entry(machine, engine->processor, record, &registers, engine->environment->cr[2]);
}

/* Through the interrupt table to ring 0. The engine is in a hook, or at rest. */
static void deliver(struct engine *engine, uint32_t vector, uint64_t error_code,
                    bool has_error_code, uint64_t rip)
{
    struct environment *environment = engine->environment;
    const uint64_t *gate = monitor_words(engine->machine, environment->idt.base + vector * 16ull);
    uint64_t handler = (gate[0] & 0xffff) | (gate[0] >> 32 & 0xffff0000) | gate[1] << 32;
    uint64_t stack = environment->registers[ENV_RSP];
    if (in_monitor(engine) && vector < TRAP_VECTOR_LIMIT) {
        char text[PANIC_TEXT_LIMIT];
        (void)snprintf(text, sizeof text,
                       "trap %u inside the simulated monitor at %#llx, address %#llx", vector,
                       (unsigned long long)rip, (unsigned long long)environment->cr[2]);
        host_panic(engine->machine, text);
    }
    attribute_work(engine);
    log_trap(engine, vector, error_code);
    if (!in_monitor(engine)) {
        memcpy(&stack, (uint8_t *)monitor_words(engine->machine, environment->tr.base) + 4, 8);
        stack = stack & ~0xfull;
    }
    push_frame(engine, stack & ~0xfull, rip, has_error_code, error_code);
    environment_enter_monitor(environment);
    environment->eflags &= ~(uint64_t)RFLAGS_CLEARED_BY_GATE;
    environment->rip = handler;
    environment->old_exception = -1;
    engine->processor->halted = false;
}

static void deliver_trap(struct engine *engine, uint32_t vector, uint64_t error_code)
{
    if (vector == VECTOR_UNDEFINED) {
        engine_charge_undefined(engine);
    } else {
        engine_charge_partial(engine, engine->environment->rip);
    }
    deliver(engine, vector, error_code, (VECTORS_WITH_ERROR_CODE >> vector & 1) != 0,
            engine->environment->rip);
}

/* `int n` goes through a gate only when the gate's privilege level lets the caller. */
static void deliver_software_interrupt(struct engine *engine, uint32_t number)
{
    const struct environment *environment = engine->environment;
    const uint64_t *gate = monitor_words(engine->machine, environment->idt.base + number * 16ull);
    uint32_t gate_level = (uint32_t)(gate[0] >> 45 & 3);
    if (gate_level < (environment->hflags & HFLAG_CPL_MASK)) {
        deliver(engine, VECTOR_PROTECTION, number * 8ull + ERROR_CODE_IDT, true,
                environment->rip - SOFTWARE_INTERRUPT_SIZE_BYTES);
    } else {
        deliver(engine, number, 0, false, environment->rip);
    }
}

static void on_interrupt(uc_engine *uc, uint32_t number, void *user_data)
{
    struct engine *engine = user_data;
    const struct environment *environment = engine->environment;
    (void)uc;
    if (environment->exception_is_interrupt != 0) {
        deliver_software_interrupt(engine, number);
    } else if (number != VECTOR_PAGE_FAULT || !engine_postpone_fetch_fault(engine)) {
        deliver_trap(engine, number, (uint32_t)environment->error_code);
    }
}

static bool on_invalid_instruction(uc_engine *uc, void *user_data)
{
    (void)uc;
    deliver_trap(user_data, VECTOR_UNDEFINED, 0);
    return true;
}

static void on_syscall(uc_engine *uc, void *user_data)
{
    struct engine *engine = user_data;
    struct environment *environment = engine->environment;
    uint64_t rflags = engine_rflags(engine);
    (void)uc;
    attribute_work(engine);
    log_trap(engine, ENTRY_SYSCALL, 0);
    environment->registers[ENV_RCX] = environment->rip + SYSCALL_SIZE_BYTES;
    environment->registers[ENV_R11] = rflags;
    uint64_t masked = rflags & ~environment->fmask;
    (void)uc_reg_write(engine->uc, UC_X86_REG_EFLAGS, &masked);
    environment_enter_monitor(environment);
    environment->rip = environment->lstar - SYSCALL_SIZE_BYTES; /* the engine adds it again */
}

static void copy_panic_text(struct machine *machine, uint64_t machine_address)
{
    char text[PANIC_TEXT_LIMIT] = "its text is outside machine memory";
    if (machine_address < machine->memory.size_bytes - PANIC_TEXT_LIMIT) {
        memcpy(text, machine->memory.base + machine_address, sizeof text - 1);
        text[sizeof text - 1] = 0;
    }
    host_panic(machine, text);
}

/* Everything that the simulated monitor asks of the machine: see entry/doorbell.h. */
static uint64_t answer(struct engine *engine, uint32_t number, const uint64_t arguments[3])
{
    struct machine *machine = engine->machine;
    uint32_t processor = engine->processor->id;
    uint32_t subject = (uint32_t)arguments[0];
    bool is_partition = subject != 0 && subject < PARTITION_LIMIT;
    switch (number) {
    case DOORBELL_DEADLINE_SET:
        host_deadline_set(machine, processor, arguments[0]);
        return 0;
    case DOORBELL_CLOCK_REBATE:
        host_clock_rebate(machine, processor, arguments[0]);
        return 0;
    case DOORBELL_MARK:
        if (subject < VIRTUAL_PROCESSOR_LIMIT) {
            record_mark(machine, subject, arguments[1], arguments[2]);
        }
        return 0;
    case DOORBELL_PANIC:
        copy_panic_text(machine, arguments[0]);
        return 0;
    case DOORBELL_KICK:
        if (subject < machine->options.processor_count) {
            host_kick(machine, subject);
        }
        return 0;
    default:
        break;
    }
    if (!is_partition) {
        host_panic(machine, "the doorbell was rung for nobody");
    }
    switch (number) {
    case DOORBELL_TRANSLATION_FLUSH:
        host_translation_flush(machine, subject);
        return 0;
    case DOORBELL_CODE_CHANGED:
        host_code_changed(machine, subject);
        return 0;
    case DOORBELL_CONSOLE_WRITE:
        host_console_write(machine, subject, arguments[1], (uint32_t)arguments[2]);
        return 0;
    case DOORBELL_CONSOLE_READ:
        return host_console_read(machine, subject, arguments[1], (uint32_t)arguments[2]);
    default:
        host_panic(machine, "the doorbell has no such number");
    }
}

/* Guests never come here: a block with port input or output is refused before it runs. */
static void on_out(uc_engine *uc, uint32_t port, int size_bytes, uint32_t value, void *user_data)
{
    struct engine *engine = user_data;
    uint64_t *registers = engine->environment->registers;
    (void)uc;
    (void)size_bytes;
    if (in_monitor(engine) && port == DOORBELL_PORT) {
        const uint64_t arguments[3] = {registers[ENV_RDI], registers[ENV_RSI], registers[ENV_RBX]};
        registers[ENV_RAX] = answer(engine, value, arguments);
    }
}

/*
 * The engine does not restore the last floating-point instruction's address with FXRSTOR, as
 * hardware does: without this a partition would see another's.
 */
static void restore_instruction_pointer(struct engine *engine)
{
    uint32_t id = current_id(engine->processor);
    if (id != engine->last_record && id < IDLE_ID_FIRST) {
        const struct virtual_processor *record = &engine->machine->monitor->virtual_processors[id];
        (void)uc_reg_write(engine->uc, UC_X86_REG_FIP, record->floating_point + 8);
        engine->last_record = id;
    }
}

static void leave_monitor(struct engine *engine)
{
    struct machine *machine = engine->machine;
    engine->was_in_monitor = false;
    restore_instruction_pointer(engine);
    if (machine->pending_log[engine->processor->id].category != 0) {
        uint32_t id = current_id(engine->processor);
        const struct virtual_processor *next = id >= IDLE_ID_FIRST
                                                   ? &machine->monitor->idle[id - IDLE_ID_FIRST]
                                                   : &machine->monitor->virtual_processors[id];
        log_return(machine, engine->processor, next);
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
    if (engine->budget <= 0) {
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

static const struct engine_hooks hooks = {on_interrupt, on_invalid_instruction, on_syscall};

static int add_hooks(struct engine *engine)
{
    uc_hook hook;
    int result = engine_add_hooks(engine, &hooks);
    if (result == NATIVE_OK && uc_hook_add(engine->uc, &hook, UC_HOOK_INSN, (void *)on_out, engine,
                                           1, 0, UC_X86_INS_OUT) != UC_ERR_OK) {
        result = machine_fail(engine->machine, NATIVE_ENGINE, "the engine refuses a hook");
    }
    return result;
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
        bool undefined = engine->unsupported == UNSUPPORTED_UNDEFINED;
        deliver_trap(engine, undefined ? VECTOR_UNDEFINED : VECTOR_PROTECTION, 0);
    } else if (engine->stop == ENGINE_STOP_NONE) {
        if (!in_monitor(engine) || current_id(processor) < IDLE_ID_FIRST) {
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
    result = add_hooks(engine);
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
    deliver(engine, vector, 0, false, engine->environment->rip);
}

static int simulated_run_processor(struct physical_processor *processor)
{
    const struct monitor *monitor = processor->machine->monitor;
    while (monitor->running_partitions != 0) {
        if (processor->kicked || processor->clock >= processor->deadline) {
            uint32_t vector = processor->kicked ? INTERRUPT_KICK : INTERRUPT_TIMER;
            processor->kicked = false;
            interrupt(processor, vector);
        } else if (processor->clock >= processor->horizon) {
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
    uint32_t id = current_id(engine->processor);
    if (id >= IDLE_ID_FIRST || in_monitor(engine)) {
        return;
    }
    engine_settle(engine);
    attribute_work(engine);
    struct virtual_processor *record = &engine->machine->monitor->virtual_processors[id];
    engine_save_registers(engine, &record->registers);
    record->fs_base = environment->segments[ENV_FS].base;
    record->gs_base = environment->segments[ENV_GS].base;
    record->selectors = environment_selectors(environment);
    floating_point_save(engine->uc, record->floating_point);
}

static void simulated_synchronise(struct machine *machine)
{
    for (uint32_t id = 0; id < machine->options.processor_count; id++) {
        if (machine->engines[id] != NULL) {
            synchronise_running(machine->engines[id]);
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
    words[26] = environment_selectors(environment);
    words[27] = processor->halted;
    words[28] = processor->engine->monitor_work;
}

static void simulated_load_processor(struct physical_processor *processor, const uint64_t *words)
{
    struct engine *engine = processor->engine;
    struct environment *environment = engine->environment;
    struct registers registers;
    memcpy(&registers, words, sizeof registers);
    engine_load_general(engine, &registers);
    (void)uc_reg_write(engine->uc, UC_X86_REG_EFLAGS, &registers.rflags);
    if ((registers.cs & 3) == 0) {
        environment_enter_monitor(environment);
    } else {
        environment_enter_guest(environment);
    }
    environment_load_selectors(environment, words[26]);
    environment->segments[ENV_FS].base = words[22];
    environment->segments[ENV_GS].base = words[23];
    environment->kernel_gs_base = words[24];
    (void)uc_reg_write(engine->uc, UC_X86_REG_CR3, &words[25]);
    processor->halted = words[27] != 0;
    engine->monitor_work = words[28];
    engine->settled_monitor_work = words[28];
    engine->was_in_monitor = false;
}

static void simulated_set_work(struct machine *machine, uint32_t virtual_processor, uint64_t work)
{
    machine->virtual_processor_work[virtual_processor] = work;
}

/* Floating-point state of what runs comes from its record; the engine's counters go on. */
static void simulated_reload(struct machine *machine)
{
    for (uint32_t id = 0; id < machine->options.processor_count; id++) {
        struct engine *engine = machine->engines[id];
        uint32_t record = current_id(&machine->processors[id]);
        engine->code_stale = true;
        engine->translation_stale = true;
        engine->last_record = UINT32_MAX;
        engine->settled_work = engine_work(engine);
        engine->attributed_work = engine->settled_work;
        if (record < IDLE_ID_FIRST && !in_monitor(engine)) {
            floating_point_load(engine->uc,
                                machine->monitor->virtual_processors[record].floating_point);
        }
    }
}

const struct build_operations simulated_build = {
    simulated_boot,           simulated_run_processor,  simulated_take_interrupt,
    simulated_is_idle,        simulated_synchronise,    simulated_reload,
    simulated_save_processor, simulated_load_processor, simulated_set_work,
};
