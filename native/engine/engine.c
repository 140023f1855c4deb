/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One Unicorn engine: opening it over the machine's memory, charging what it executes,
 * stopping it exactly before a block, and starting it again. Both builds stand on this;
 * it knows nothing of partitions or of the monitor's decisions.
 */
#include <stdlib.h>
#include <string.h>

#include "cycle_meter.h"
#include "engine_failure.h"
#include "machine.h"

#define TRANSLATION_BUFFER_BYTES (32u << 20)
#define BUDGET_LIMIT_CYCLES (1ull << 62)
#define ERROR_CODE_FETCH 0x10 /* of a page fault's */
#define VMCALL_SIZE_BYTES 3u

static uint64_t smaller(uint64_t left, uint64_t right)
{
    return left < right ? left : right;
}

/* The code that the engine is about to run, or ran last. */
static struct code_space code_space(const struct engine *engine, uint64_t address)
{
    return (struct code_space){
        .memory = &engine->machine->memory,
        .root = address_is_monitor(address) ? 0 : engine->environment->cr[3],
        .narrow = (engine->environment->hflags & HFLAG_CS64) == 0,
    };
}

static int map_memory(struct machine *machine, uc_engine *uc)
{
    const struct machine_memory *memory = &machine->memory;
    const uint64_t after_view = VIEW_REGION_ADDRESS + VIEW_REGION_SIZE_BYTES;
    const uint64_t end = machine->device_first_frame * PAGE_SIZE_BYTES;
    if (uc_mem_map_ptr(uc, 0, VIEW_REGION_ADDRESS, UC_PROT_ALL, memory->base) != UC_ERR_OK ||
        uc_mem_map_ptr(uc, VIEW_REGION_ADDRESS, VIEW_REGION_SIZE_BYTES, UC_PROT_READ,
                       memory->base + VIEW_REGION_ADDRESS) != UC_ERR_OK ||
        uc_mem_map_ptr(uc, after_view, end - after_view, UC_PROT_ALL, memory->base + after_view) !=
            UC_ERR_OK) {
        return NATIVE_ENGINE;
    }
    return NATIVE_OK;
}

/* Long mode with paging, write protection, NX and `syscall`; the root comes later. */
static void set_control_registers(uc_engine *uc)
{
    uint64_t cr4 = 0x620;                  /* PAE, OSFXSR, OSXMMEXCPT */
    uint64_t cr0 = 0x80010033;             /* PG, WP, NE, ET, MP, PE */
    uc_x86_msr efer = {0xc0000080, 0xd01}; /* NXE, LMA, LME, SCE */
    (void)uc_reg_write(uc, UC_X86_REG_CR4, &cr4);
    (void)uc_reg_write(uc, UC_X86_REG_MSR, &efer);
    (void)uc_reg_write(uc, UC_X86_REG_CR0, &cr0);
}

void engine_set_work(struct engine *engine, uint64_t work)
{
    engine->budget = 0;
    engine->budget_end = 0;
    engine->work_at_zero = work;
    engine->settled_work = work;
}

int engine_open(struct machine *machine, struct engine **result)
{
    struct engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL) {
        return machine_fail(machine, NATIVE_NO_MEMORY, "no memory for an engine");
    }
    *result = engine;
    engine->machine = machine;
    engine->timed = machine->timing->needs_blocks;
    engine->blocks = block_cache_open(machine->timing_decoder);
    if (engine->blocks == NULL) {
        return machine_fail(machine, NATIVE_NO_MEMORY, "no memory for an engine");
    }
    engine_failure_prepare();
    return engine_configure(engine);
}

