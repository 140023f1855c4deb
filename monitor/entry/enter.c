/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between the entry path and the core: what the processor's vectors mean to the monitor, and
 * how a processor comes up. Called from entry.S with the registers in the record.
 */
#include <stdbool.h>

#include "platform.h"

#include "area.h"
#include "doorbell.h"

#define MSR_STAR 0xc0000081u
#define MSR_LSTAR 0xc0000082u
#define MSR_FMASK 0xc0000084u
#define FMASK_VALUE 0x57700u /* AC RF NT IOPL DF IF TF */
#define SYSRET_SELECTOR_BASE 0x20ull
#define VECTOR_BREAKPOINT 3u
#define VECTOR_OVERFLOW 4u
#define VECTOR_PROTECTION 13u
#define ERROR_CODE_IDT 0x2u /* the error code names an IDT entry: an `int n` that may not */
#define SOFTWARE_INTERRUPT_SIZE_BYTES 2u
#define GATE_INTERRUPT 0x8e00ull
#define GATE_INTERRUPT_KERNEL_32 0xae00ull /* from ring 1 on */
#define GATE_INTERRUPT_USER 0xee00ull
#define INTERRUPT_VECTOR_COUNT 256u
#define GATE_SIZE_BYTES 16u
#define TASK_STATE_WORDS 26u
#define TASK_STATE_SIZE_BYTES 104u

struct table_register {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

struct processor_area processor_areas[PROCESSOR_LIMIT];
static uint32_t task_states[PROCESSOR_LIMIT][TASK_STATE_WORDS] __attribute__((aligned(128)));

struct virtual_processor *simulated_enter(struct virtual_processor *current)
{
    const struct monitor *monitor = machine_pointer(MONITOR_STATE_ADDRESS);
    struct registers *registers = &current->registers;
    const struct virtual_processor *expected =
        processor_areas[current->processor % PROCESSOR_LIMIT].current;
    if (current != expected || monitor->processor_count == 0) {
        platform_panic("a trap inside the monitor");
    }
    if (registers->vector == INTERRUPT_TIMER) {
        registers->vector = ENTRY_TIMER;
    } else if (registers->vector == INTERRUPT_KICK) {
        registers->vector = ENTRY_KICK;
    } else if (registers->vector == VECTOR_PROTECTION &&
               (registers->error_code & 7) == ERROR_CODE_IDT) {
        registers->vector = ENTRY_SOFTWARE_INTERRUPT + (registers->error_code >> 3);
        registers->error_code = 0;
        registers->rip += SOFTWARE_INTERRUPT_SIZE_BYTES;
    }
    return monitor_enter(current);
}

static void set_gate(uint32_t vector, uint64_t handler, uint64_t type)
{
    uint64_t *gate = machine_pointer(INTERRUPT_TABLE_ADDRESS + vector * GATE_SIZE_BYTES);
    gate[0] = (handler & 0xffff) | SELECTOR_MONITOR_CODE << 16 | type << 32 |
              (handler >> 16 & 0xffff) << 48;
    gate[1] = handler >> 32;
}

static void fill_interrupt_table(void)
{
    for (uint32_t vector = 0; vector < TRAP_VECTOR_LIMIT; vector++) {
        bool for_user = vector == VECTOR_BREAKPOINT || vector == VECTOR_OVERFLOW;
        set_gate(vector, trap_entries[vector], for_user ? GATE_INTERRUPT_USER : GATE_INTERRUPT);
    }
    set_gate(HYPERCALL_VECTOR, (uint64_t)call_32_entry, GATE_INTERRUPT_KERNEL_32);
    set_gate(INTERRUPT_TIMER, (uint64_t)timer_entry, GATE_INTERRUPT);
    set_gate(INTERRUPT_KICK, (uint64_t)kick_entry, GATE_INTERRUPT);
}

static void load_tables(uint32_t processor)
{
    uint64_t *descriptors =
        machine_pointer(DESCRIPTOR_TABLES_ADDRESS + (uint64_t)processor * PAGE_SIZE_BYTES);
    uint64_t task = (uint64_t)task_states[processor];
    uint32_t index = TASK_SELECTOR_FIRST / 8 + 2 * processor;
    struct table_register global = {PAGE_SIZE_BYTES - 1, (uint64_t)descriptors};
    struct table_register interrupts = {INTERRUPT_VECTOR_COUNT * GATE_SIZE_BYTES - 1,
                                        (uint64_t)machine_pointer(INTERRUPT_TABLE_ADDRESS)};
    descriptors[index] = (TASK_STATE_SIZE_BYTES - 1) | (task & 0xffffff) << 16 | 0x89ull << 40 |
                         (task >> 24 & 0xff) << 56;
    descriptors[index + 1] = task >> 32;
    __asm__ volatile("lgdt %0" : : "m"(global));
    __asm__ volatile("lidt %0" : : "m"(interrupts));
    __asm__ volatile("ltr %w0" : : "r"(index * 8));
}

/* Called by boot.S on each processor, in order; processor 0 first and alone. */
_Noreturn void simulated_boot(uint32_t processor);

_Noreturn void simulated_boot(uint32_t processor)
{
    struct monitor *monitor = machine_pointer(MONITOR_STATE_ADDRESS);
    struct processor_area *area = &processor_areas[processor];
    area->id = processor;
    area->stack_top = MONITOR_DIRECT_ADDRESS + MONITOR_STACKS_ADDRESS +
                      (uint64_t)(processor + 1) * MONITOR_STACK_SIZE_BYTES;
    area->task_stack = (uint64_t *)(void *)&task_states[processor][1];
    if (processor == 0) {
        fill_interrupt_table();
    }
    load_tables(processor);
    msr_write(MSR_STAR, SYSRET_SELECTOR_BASE << 48 | (uint64_t)SELECTOR_MONITOR_CODE << 32);
    msr_write(MSR_LSTAR, (uint64_t)syscall_entry);
    msr_write(MSR_FMASK, FMASK_VALUE);
    msr_write(MSR_GS_BASE, (uint64_t)area);
    if (processor == 0) {
        monitor_start();
    }
    area->current = &monitor->idle[processor];
    enter_first(monitor_first(processor));
}
