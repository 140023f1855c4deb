/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reference for speed: the same guest in a bare engine with nothing of ours in its way.
 * No block hook, no preemption, no monitor: a system call is answered as if all were well,
 * and partition_exit ends the run. Good only for guests that ask nothing of the monitor while
 * they work; it starts from the state in which the machine was booted.
 */
#define _GNU_SOURCE
#include <time.h>

#include "machine.h"

static void on_syscall(uc_engine *uc, void *user_data)
{
    struct engine *engine = user_data;
    uint64_t *registers = engine->environment->registers;
    uint64_t number = registers[ENV_RAX];
    if (number == HC_partition_exit) {
        (void)uc_emu_stop(uc);
    }
    registers[ENV_RCX] = engine->environment->rip + 2;
    registers[ENV_RAX] = number == HC_version         ? ABI_VERSION
                         : number == HC_console_write ? registers[ENV_RSI]
                                                      : 0;
}

static uint64_t thread_time_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int run(struct engine *engine, const struct virtual_processor *record, uint64_t *cpu_ns)
{
    uc_hook hook;
    uint64_t root = record->root_address;
    if (uc_hook_add(engine->uc, &hook, UC_HOOK_INSN, (void *)on_syscall, engine, 1, 0,
                    UC_X86_INS_SYSCALL) != UC_ERR_OK) {
        return machine_fail(engine->machine, NATIVE_ENGINE, "the engine refuses a hook");
    }
    (void)uc_reg_write(engine->uc, UC_X86_REG_CR3, &root);
    environment_enter_guest(engine->environment, record);
    engine_load_general(engine, &record->registers);
    uint64_t start_ns = thread_time_ns();
    uc_err error = uc_emu_start(engine->uc, record->registers.rip, 0, 0, 0);
    *cpu_ns = thread_time_ns() - start_ns;
    if (error != UC_ERR_OK) {
        return machine_fail(engine->machine, NATIVE_ENGINE, "the bare engine stopped: %s",
                            uc_strerror(error));
    }
    return NATIVE_OK;
}

int machine_run_plain(struct machine *machine, uint32_t partition, uint64_t *cpu_ns)
{
    if (!machine->booted || partition == 0 || partition > machine->partition_count ||
        machine->processors[0].clock != 0) {
        return machine_fail(machine, NATIVE_STATE, "only a machine that has just booted");
    }
    uint32_t first = machine->monitor->partitions[partition].first_virtual_processor;
    struct engine *engine;
    int result = engine_open(machine, &engine);
    if (result == NATIVE_OK) {
        result = run(engine, &machine->monitor->virtual_processors[first], cpu_ns);
    }
    engine_close(engine);
    return result;
}