int engine_configure(struct engine *engine)
{
    struct machine *machine = engine->machine;
    if (uc_open(UC_ARCH_X86, UC_MODE_64, &engine->uc) != UC_ERR_OK) {
        return machine_fail(machine, NATIVE_ENGINE, "the engine does not open");
    }
    if (uc_ctl_set_cpu_model(engine->uc, UC_CPU_X86_SANDYBRIDGE) != UC_ERR_OK ||
        uc_ctl_set_tcg_buffer_size(engine->uc, TRANSLATION_BUFFER_BYTES) != UC_ERR_OK ||
        map_memory(machine, engine->uc) != NATIVE_OK || !devices_map(engine) ||
        uc_ctl_exits_enable(engine->uc) != UC_ERR_OK) {
        return machine_fail(machine, NATIVE_ENGINE, "the engine refuses its configuration");
    }
    engine->environment = environment_of(engine->uc);
    set_control_registers(engine->uc);
    engine->unchecked = true; /* the first block of all is translated without an edge */
    return NATIVE_OK;
}

void engine_close(struct engine *engine)
{
    if (engine != NULL) {
        if (engine->uc != NULL) {
            (void)uc_close(engine->uc);
        }
        block_cache_close(engine->blocks);
        free(engine);
    }
}

void engine_settle(struct engine *engine)
{
    struct physical_processor *processor = engine->processor;
    uint64_t work = engine_work(engine);
    uint64_t guest = work - engine->settled_work;
    uint64_t monitor = engine->monitor_work - engine->settled_monitor_work;
    engine->settled_work = work;
    engine->settled_monitor_work = engine->monitor_work;
    processor->guest_cycles += guest;
    processor->machine_cycles += guest + monitor;
    processor->clock += guest;
    if (engine->machine->options.clock == CLOCK_MACHINE) {
        processor->clock += monitor;
    }
}

void engine_budget(struct engine *engine)
{
    const struct physical_processor *processor = engine->processor;
    uint64_t end = smaller(processor->deadline, processor->horizon);
    uint64_t left = end > processor->clock ? end - processor->clock : 0;
    if (processor->kicked || engine->unchecked) {
        left = 0;
    }
    uint64_t work = engine_work(engine);
    int64_t budget = (int64_t)smaller(left, BUDGET_LIMIT_CYCLES);
    engine->budget = engine->guarded ? 0 : budget;
    engine->budget_end = engine->guarded ? -budget : 0;
    engine->work_at_zero = work + (uint64_t)engine->budget;
}

void engine_request_stop(struct engine *engine, enum engine_stop stop)
{
    engine->stop = stop;
    (void)uc_emu_stop(engine->uc);
}

/* How many instructions the engine saw in a block; 0: another one was translated last. */
static uint32_t translated_count(const struct engine *engine, uint64_t address, uint32_t size_bytes)
{
    /* It may count an exit at which its translation had to end; the whole was seen before. */
    bool cut = engine->has_exit && engine->unsupported_address == address + size_bytes;
    return engine->translated_address == address && !cut ? engine->translated_count : 0;
}

/* A block that has just been translated: false when the engine must not be given all of it. */
static bool block_check(struct engine *engine, uint64_t address, uint32_t size_bytes,
                        uint32_t seen_count)
{
    uint64_t at;
    enum unsupported unsupported = block_unsupported(engine->blocks, code_space(engine, address),
                                                     address, size_bytes, seen_count, &at);
    engine->guarded |= block_mixes_flags(engine->blocks);
    if (unsupported == SUPPORTED) {
        return true;
    }
    if (unsupported == UNSUPPORTED_UNKNOWN) {
        engine_request_stop(engine, ENGINE_STOP_FAILED);
        return false;
    }
    engine_request_stop(engine, ENGINE_STOP_UNSUPPORTED);
    engine->refusing = true;
    engine->fetch_postponed = false;
    engine->block = 0; /* the one before has run: of it nothing is taken back */
    engine->unsupported_address = at;
    engine->unsupported_block = address;
    engine->unsupported_end = address + size_bytes;
    return false;
}

