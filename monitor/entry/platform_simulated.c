/* SPDX-License-Identifier: GPL-2.0-or-later */
/* monitor/platform.h for the simulated build: privileged instructions and the doorbell. */
#include "platform.h"

#include "area.h"
#include "doorbell.h"

#define FLOATING_POINT_CONTROL_RESET 0x37f
#define MXCSR_RESET 0x1f80u
#define MXCSR_MASK 0xffffu
#define RFLAGS_IDLE 0x202u

static inline uint64_t doorbell(uint32_t number, uint64_t first, uint64_t second, uint64_t third)
{
    uint64_t result = number;
    __asm__ volatile("out %%eax, %%dx"
                     : "+a"(result)
                     : "d"(DOORBELL_PORT), "D"(first), "S"(second), "b"(third)
                     : "memory");
    return result;
}

void platform_deadline_set(uint32_t processor, uint64_t deadline_cycles)
{
    (void)processor; /* a processor has one timer: its own */
    (void)doorbell(DOORBELL_DEADLINE_SET, deadline_cycles, 0, 0);
}

void platform_clock_rebate(uint32_t processor, uint64_t cycles)
{
    (void)processor;
    (void)doorbell(DOORBELL_CLOCK_REBATE, cycles, 0, 0);
}

void platform_kick(uint32_t processor)
{
    (void)doorbell(DOORBELL_KICK, processor, 0, 0);
}

static void load_root(uint64_t root)
{
    __asm__ volatile("mov %0, %%cr3" : : "r"(root) : "memory");
}

void platform_root_load(struct virtual_processor *current)
{
    load_root(current->root_address);
}

void platform_translation_flush(uint32_t partition, uint64_t address)
{
    const struct monitor *monitor = machine_pointer(MONITOR_STATE_ADDRESS);
    if (address == TRANSLATION_ALL) {
        uint64_t root;
        __asm__ volatile("mov %%cr3, %0" : "=r"(root));
        load_root(root);
    } else {
        __asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
    }
    /* One that has stopped is flushed by whoever follows the view, not by its own processor. */
    if (monitor->partitions[partition].virtual_processor_count > 1 ||
        monitor->partitions[partition].state == PARTITION_STOPPED) {
        (void)doorbell(DOORBELL_TRANSLATION_FLUSH, partition, 0, 0);
    }
}

void platform_code_changed(uint32_t partition, uint64_t frame)
{
    (void)frame;
    (void)doorbell(DOORBELL_CODE_CHANGED, partition, 0, 0);
}

static void reset_floating_point(uint8_t image[512])
{
    for (uint32_t at = 0; at < 512; at += 8) {
        *(uint64_t *)(void *)(image + at) = 0;
    }
    *(uint16_t *)(void *)image = FLOATING_POINT_CONTROL_RESET;
    *(uint32_t *)(void *)(image + 24) = MXCSR_RESET;
    *(uint32_t *)(void *)(image + 28) = MXCSR_MASK;
}

/* An idle record runs in ring 0 on its own save area: interrupts push where they are kept. */
void platform_context_reset(struct virtual_processor *record)
{
    reset_floating_point(record->floating_point);
    if (record->id >= IDLE_ID_FIRST) {
        record->registers.rip = (uint64_t)idle_loop;
        record->registers.cs = SELECTOR_MONITOR_CODE;
        record->registers.ss = 0;
        record->registers.rflags = RFLAGS_IDLE;
        record->registers.rsp = (uint64_t)(&record->registers + 1);
        record->root_address = MONITOR_BOOT_ROOT_ADDRESS;
    }
}

void platform_console_write(uint32_t partition, uint64_t machine_address, uint32_t size_bytes)
{
    (void)doorbell(DOORBELL_CONSOLE_WRITE, partition, machine_address, size_bytes);
}

uint32_t platform_console_read(uint32_t partition, uint64_t machine_address, uint32_t size_bytes)
{
    return (uint32_t)doorbell(DOORBELL_CONSOLE_READ, partition, machine_address, size_bytes);
}

void platform_mark(uint32_t virtual_processor, uint64_t id, uint64_t value)
{
    (void)doorbell(DOORBELL_MARK, virtual_processor, id, value);
}

_Noreturn void platform_panic(const char *where)
{
    (void)doorbell(DOORBELL_PANIC, (uint64_t)where - MONITOR_DIRECT_ADDRESS, 0, 0);
    for (;;) {
        __asm__ volatile("hlt");
    }
}
