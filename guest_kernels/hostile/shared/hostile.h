/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the hostile scenarios have in common: places to map at, accesses that may fault, and
 * what is expected of them. An image here makes one attempt. Used by guest_kernels/hostile only.
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include "check.h"
#include "hypercall.h"
#include "memory.h"
#include "scenario.h"
#include "start.h"
#include "tables.h"
#include "trap.h"

/* Small: the host looks at every frame of it around each call that is refused. */
#define HOSTILE_MEMORY_SIZE_BYTES 1048576

#define HOSTILE(sentence) SCENARIO(1048576, sentence)

/* Where nothing is mapped, and nothing else of an image lies; far apart: no table is shared. */
#define SCRATCH 0x20000000u
#define SCRATCH_OTHER 0x28000000u
#define UNMAPPED 0x30000000u

#define PAGE_READ (ENTRY_PRESENT | ENTRY_USER | ENTRY_NO_EXECUTE)
#define PAGE_WRITE (PAGE_READ | ENTRY_WRITABLE)
#define PAGE_CODE (ENTRY_PRESENT | ENTRY_USER)
#define TABLE_LINK (ENTRY_PRESENT | ENTRY_WRITABLE | ENTRY_USER)

#define PAGE_FAULT_USER 0x4 /* ring 3: a 64-bit kernel runs there too, a 32-bit one does not */

#define VECTOR_DEBUG 1
#define VECTOR_FLOATING_POINT 16

/* An entry for a guest frame, and the machine address of an entry in a table of the guest's. */
uint64_t entry_of(uint64_t frame, uint64_t flags);
uint64_t entry_address(uint64_t table, uint32_t slot);

/* The kernel's own root, and the tables below it that lead to an address. */
uint64_t kernel_root(void);
uint64_t table_over(uint64_t address, uint32_t level);
uint32_t table_slot(uint64_t address, uint32_t level);

/* The highest level of a root that the guest owns: 4, or 3 in 32 bits. */
uint32_t root_level(void);

/* Maps a frame in the kernel's space; the flags' rights are the caller's to have freed. */
void page_map(uint64_t address, uint64_t frame, uint64_t flags);
/* A fresh frame that is a pinned, empty table of that level. */
uint64_t table_make(uint32_t level);
/* One update of one entry: what the monitor says. */
int64_t entry_set(uint64_t table, uint32_t slot, uint64_t value);
/* A frame of code that does nothing but return a number, not yet mapped to be run. */
void code_write(uint64_t frame, uint8_t number);

/* A machine frame that is none of the guest's, `distance` frames before or behind its memory. */
uint64_t frame_before(uint64_t distance);
uint64_t frame_behind(uint64_t distance);

/* For scenario_trap and scenario_user. */
void byte_read(uintptr_t address);
void byte_write(uintptr_t address);
void code_run(uintptr_t address);

/* Failures unless the function ends so. */
void expect_trap(const char *name, scenario_function *function, uintptr_t argument, uint64_t vector,
                 uint64_t error_code);
void expect_user_trap(const char *name, scenario_function *function, uintptr_t argument,
                      uint64_t vector, uint64_t error_code);
/* PAGE_FAULT_PRESENT and the like, as of kernel mode of either width. */
void expect_page_fault(const char *name, scenario_function *function, uintptr_t address,
                       uint64_t error_code);
void expect_no_trap(const char *name, scenario_function *function, uintptr_t argument);

/* The call itself, whatever its number: hypercall.h knows those that exist. */
int64_t raw_call(uint64_t number, uintptr_t first, uintptr_t second, uintptr_t third);

/* One instruction and where it lies; see INSTRUCTION_TABLE. */
struct instruction {
    const char *name;
    scenario_function *function;
};

/*
 * Each traps with this vector and error code, at the instruction itself: in kernel mode and in
 * user mode.
 */
void expect_instructions(const struct instruction *instructions, uint32_t count, uint64_t vector,
                         uint64_t error_code);

/* clang-format off */

/* A function that is one instruction, and a return for when it does not trap. */
#define INSTRUCTION(name, text)                                                                    \
    static __attribute__((naked)) void instruction_##name(                                         \
        uintptr_t argument __attribute__((unused)))                                                \
    {                                                                                              \
        __asm__ volatile(text "\n ret");                                                           \
    }

#define INSTRUCTION_ROW(name, text) {#name, instruction_##name},

/* LIST(X) has a row X(name, text) an instruction. */
#define INSTRUCTION_TABLE(LIST)                                                                    \
    LIST(INSTRUCTION)                                                                              \
    static const struct instruction instructions[] = {LIST(INSTRUCTION_ROW)}

#define INSTRUCTION_COUNT ((uint32_t)(sizeof(instructions) / sizeof(instructions[0])))

/* clang-format on */

#endif