bool engine_block_boundary(struct engine *engine, uint64_t address, uint32_t size_bytes)
{
    struct physical_processor *processor = engine->processor;
    uint32_t seen_count = translated_count(engine, address, size_bytes);
    engine_settle(engine);
    engine_drop_exit(engine); /* the shortened block has been translated, and ends there */
    if (engine->unchecked) {
        engine->unchecked = false;
        if (!block_check(engine, address, size_bytes, seen_count)) {
            return false;
        }
    }
    if (engine->continues) {
        engine->continues = false;
        engine_budget(engine);
        return true;
    }
    if ((processor->kicked || processor->clock >= processor->deadline) &&
        !machine_build(engine->machine)->take_interrupt(engine)) {
        return false;
    }
    if (processor->kicked || processor->clock >= processor->deadline ||
        processor->clock >= processor->horizon) {
        engine_request_stop(engine, ENGINE_STOP_BOUNDARY);
        return false;
    }
    engine_budget(engine);
    return true;
}

static void on_block_off(uc_engine *uc, uint64_t address, uint32_t size_bytes, void *user_data)
{
    struct engine *engine = user_data;
    (void)uc;
    if (engine_is_due(engine) && !engine_block_boundary(engine, address, size_bytes)) {
        return; /* not charged: the same block arrives again on resuming */
    }
    engine->budget -= size_bytes;
    engine->block = address << 16 | size_bytes;
}

void engine_on_block(uc_engine *uc, uint64_t address, uint32_t size_bytes, void *user_data)
{
    struct engine *engine = user_data;
    (void)uc;
    if (engine_is_due(engine) && !engine_block_boundary(engine, address, size_bytes)) {
        return;
    }
    engine->budget -= (int64_t)engine_begin_block(engine, address, size_bytes);
}

uint64_t engine_begin_block(struct engine *engine, uint64_t address, uint32_t size_bytes)
{
    const struct timing_operations *timing = engine->machine->timing;
    engine->block = address << 16 | size_bytes;
    if (!timing->needs_blocks) {
        return size_bytes;
    }
    engine->decoded =
        block_lookup(engine->blocks, code_space(engine, address), address, size_bytes);
    if (engine->meter != NULL && engine->decoded != NULL) {
        meter_begin(engine->meter, engine->decoded, engine->environment, address);
        return 0;
    }
    /* Never NULL: the engine has just fetched these bytes through the same tables. */
    return engine->decoded == NULL ? 1 : timing->block_cycles(NULL, &engine->decoded->timing);
}

static void on_edge(uc_engine *uc, uc_tb *current, uc_tb *previous, void *user_data)
{
    struct engine *engine = user_data;
    (void)uc;
    (void)previous;
    engine->translated_address = current->pc;
    engine->translated_count = current->icount;
    engine->unchecked = true;
    engine->reports_edges = true;
    engine_attend(engine); /* the block's own hook comes next and takes the slow path */
}

static bool add_block_hooks(struct engine *engine)
{
    uc_hook hook;
    void *on_block =
        engine->machine->timing->needs_blocks ? (void *)engine_on_block : (void *)on_block_off;
    if (engine->machine->options.monitor_build == MONITOR_SIMULATED) {
        on_block = (void *)simulated_on_block;
    }
    bool added = engine->meter != NULL ? cycle_hooks_add(engine)
                                       : uc_hook_add(engine->uc, &hook, UC_HOOK_BLOCK, on_block,
                                                     engine, 1, 0) == UC_ERR_OK;
    return added && uc_hook_add(engine->uc, &hook, UC_HOOK_EDGE_GENERATED, (void *)on_edge, engine,
                                1, 0) == UC_ERR_OK;
}

static uint64_t block_address(const struct engine *engine)
{
    return (uint64_t)((int64_t)engine->block >> 16);
}

uint64_t engine_syscall_size_bytes(const struct engine *engine)
{
    uint64_t end = block_address(engine) + (engine->block & 0xffff);
    return end - engine->environment->rip;
}

