/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The paths that `bench switch` measures. Each round of a guest is: its own work twice, a
 * count in the control page that the host waits for, a delay in which the host pauses it,
 * the path, and the work again. The host finds path and work in its record of all
 * instructions by the symbols that are declared here. The delay is on another page than the
 * paths, so that what the host made cold there is still cold where a path begins.
 */
#ifndef PATHS_H
#define PATHS_H

#define USER_TEXT_ADDRESS 0x10000000
#define USER_DATA_ADDRESS 0x20000000
#define USER_CONTROL_ADDRESS 0x30000000
#define CONTROL_PAGES_OFFSET 8
#define DELAY_ROUNDS 200
/* One line a page, and in each page another one. */
#define WORK_STEP_BYTES (4096 + 64)
#define VMCALL_STUB_SIZE_BYTES 16

#ifndef __ASSEMBLER__

#include <stdint.h>

/* Shared with the host, and mapped into the user program. */
struct control {
    uint64_t rounds; /* begun so far; of the guests that are preempted: 1, once they work */
    uint64_t pages;  /* that the work touches */
};

/* Where the host finds it. */
extern struct control *path_control;

/* Returns when the command line names no path; otherwise never. */
void path_run(const char *command_line);

/* The guest's own work: loads a word of each page. */
void path_work(uintptr_t data, uintptr_t pages);

/* Counts the round, delays, and goes on at the target with the stub and its arguments. */
int64_t path_go(uintptr_t target, uintptr_t stub, uintptr_t first, uintptr_t second);

/* The other partition: calls the stub and does its work, without end. */
_Noreturn void path_partner(uintptr_t stub, uintptr_t data, uintptr_t pages);

/* The same, but right after the stub it executes an SSE instruction. */
_Noreturn void path_partner_floating(uintptr_t stub, uintptr_t data, uintptr_t pages);

/* An SSE instruction, by which the caller's state is what FPU and SSE hold. */
void path_floating(void);

/* Targets of path_go, and handlers; none is a C function. */
extern const char path_call[], path_none[], path_fault[];
extern const char path_fault_entry[], path_client_entry[], path_server_entry[];
extern const char path_system_call_entry[], path_vmcall_stubs[];
extern const char user_program[], user_program_end[];

/* Where the handlers of events find the pending ones. */
extern uint64_t *path_pending;

#endif
#endif
