/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel with two preempted user processes and a third that is killed: system
 * calls, pages on first touch, FPU and SSE state, a segment a thread, code that changes itself
 * lawfully. The option timer=N is the quantum in cycles, 0 for none. The closing
 * totals do not depend on it.
 */
#include "check.h"
#include "console.h"
#include "fault.h"
#include "hypercall.h"
#include "image.h"
#include "memory.h"
#include "option.h"
#include "schedule.h"
#include "start.h"
#include "system_call.h"

#define QUANTUM_DEFAULT_CYCLES 20000
#define KERNEL_STACK_SIZE_BYTES 16384

IMAGE(4 * 1024 * 1024);

static uint8_t kernel_stack[KERNEL_STACK_SIZE_BYTES] __attribute__((aligned(16)));
static uint64_t free_before;

/* The exit code of the guest: 0 if every process ended as its role wants. */
_Noreturn void schedule_finished(void)
{
    unsigned exited = 0;
    unsigned killed = 0;
    int failed = 0;

    for (uint32_t i = 0; i < PROCESS_COUNT; i++) {
        const struct process *process = &processes[i];
        uint32_t wanted = i == ROLE_crash ? PROCESS_KILLED : PROCESS_EXITED;

        exited += process->state == PROCESS_EXITED;
        killed += process->state == PROCESS_KILLED;
        failed |= process->state != wanted || process->exit_code != 0;
        print("duo: %s: %u pages on first touch, %u system calls, %u patches\n", process->name,
              (unsigned)process->page_count, (unsigned)process->call_count,
              (unsigned)process->patch_count);
    }
    CHECK(frames_free_count() == free_before);
    print("duo: %u exited, %u killed, all frames returned\n", exited, killed);
    guest_exit(failed, failed ? "a process ended wrongly" : "all processes ended as they should");
}

int guest_main(const struct start_page *start)
{
    static const char *const names[PROCESS_COUNT] = {"alpha", "beta", "crash"};

    free_before = frames_free_count();
    for (uint32_t i = 0; i < PROCESS_COUNT; i++) {
        process_create(&processes[i], i, names[i]);
    }
    faults_start();
    trap_function_set(VECTOR_SYSTEM_CALL, system_call_arrived);
    schedule_start(option_number(start->command_line, "timer", QUANTUM_DEFAULT_CYCLES));
    CALL(hypercall_kernel_stack_set((uintptr_t)kernel_stack + sizeof(kernel_stack)));
    print("duo: %u processes\n", PROCESS_COUNT);
    trap_resume(schedule_resume(0));
}