/* Of the current block, what lies at and after rip has been charged but not executed. */
static uint64_t unexecuted_cycles(struct engine *engine, uint64_t rip)
{
    uint64_t address = block_address(engine);
    uint64_t size_bytes = engine->block & 0xffff;
    if (rip - address >= size_bytes || engine->meter != NULL) {
        return 0;
    }
    const struct timing_operations *timing = engine->machine->timing;
    if (!timing->needs_blocks || engine->decoded == NULL) {
        return address + size_bytes - rip;
    }
    uint32_t executed = block_count(engine->blocks, code_space(engine, rip), address, rip);
    return timing->block_cycles(NULL, &engine->decoded->timing) -
           timing->partial_cycles(NULL, &engine->decoded->timing, executed);
}

void engine_charge_partial(struct engine *engine, uint64_t rip)
{
    if (engine->meter != NULL) {
        engine_execute_until(engine, rip);
        meter_drop(engine->meter);
    }
    engine->budget += (int64_t)unexecuted_cycles(engine, rip);
    engine->block = 0; /* charged as it ran: never again */
    if (!engine->reports_edges) {
        engine->unchecked = true;
        engine_attend(engine);
    }
}

bool engine_at_vmcall(const struct engine *engine)
{
    static const uint8_t vmcall[VMCALL_SIZE_BYTES] = {0x0f, 0x01, 0xc1};
    const struct environment *environment = engine->environment;
    const struct machine_memory *memory = &engine->machine->memory;
    for (uint64_t at = 0; at < sizeof vmcall; at++) {
        uint64_t byte = memory_translate(memory, environment->cr[3], environment->rip + at);
        if (byte == 0 || byte >= memory->size_bytes || memory->base[byte] != vmcall[at]) {
            return false;
        }
    }
    return true;
}

/*
 * `vmcall` arrives as undefined, but the monitor executes it as a call: it counts as one
 * instruction. A core knows better: what it costs is the exception.
 */
void engine_charge_undefined(struct engine *engine, bool user_mode)
{
    bool call = !user_mode && engine->meter == NULL && engine_at_vmcall(engine);
    engine_charge_partial(engine, engine->environment->rip + (call ? VMCALL_SIZE_BYTES : 0));
}

/* Any other `int n` has the engine stand behind it when its hook is called. */
bool engine_was_software_interrupt(struct engine *engine)
{
    struct environment *environment = engine->environment;
    if (environment->exception_is_interrupt == 0) {
        return false;
    }
    environment->rip = environment->exception_next_rip;
    return true;
}

/* The schedule's clock, settled to the instruction, in EDX:EAX. */
static int on_time_stamp(uc_engine *uc, void *user_data)
{
    struct engine *engine = user_data;
    uint64_t *registers = engine->environment->registers;
    (void)uc;
    if (engine->meter != NULL) {
        engine_execute_until(engine, engine->environment->rip);
    }
    engine_settle(engine);
    uint64_t time = engine->processor->clock;
    bool counts = !address_is_monitor(engine->environment->rip) ||
                  engine->machine->options.clock == CLOCK_MACHINE;
    if (counts) {
        time -= unexecuted_cycles(engine, engine->environment->rip);
    }
    if (!address_is_monitor(engine->environment->rip)) {
        /* What lies behind the slot is given back: a guest must not see time go back with it. */
        time = smaller(time,
                       engine->machine->monitor->processors[engine->processor->id].slot_end_cycles);
    }
    registers[ENV_RAX] = time & 0xffffffff;
    registers[ENV_RDX] = time >> 32;
    return 1; /* done here: the engine must not execute it */
}

static int on_time_stamp_and_processor(uc_engine *uc, void *user_data)
{
    struct engine *engine = user_data;
    engine->environment->registers[ENV_RCX] = engine->processor->id;
    return on_time_stamp(uc, user_data);
}

