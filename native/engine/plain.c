/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The references for speed: the same guest in a bare engine with nothing of ours in its way,
 * and the same with a hook on every block and every access to memory, which any cycle-level
 * core needs. No preemption, no monitor: a system call is answered as if all were well, and
 * partition_exit ends the run. Good only for guests that ask nothing of the monitor while
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

/* What the hooks of the second reference do: no less than any hook that is of use. */
struct counts {
    uint64_t blocks, reads, writes;
};

static void count_block(uc_engine *uc, uint64_t address, uint32_t size_bytes, void *user_data)
{
    (void)uc, (void)address, (void)size_bytes;
    struct counts *counts = user_data;
    counts->blocks++;
}

static void count_access(uc_engine *uc, uc_mem_type type, uint64_t address, int size_bytes,
                         int64_t value, void *user_data)
{
    (void)uc, (void)address, (void)size_bytes, (void)value;
    struct counts *counts = user_data;
    if (type == UC_MEM_WRITE) {
        counts->writes++;
    } else {
        counts->reads++;
    }
}

static bool add_hooks(struct engine *engine, struct counts *counts)
{
    uc_hook hook;
    uint64_t all = 1; /* begin > end: everywhere */
    if (counts != NULL && (uc_hook_add(engine->uc, &hook, UC_HOOK_BLOCK, (void *)count_block,
                                       counts, all, 0) != UC_ERR_OK ||
                           uc_hook_add(engine->uc, &hook, UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE,
                                       (void *)count_access, counts, all, 0) != UC_ERR_OK)) {
        return false;
    }
    return uc_hook_add(engine->uc, &hook, UC_HOOK_INSN, (void *)on_syscall, engine, all, 0,
                       UC_X86_INS_SYSCALL) == UC_ERR_OK;
}

static int run(struct engine *engine, const struct virtual_processor *record, struct counts *counts,
               uint64_t *cpu_ns)
{
    uint64_t root = record->root_address;
    if (!add_hooks(engine, counts)) {
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

static int run_partition(struct machine *machine, uint32_t partition, struct counts *counts,
                         uint64_t *cpu_ns)
{
    if (!machine->booted || partition == 0 || partition > machine->partition_count ||
        machine->processors[0].clock != 0) {
        return machine_fail(machine, NATIVE_STATE, "only a machine that has just booted");
    }
    uint32_t first = machine->monitor->partitions[partition].first_virtual_processor;
    struct engine *engine;
    int result = engine_open(machine, &engine);
    if (result == NATIVE_OK) {
        result = run(engine, &machine->monitor->virtual_processors[first], counts, cpu_ns);
    }
    engine_close(engine);
    return result;
}

int machine_run_plain(struct machine *machine, uint32_t partition, uint64_t *cpu_ns)
{
    return run_partition(machine, partition, NULL, cpu_ns);
}

int machine_run_hooked(struct machine *machine, uint32_t partition, uint64_t *cpu_ns)
{
    struct counts counts = {0};
    return run_partition(machine, partition, &counts, cpu_ns);
}
