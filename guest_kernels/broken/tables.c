/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rows about the processor's own registers: what is stored is real, and the monitor's. */
#include "context.h"
#include "instructions.h"
#include "memory.h"
#include "own.h"
#include "processor.h"
#include "row.h"
#include "start.h"
#include "tables.h"

#define CONTROL_PROTECTION 0x1u
#define CONTROL_TASK_SWITCHED 0x8u
#define TASK_SELECTOR_ALIGNMENT 16

/* A 32-bit kernel sees the lower half of such an address. */
static int is_monitor_address(uintptr_t base)
{
    const uint64_t first = (uint64_t)MONITOR_SLOT_FIRST << 39;
    const uint64_t end = (uint64_t)(MONITOR_SLOT_FIRST + MONITOR_SLOT_COUNT) << 39;
    uint64_t low_bits = (uint64_t)base & 0xffffffffffffull;

    return sizeof(base) == sizeof(uint32_t) || (low_bits >= first && low_bits < end);
}

static int sgdt_unmodified(char *happened)
{
    struct table_register stored = {0, 0};

    broken_sgdt(&stored);
    SAY(happened, "leaks GDT %lx", (unsigned long)stored.base);
    return stored.limit == PAGE_SIZE_BYTES - 1 && stored.base != 0 &&
           is_monitor_address(stored.base);
}

/* What a kernel keeps in its own descriptors: where the data of this processor are. */
static int sgdt_modified(void)
{
    return own_record_address() == (uintptr_t)&processors[0];
}

static int sidt_unmodified(char *happened)
{
    struct table_register stored = {0, 0};

    broken_sidt(&stored);
    SAY(happened, "leaks IDT %lx", (unsigned long)stored.base);
    return stored.limit == PAGE_SIZE_BYTES - 1 && stored.base != 0 &&
           is_monitor_address(stored.base);
}

static int sidt_modified(void)
{
    struct arrival arrival = context_trap();

    return arrival.vector == VECTOR_INVALID_OPCODE && !arrival.from_user;
}

static int sldt_unmodified(char *happened)
{
    uint32_t selector = broken_sldt();

    SAY(happened, "leaks LDT selector %x", selector);
    return selector == 0;
}

static int sldt_modified(void)
{
    return own_thread_read(0x1234) == 0x1234;
}

static int str_unmodified(char *happened)
{
    uint32_t selector = broken_str();

    SAY(happened, "leaks task selector %x", selector);
    return selector != 0 && selector % TASK_SELECTOR_ALIGNMENT == 0;
}

static int str_modified(void)
{
    return processor_current()->index == 0;
}

static int smsw_unmodified(char *happened)
{
    uint32_t value = broken_smsw();

    SAY(happened, "leaks CR0's low half %x", value);
    return (value & CONTROL_PROTECTION) != 0 && (value & CONTROL_TASK_SWITCHED) == 0;
}

/* Paging is on from the start: the root that the start page names maps the image. */
static int smsw_modified(void)
{
    uint64_t root = frame_from_machine(start_page->kernel_root_frame);

    return (space_entry(root, start_page->image_address) & ENTRY_PRESENT) != 0;
}

const struct row table_rows[] = {
    {"sgdt", sgdt_unmodified, "not the kernel's table", sgdt_modified, own_record_form},
    {"sidt", sidt_unmodified, "not the kernel's table", sidt_modified, "trap_handlers_set: caught"},
    {"sldt", sldt_unmodified, "not the kernel's table", sldt_modified, own_thread_form},
    {"str", str_unmodified, "names a real processor", str_modified, "its own data: number 0"},
    {"smsw", smsw_unmodified, "the monitor's modes", smsw_modified, "start page: root in force"},
    {0, 0, 0, 0, 0},
};