static bool add_instruction_hook(struct engine *engine, void *callback, int instruction)
{
    uc_hook hook;
    return uc_hook_add(engine->uc, &hook, UC_HOOK_INSN, callback, engine, 1, 0, instruction) ==
           UC_ERR_OK;
}

int engine_add_hooks(struct engine *engine, const struct engine_hooks *hooks)
{
    uc_hook hook;
    engine->hooks = hooks;
    engine->meter = engine->processor->meter;
    if (!add_block_hooks(engine) ||
        uc_hook_add(engine->uc, &hook, UC_HOOK_INTR, (void *)hooks->on_interrupt, engine, 1, 0) !=
            UC_ERR_OK ||
        uc_hook_add(engine->uc, &hook, UC_HOOK_INSN_INVALID, (void *)hooks->on_invalid_instruction,
                    engine, 1, 0) != UC_ERR_OK ||
        !add_instruction_hook(engine, (void *)hooks->on_syscall, UC_X86_INS_SYSCALL) ||
        !add_instruction_hook(engine, (void *)on_time_stamp, UC_X86_INS_RDTSC) ||
        !add_instruction_hook(engine, (void *)on_time_stamp_and_processor, UC_X86_INS_RDTSCP) ||
        (hooks->on_out != NULL &&
         !add_instruction_hook(engine, (void *)hooks->on_out, UC_X86_INS_OUT))) {
        return machine_fail(engine->machine, NATIVE_ENGINE, "the engine refuses a hook");
    }
    return NATIVE_OK;
}

/*
 * A processor alone that nothing can wake rests where it is: what time it idles through is decided
 * by what wakes it, not by how far it was asked to run.
 */
void processor_idle(struct physical_processor *processor)
{
    const struct machine *machine = processor->machine;
    if (machine->options.processor_count == 1 && processor->deadline == TIME_NEVER &&
        machine_next_arrival(machine) == TIME_NEVER) {
        processor->horizon = processor->clock;
        return;
    }
    uint64_t cycles = smaller(processor->deadline, processor->horizon) - processor->clock;
    meter_charge(processor, TIMING_TRANSITION_IDLE, cycles);
    processor->idle_cycles += cycles;
    processor->machine_cycles += cycles;
    processor->clock += cycles;
}

/*
 * Translation ends at unsupported_address, so that what precedes it runs, and the engine comes to
 * rest there. The shortened block is kept: it ends there whenever it runs.
 */
static void set_exit(struct engine *engine)
{
    uint64_t address = engine->unsupported_address;
    (void)uc_ctl_set_exits(engine->uc, &address, 1);
    engine->has_exit = true;
    engine->unchecked = true;
}

void engine_drop_exit(struct engine *engine)
{
    if (engine->has_exit) {
        uint64_t none = 0;
        (void)uc_ctl_set_exits(engine->uc, &none, 0);
        engine->has_exit = false;
    }
}

/*
 * It came to rest by itself: at an instruction that is not for it, at one whose fetch faults, or
 * where there is neither any longer.
 */
static enum engine_stop stop_at_exit(struct engine *engine, bool postponed)
{
    uint64_t rip = engine->environment->rip;
    bool fetch_faults = postponed && rip == engine->unsupported_address;
    engine->unsupported = fetch_faults ? SUPPORTED
                                       : block_unsupported(engine->blocks, code_space(engine, rip),
                                                           rip, 1, 0, &engine->unsupported_address);
    if (engine->unsupported != SUPPORTED) {
        return ENGINE_STOP_REFUSED;
    }
    (void)uc_ctl_remove_cache(engine->uc, rip - 1, rip + 1);
    return ENGINE_STOP_BOUNDARY;
}

