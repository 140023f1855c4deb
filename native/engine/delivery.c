/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The processor's part in the simulated build: Unicorn delivers nothing into a guest, so
 * traps and interrupts go through the interrupt table and the task state here, and `syscall`
 * through its registers, as the hardware would do it.
 */
#include <stdio.h>
#include <string.h>

#include "entry/doorbell.h"
#include "machine.h"
#include "platform_host.h"
#include "simulated_build.h"

#define VECTORS_WITH_ERROR_CODE 0x60227d00u
#define SOFTWARE_INTERRUPT_SIZE_BYTES 2u
#define ERROR_CODE_IDT 2u
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

/* Guest work since the last entry belongs to the record that is running. */
void simulated_attribute_work(struct engine *engine)
{
    uint32_t id = current_record_id(engine->processor);
    if (id < IDLE_ID_FIRST) {
        struct machine *machine = engine->machine;
        uint64_t key = record_key(machine, id);
        if (machine->work_keys[id] != key) {
            machine->work_keys[id] = key;
            machine->virtual_processor_work[id] = 0;
        }
        machine->virtual_processor_work[id] += engine_work(engine) - engine->attributed_work;
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

static bool in_user_mode(const struct engine *engine)
{
    return record_in_user_mode(current_record(engine->processor),
                               engine->environment->segments[ENV_CS].selector);
}

/* As the native build's monitor is told. */
static uint64_t entry_vector(uint64_t vector)
{
    switch (vector) {
    case INTERRUPT_TIMER:
        return ENTRY_TIMER;
    case INTERRUPT_KICK:
        return ENTRY_KICK;
    case HYPERCALL_VECTOR:
        return ENTRY_SOFTWARE_INTERRUPT + HYPERCALL_VECTOR;
    default:
        return vector;
    }
}

/* The log's categories see the same vectors as in the native build. */
static void log_trap(struct engine *engine, uint64_t vector, uint64_t error_code)
{
    struct machine *machine = engine->machine;
    struct registers registers;
    if (machine->log_categories == 0 && !machine->traced) {
        return;
    }
    struct virtual_processor *record = current_record(engine->processor);
    memset(&registers, 0, sizeof registers);
    engine_save_registers(engine, &registers);
    registers.vector = entry_vector(vector);
    registers.error_code = error_code;
    if (vector == VECTOR_PROTECTION && (error_code & 7) == ERROR_CODE_IDT) {
        registers.vector = ENTRY_SOFTWARE_INTERRUPT + (error_code >> 3);
        registers.error_code = 0;
    }
    registers.rip += vector == ENTRY_SYSCALL ? engine_syscall_size_bytes(engine) : 0;
    /* One that has not run a block since it was left is left now. */
    if (machine->log_categories != 0) {
        log_return(machine, engine->processor, record);
        log_entry(machine, engine->processor, record, &registers, engine->environment->cr[2]);
    }
    if (machine->traced) {
        trace_leave(machine, engine->processor, record);
        trace_enter(machine, engine->processor, record, &registers,
                    entry_path(engine->processor, record, registers.vector, in_user_mode(engine)));
    }
}

/* Through the interrupt table to ring 0. The engine is in a hook, or at rest. */
void simulated_deliver(struct engine *engine, uint32_t vector, uint64_t error_code,
                       bool has_error_code, uint64_t rip)
{
    struct environment *environment = engine->environment;
    const uint64_t *gate = monitor_words(engine->machine, environment->idt.base + vector * 16ull);
    uint64_t handler = (gate[0] & 0xffff) | (gate[0] >> 32 & 0xffff0000) | gate[1] << 32;
    uint64_t stack = environment->registers[ENV_RSP];
    if (engine_in_monitor(engine) && vector < TRAP_VECTOR_LIMIT) {
        char text[PANIC_TEXT_LIMIT];
        (void)snprintf(text, sizeof text,
                       "trap %u inside the simulated monitor at %#llx, address %#llx", vector,
                       (unsigned long long)rip, (unsigned long long)environment->cr[2]);
        host_panic(engine->machine, text);
    }
    engine_drop_exit(engine);
    simulated_attribute_work(engine);
    log_trap(engine, vector, error_code);
    meter_enter(engine->processor, current_record(engine->processor), entry_vector(vector),
                in_user_mode(engine));
    if (!engine_in_monitor(engine)) {
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

void simulated_deliver_trap(struct engine *engine, uint32_t vector, uint64_t error_code)
{
    if (vector == VECTOR_UNDEFINED) {
        engine_charge_undefined(engine, in_user_mode(engine));
    } else {
        engine_charge_partial(engine, engine->environment->rip);
    }
    simulated_deliver(engine, vector, error_code, (VECTORS_WITH_ERROR_CODE >> vector & 1) != 0,
                      engine->environment->rip);
    /* Where the FPU was taken lazily must not move the boundaries at which interrupts come. */
    engine->continues = vector == VECTOR_DEVICE_NOT_AVAILABLE;
    engine_charge_transition(engine, TIMING_TRANSITION_EXCEPTION, 0);
}

/* `int n` goes through a gate only when the gate's privilege level lets the caller. */
static void deliver_software_interrupt(struct engine *engine, uint32_t number)
{
    const struct environment *environment = engine->environment;
    const uint64_t *gate = monitor_words(engine->machine, environment->idt.base + number * 16ull);
    uint32_t gate_level = (uint32_t)(gate[0] >> 45 & 3);
    engine_charge_partial(engine, environment->rip); /* `into` need not end its block */
    if (gate_level < (environment->hflags & HFLAG_CPL_MASK)) {
        simulated_deliver(engine, VECTOR_PROTECTION, number * 8ull + ERROR_CODE_IDT, true,
                          environment->rip - SOFTWARE_INTERRUPT_SIZE_BYTES);
    } else {
        simulated_deliver(engine, number, 0, false, environment->rip);
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
        simulated_deliver_trap(engine, number, (uint32_t)environment->error_code);
    }
}

static bool on_invalid_instruction(uc_engine *uc, void *user_data)
{
    if (engine_was_software_interrupt(user_data)) {
        on_interrupt(uc, VECTOR_UNDEFINED, user_data);
    } else {
        simulated_deliver_trap(user_data, VECTOR_UNDEFINED, 0);
    }
    return true;
}

static void on_syscall(uc_engine *uc, void *user_data)
{
    struct engine *engine = user_data;
    struct environment *environment = engine->environment;
    uint64_t rflags = engine_rflags(engine);
    uint64_t size_bytes = engine_syscall_size_bytes(engine);
    (void)uc;
    if ((environment->hflags & HFLAG_CS64) == 0) { /* from 32-bit code there is no such call */
        simulated_deliver_trap(engine, VECTOR_UNDEFINED, 0);
        environment->rip -= size_bytes;
        return;
    }
    engine_complete_block(engine, environment->lstar);
    simulated_attribute_work(engine);
    log_trap(engine, ENTRY_SYSCALL, 0);
    meter_enter(engine->processor, current_record(engine->processor), ENTRY_SYSCALL,
                in_user_mode(engine));
    environment->registers[ENV_RCX] = environment->rip + size_bytes;
    environment->registers[ENV_R11] = rflags;
    uint64_t masked = rflags & ~environment->fmask;
    (void)uc_reg_write(engine->uc, UC_X86_REG_EFLAGS, &masked);
    environment_enter_monitor(environment);
    environment->rip = environment->lstar - size_bytes; /* the engine adds it again */
}

const struct engine_hooks simulated_hooks = {on_interrupt, on_invalid_instruction, on_syscall,
                                             simulated_on_out};