struct trap_cause engine_take_refused(struct engine *engine)
{
    switch (engine->unsupported) {
    case UNSUPPORTED_UNDEFINED:
        return (struct trap_cause){VECTOR_UNDEFINED, 0};
    case UNSUPPORTED_PROTECTION:
        return (struct trap_cause){hosted_doorbell(engine) ? NO_TRAP : VECTOR_PROTECTION, 0};
    default:
        return far_transfer_execute(engine);
    }
}

bool engine_postpone_fetch_fault(struct engine *engine)
{
    struct environment *environment = engine->environment;
    uint64_t rip = environment->rip;
    uint64_t page_end = (rip | (PAGE_SIZE_BYTES - 1)) + 1;
    if ((environment->error_code & ERROR_CODE_FETCH) == 0 || environment->cr[2] != page_end) {
        return false;
    }
    uint64_t at = block_last_start(engine->blocks, code_space(engine, rip), rip, page_end);
    if (at == rip) {
        return false;
    }
    environment->old_exception = -1;
    engine->refusing = true;
    engine->fetch_postponed = true;
    engine->unsupported_address = at;
    engine->unsupported_block = rip;
    engine->unsupported_end = page_end;
    engine_request_stop(engine, ENGINE_STOP_UNSUPPORTED);
    return true;
}

/* Whose code it was is stopped, by the monitor, at its next entry: at once. */
static int contain_failure(struct engine *engine, enum engine_end end, uc_err error)
{
    struct machine *machine = engine->machine;
    uint32_t partition = machine_build(machine)->partition_of(engine);
    uint64_t rip = engine->environment->rip;
    if (partition == 0) {
        return machine_fail(machine, NATIVE_ENGINE, "the engine failed in the monitor at %#llx: %s",
                            (unsigned long long)rip, uc_strerror(error));
    }
    machine->monitor->failed_partition = partition;
    machine->monitor->failed_rip = rip;
    engine->processor->kicked = true;
    engine->stop = ENGINE_STOP_BOUNDARY;
    engine->refusing = false;
    engine->continues = false;
    return end == ENGINE_END_ABORTED ? engine_replace(engine) : NATIVE_OK;
}

int engine_run(struct engine *engine, uint64_t rip)
{
    uc_err error = UC_ERR_OK;
    bool refusing = engine->refusing && rip == engine->unsupported_block;
    engine->refusing = false;
    if (engine->code_stale) {
        (void)uc_ctl_flush_tb(engine->uc);
        block_cache_invalidate(engine->blocks);
        engine->code_stale = false;
    }
    if (engine->translation_stale) {
        (void)uc_ctl_flush_tlb(engine->uc);
        engine->translation_stale = false;
    }
    /* An empty block at the beginning of a page makes the engine look at the page before. */
    if (refusing && engine->unsupported_address == rip && rip % PAGE_SIZE_BYTES == 0) {
        engine->stop = stop_at_exit(engine, false);
        return NATIVE_OK;
    }
    if (refusing) {
        set_exit(engine);
    }
    engine_settle_flags_at_rest(engine);
    engine->stop = ENGINE_STOP_NONE;
    engine->environment->old_exception = -1;
    engine_budget(engine);
    enum engine_end end = engine_start(engine, rip, &error);
    engine_complete_block(engine, engine->environment->rip);
    engine_settle(engine);
    engine_drop_exit(engine);
    if (end != ENGINE_END_RESTED || engine->stop == ENGINE_STOP_FAILED) {
        return contain_failure(engine, end, error);
    }
    if (engine->stop == ENGINE_STOP_UNSUPPORTED) {
        /* Before the root can change: the whole block must not run, whatever comes between. */
        (void)uc_ctl_remove_cache(engine->uc, engine->unsupported_block, engine->unsupported_end);
    }
    if (engine->stop == ENGINE_STOP_NONE && (engine->environment->hflags & HFLAG_CPL_MASK) != 0) {
        engine->stop = stop_at_exit(engine, refusing && engine->fetch_postponed);
    }
    return NATIVE_OK;
}
