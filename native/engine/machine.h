/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The inside of a machine: physical processors, engines, queues. One host, one thread.
 * Shared by the files of native/engine and nobody else.
 */
#ifndef MACHINE_INTERNAL_H
#define MACHINE_INTERNAL_H

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <unicorn/unicorn.h>

#include "blocks.h"
#include "core/monitor.h"
#include "devices.h"
#include "environment.h"
#include "far_transfer.h"
#include "machine_memory.h"
#include "native.h"
#include "queue.h"
#include "timing/timing.h"
#include "vectors.h"

/* Room for what a build keeps of a processor in a snapshot. */
#define ENGINE_STATE_WORDS 64u

/* Why an engine came to rest, when it was not an end by itself. */
enum engine_stop {
    ENGINE_STOP_NONE = 0,
    ENGINE_STOP_BOUNDARY, /* before a block: deadline, kick or horizon */
    ENGINE_STOP_SWITCH, /* the monitor chose another virtual processor, or wants a clean restart */
    ENGINE_STOP_UNSUPPORTED, /* before a block with an instruction that the engine must not run */
    ENGINE_STOP_REFUSED, /* before that very instruction */
    ENGINE_STOP_FAILED /* before a block that the engine reads otherwise than we do */
};

struct machine;
struct physical_processor;

/*
 * One Unicorn engine: a virtual processor's (native build) or a physical processor's
 * (simulated build). The block hook touches the first cache line only.
 */
struct engine {
    int64_t budget; /* cycles left; at 0 or below the block hook leaves its fast path */
    uint64_t block; /* the block being executed: its address << 16 | its size in bytes */
    uint64_t work_at_zero; /* guest cycles executed when the budget is used up exactly */
    int64_t budget_end; /* guarded: the budget, below 0, at which it is used up; else 0 */
    uint64_t monitor_work; /* simulated build: the monitor's own cycles so far */
    struct environment *environment;
    uc_engine *uc;
    struct machine *machine;
    struct physical_processor *processor;
    struct virtual_processor *record; /* native build: whose engine this is */
    uint64_t key; /* native build: record_key of when it was opened */
    const struct engine_hooks *hooks;
    const struct block *decoded; /* timed models: the block being executed */
    struct block_cache *blocks;
    uint64_t settled_work; /* work and monitor_work as last added to the clocks */
    uint64_t settled_monitor_work;
    uint64_t loaded_root; /* native: CR3 and RFLAGS as we last wrote or read them */
    uint64_t saved_rflags;
    uint64_t attributed_work; /* simulated: work up to here belongs to a record already */
    uint32_t last_record; /* simulated: whose floating-point state was last completed */
    uint64_t unsupported_address; /* the next run ends here, where an instruction is refused */
    uint64_t unsupported_block, unsupported_end; /* the block that holds it */
    uint64_t translated_address; /* the block that was translated last */
    uint32_t translated_count; /* its instructions, as the engine counts them */
    enum engine_stop stop;
    enum unsupported unsupported; /* after ENGINE_STOP_REFUSED: what the instruction is */
    bool unchecked; /* a block was translated that has not been looked at yet */
    bool reports_edges; /* not before a block has run to its end without a trap */
    bool code_stale; /* translated code must be dropped before anything runs */
    bool translation_stale; /* translations must be dropped before anything runs */
    bool was_in_monitor; /* simulated: the last block was the monitor's */
    bool continues; /* simulated: a block that #NM had cut in two goes on: no boundary is there */
    bool in_monitor; /* native: its record is to come back from the monitor, or begins */
    struct cycle_meter *meter; /* its processor's; NULL: no cycle-level core */
    bool timed; /* the timing model wants every block decoded */
    bool guarded; /* code with `cmpxchg8b` was seen: every block takes a second look */
    bool refusing; /* the next run ends at unsupported_address */
    bool has_exit; /* this run does */
    bool fetch_postponed; /* because the fetch of what is there faults */
};

struct physical_processor {
    struct machine *machine;
    uint32_t id;
    bool kicked;
    bool halted; /* simulated build: in the idle loop */
    bool budget_stale; /* the monitor moved the deadline or the clock */
    bool returning; /* native: the monitor was left, and no instruction fetched yet */
    uint64_t clock; /* position in the schedule, as last settled */
    uint64_t deadline; /* the monitor's: ENTRY_TIMER is due; TIME_NEVER: none */
    uint64_t horizon; /* the run loop's: give the next processor its turn */
    uint64_t guest_cycles;
    uint64_t machine_cycles;
    uint64_t idle_cycles;
    struct cycle_meter *meter; /* NULL: no cycle-level core */
    struct engine *engine; /* simulated: its own; native: the running one, or NULL */
    struct virtual_processor *record; /* native: what runs; idle records have no engine */
    uint64_t root; /* native, with a core: what a real processor would have in CR3 */
};

/* Typed into a partition's console, or a frame from the outside of a switch. */
struct input {
    uint64_t at_cycles;
    uint32_t partition;
    uint32_t medium; /* of a frame: the switch's number + 1; 0: it was typed */
    uint32_t size_bytes;
    uint8_t *data;
    struct input *next;
};

struct console {
    uint8_t *input; /* bytes that the guest has not read yet */
    uint32_t input_size_bytes;
    uint64_t dropped_bytes; /* of output, since it was last asked for */
    uint32_t incarnation; /* of the partition whose it is: another one does not read it */
};

/* The program that has its turn; partition 0: none. */
struct hosted_turn {
    uint32_t partition;
    struct engine *engine;
    uint64_t time_cycles;
    uint64_t page_address;
};

struct machine {
    struct machine_options options;
    struct machine_memory memory;
    struct monitor *monitor; /* in machine memory */
    const struct timing_operations *timing;
    struct timing_decoder *timing_decoder; /* these two with a cycle-level core, else NULL */
    struct timing_shared *timing_shared;
    const struct path_costs *costs;
    struct physical_processor processors[PROCESSOR_LIMIT];
    /* Native: one a virtual processor; simulated: one a processor. */
    struct engine *engines[VIRTUAL_PROCESSOR_LIMIT];
    uint64_t
        virtual_processor_work[VIRTUAL_PROCESSOR_LIMIT]; /* simulated; native: in the engines */
    uint64_t work_keys[VIRTUAL_PROCESSOR_LIMIT]; /* simulated: record_key of who did it */
    uint64_t next_free_frame;
    uint64_t guest_first_frame;
    uint64_t device_first_frame; /* registers from here on */
    struct device_table devices;
    uint64_t round_start;
    uint64_t round_end;
    uint32_t turn; /* processor whose turn in the round it is */
    bool in_round; /* it has begun, and not every processor has reached its end */
    struct hosted_turn hosted;
    uint32_t partition_count; /* the highest number that has been used */
    uint32_t boot_partition_count;
    uint32_t log_categories;
    bool observed; /* entries of the monitor are logged or checked */
    uint64_t monitor_entry; /* simulated: address of the image's entry */
    bool booted;
    bool failed;
    uint32_t failure; /* enum exit_reason once failed */
    jmp_buf panic; /* out of the monitor, native build */
    struct input *inputs; /* by time */
    struct console consoles[PARTITION_LIMIT];
    struct queue console_queue, log_queue, mark_queue, trace_queue;
    struct log_record pending_log[PROCESSOR_LIMIT]; /* category 0: none */
    struct trace_record pending_trace[PROCESSOR_LIMIT]; /* kind 0: none */
    uint64_t traced_deliveries[PARTITION_LIMIT]; /* the partitions' counters, as last seen */
    bool traced_stops[PARTITION_LIMIT]; /* told already */
    bool traced;
    struct view_body *view; /* the body in force, through the writer's alias */
    struct view_body *candidate; /* the body that is being written; kept until the end */
    bool view_begun;
    uint64_t view_generation; /* in force; 0 before the boot */
    bool view_written; /* since the snapshot that is tracked: that path tracks nothing */
    struct machine_snapshot *tracked; /* whose restore needs only what is dirty */
    char error[512];
};

/* The machine whose monitor is running, for the platform's functions; set by platform_enter. */
extern _Thread_local struct machine *current_machine;

/* hash.c: a partition's memory. */
uint64_t hash_memory(const struct machine *machine, uint32_t partition);

/* Something is left to run, or something of the view to be followed. */
static inline bool machine_lives(const struct machine *machine)
{
    return machine->monitor->running_partitions != 0 ||
           machine->monitor->progress.acknowledged_generation != machine->view_generation;
}

/* Which partition a virtual processor's number stands for now, and which incarnation of it. */
static inline uint64_t record_key(const struct machine *machine, uint32_t virtual_processor)
{
    uint64_t partition = machine->monitor->virtual_processors[virtual_processor].partition;
    return partition << 32 | machine->monitor->partitions[partition].incarnation;
}

/* A 32-bit kernel goes to user mode without telling the monitor: its code segment says it. */
static inline bool record_in_user_mode(const struct virtual_processor *record, uint64_t cs)
{
    return record->width == 32 ? cs % 4 == 3 : record->user_mode != 0;
}

/* input.c: what a number's last partition has not read is nobody's. */
struct console *console_of(struct machine *machine, uint32_t partition);

/* view_publication.c: after machine memory was replaced, what is in force may be another body. */
void view_reload(struct machine *machine);

/* native.c */
int machine_fail(struct machine *machine, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Guest cycles so far, the block being executed included. */
static inline uint64_t engine_work(const struct engine *engine)
{
    return engine->work_at_zero - (uint64_t)engine->budget;
}

/* The next block of this engine takes the slow path. */
static inline void engine_attend(struct engine *engine)
{
    engine->work_at_zero = engine_work(engine);
    engine->budget = 0;
    engine->budget_end = 0;
}

/* engine.c */
int engine_open(struct machine *machine, struct engine **engine);
/* Gives an engine its Unicorn instance, over the machine's memory and in long mode. */
int engine_configure(struct engine *engine);
void engine_close(struct engine *engine);
/* Adds what the engine has executed since the last time to its processor's clocks. */
void engine_settle(struct engine *engine);
/* Sets the block hook's budget from the processor's deadline, horizon and pending kicks. */
void engine_budget(struct engine *engine);
/* As if this much had been executed; the clocks do not move. */
void engine_set_work(struct engine *engine, uint64_t work);
/* Of the `syscall` at rip, prefixes and all: it is the last instruction of its block. */
uint64_t engine_syscall_size_bytes(const struct engine *engine);
/* What of the current block lies at and after rip did not run: nobody is charged for it. */
void engine_charge_partial(struct engine *engine, uint64_t rip);
/* Whether the instruction at rip is `vmcall`, which arrives as an undefined one. */
bool engine_at_vmcall(const struct engine *engine);
/* The same for an undefined instruction at rip, unless it is a call from kernel mode. */
void engine_charge_undefined(struct engine *engine, bool user_mode);
/* What arrives as an undefined instruction is `int $6`: the engine now stands behind it. */
bool engine_was_software_interrupt(struct engine *engine);
/* The native build's block hook of timed models. */
void engine_on_block(uc_engine *uc, uint64_t address, uint32_t size_bytes, void *user_data);
/* Cycles of a block that is about to run, which becomes the current one. */
uint64_t engine_begin_block(struct engine *engine, uint64_t address, uint32_t size_bytes);
/* How a build takes what leaves the guest's own code. */
struct engine_hooks {
    void (*on_interrupt)(uc_engine *uc, uint32_t number, void *engine);
    bool (*on_invalid_instruction)(uc_engine *uc, void *engine);
    void (*on_syscall)(uc_engine *uc, void *engine);
    void (*on_out)(uc_engine *uc, uint32_t port, int size_bytes, uint32_t value,
                   void *engine); /* NULL: nobody has ports */
};
/* These, the time stamp, and the block hooks for the machine's timing model. */
int engine_add_hooks(struct engine *engine, const struct engine_hooks *hooks);

/* registers.c: between an engine's live state and a record's. */
uint64_t engine_rflags(const struct engine *engine);
/*
 * The same, and leaves them in the form that a load of RFLAGS gives them. The engine keeps
 * arithmetic flags in several forms, and takes stale ones when `rcl` or `rcr` faults: which
 * these are must depend neither on the build nor on what ran before the guest.
 */
uint64_t engine_settle_flags(const struct engine *engine);
/* The same before a start of the engine, which keeps its flags elsewhere while it rests. */
void engine_settle_flags_at_rest(const struct engine *engine);
/*
 * Before each block: whether the budget is used up. `cmpxchg8b` brings what its guest wants into
 * the engine's flags, among them VM and IOPL, by which the engine would decode and permit: where
 * it was seen, the budget is kept below 0, and flags are looked at here.
 */
static inline bool engine_is_due(const struct engine *engine)
{
    if (__builtin_expect(engine->budget > 0, 1)) {
        return false;
    }
    if (engine->guarded && (engine->environment->eflags & FLAGS_NEVER) != 0) {
        (void)engine_settle_flags(engine);
    }
    return engine->budget <= engine->budget_end;
}
void engine_save_registers(const struct engine *engine, struct registers *registers);
/* General registers and rip; flags, segments and root are the caller's. */
void engine_load_general(struct engine *engine, const struct registers *registers);
/* Code and stack segment of the record, and its privilege. */
void environment_enter_guest(struct environment *environment,
                             const struct virtual_processor *record);
/* What `iret` out of ring 0 does: data segments that the outer ring may not hold become null. */
void environment_return_outward(struct environment *environment);
void environment_enter_monitor(struct environment *environment);
/* DS, ES, FS and GS, 16 bits each. */
uint64_t environment_selectors(const struct environment *environment);
/* From the record, with the bases that its descriptors say. */
void environment_load_selectors(struct environment *environment,
                                const struct virtual_processor *record);

/* Nothing runs here until the deadline or the horizon: the clock goes there. */
void processor_idle(struct physical_processor *processor);
/*
 * The engine translates across the end of a page, and faults at the beginning of a block when
 * the page behind it cannot be fetched. True: what precedes the instruction that needs that
 * page runs first, and the fault comes again, at that instruction.
 */
bool engine_postpone_fetch_fault(struct engine *engine);
/* Runs from rip until something stops it; drops stale code and translations first. */
int engine_run(struct engine *engine, uint64_t rip);
void engine_request_stop(struct engine *engine, enum engine_stop stop);
/* Other code may run now: at the same address it may hold anything. */
void engine_drop_exit(struct engine *engine);
/* After ENGINE_STOP_REFUSED: the instruction is executed by us, or ends in the trap told. */
struct trap_cause engine_take_refused(struct engine *engine);
/* Called by either build's block hook when the budget is used up: true to go on. */
bool engine_block_boundary(struct engine *engine, uint64_t address, uint32_t size_bytes);

/* native_build.c, simulated_build.c: what differs between the two builds, as one table. */
struct build_operations {
    /* Engines and hooks, once the view and memory stand; then the monitor's own start. */
    int (*boot)(struct machine *machine);
    /* Runs one processor to its horizon. */
    int (*run_processor)(struct physical_processor *processor);
    /* Before a block: a deadline has passed or a kick is pending. True: go on with the block. */
    bool (*take_interrupt)(struct engine *engine);
    /* Nothing runs on this processor and nothing is due but by its deadline. */
    bool (*is_idle)(const struct physical_processor *processor);
    /* Brings registers and floating-point state of all records up to date in machine memory. */
    void (*synchronise)(struct machine *machine);
    /* After machine memory and records were replaced: engines must follow. */
    void (*reload)(struct machine *machine);
    /* What of a processor lies neither in machine memory nor in its clocks. */
    void (*save_processor)(const struct physical_processor *processor, uint64_t *words);
    void (*load_processor)(struct physical_processor *processor, const uint64_t *words);
    void (*set_work)(struct machine *machine, uint32_t virtual_processor, uint64_t work);
    /* Between two runs: engines are there for the virtual processors that are there. */
    int (*follow_records)(struct machine *machine);
    /* Whose code the engine was about to run; 0: the monitor's. */
    uint32_t (*partition_of)(const struct engine *engine);
};
extern const struct build_operations native_build;
extern const struct build_operations simulated_build;

/* cycle_hooks.c: of engines with a cycle-level core; without one the first two do nothing. */
/* The current block has run to its end, and goes on at `next_address`. */
void engine_complete_block(struct engine *engine, uint64_t next_address);
/* Monitor cycles that no instruction accounts for: enum timing_transition, and its value. */
void engine_charge_transition(struct engine *engine, uint32_t transition, uint64_t cycles);
/* Guest work that no instruction accounts for. */
void engine_charge_work(struct engine *engine, uint64_t cycles);
/* What of the current block lies before rip is charged now; the rest when it has run. */
void engine_execute_until(struct engine *engine, uint64_t rip);
bool cycle_hooks_add(struct engine *engine);

const struct build_operations *machine_build(const struct machine *machine);

void simulated_on_block(uc_engine *uc, uint64_t address, uint32_t size_bytes, void *user_data);

/* floating_point.c */
void floating_point_save(uc_engine *uc, uint8_t image[512]);
void floating_point_load(uc_engine *uc, const uint8_t image[512]);
void floating_point_reset_image(uint8_t image[512]);

/* hosted.c */
/*
 * At an instruction that the engine is not given: whether it is the doorbell of a hosted
 * partition. If so it has been executed, and its program's turn has begun.
 */
bool hosted_doorbell(struct engine *engine);

/* costs.c */
const struct path_costs *costs_of(const struct machine_options *options);

/* cycle_meters.c: of machines with a cycle-level core. */
int cycle_meters_open(struct machine *machine);
void cycle_meters_close(struct machine *machine);
/*
 * Whom and what the processor works for from now on: the partition's own code, and on what
 * account the monitor was entered; vector as in the monitor's entry.
 */
void meter_leave_to(struct physical_processor *processor, const struct virtual_processor *record);
void meter_enter(struct physical_processor *processor, const struct virtual_processor *record,
                 uint64_t vector, bool user_mode);
/* The state of all cores and of what they share, one after the other; 0 without cores. */
uint64_t cycle_state_size_bytes(const struct machine *machine);
uint64_t cycle_state_hash(const struct machine *machine);
void cycle_state_save(const struct machine *machine, uint8_t *bytes);
void cycle_state_load(struct machine *machine, const uint8_t *bytes);
/* Native: a root that the processor does not have is loaded, and drops all translations. */
void meter_load_root(struct physical_processor *processor, const struct virtual_processor *record);
/* A partition's tables have changed: what processors hold under other tags is stale. */
void meter_stale_translations(struct machine *machine, uint32_t partition);
/* Native: the monitor drops a page's translation, or all; TRANSLATION_ALL of platform.h. */
void meter_flush_translation(struct machine *machine, uint32_t partition, uint64_t address);
/* enum timing_path of an entry that has just come. */
uint32_t entry_path(const struct physical_processor *processor,
                    const struct virtual_processor *record, uint64_t vector, bool user_mode);
/* Charged as it is, by assumption or because nothing ran. */
void meter_charge(struct physical_processor *processor, uint32_t transition, uint64_t cycles);

/*
 * switching_model.c: what machine_options.model adds, in cycles of the core. Native: at an entry
 * from a record, at a switch to one of another owner, and before one is left to.
 */
uint64_t model_enter(struct physical_processor *processor, const struct virtual_processor *record);
bool model_changes_owner(const struct physical_processor *processor,
                         const struct virtual_processor *next);
uint64_t model_switch(struct physical_processor *processor);
uint64_t model_leave(struct physical_processor *processor, const struct virtual_processor *record);
/* The record's root comes into force, or the monitor's own view of it. */
void model_load_root(struct physical_processor *processor, const struct virtual_processor *record,
                     bool monitors);
/* Simulated: before the monitor's first instruction, and when a block of the monitor's has run. */
void model_begin_monitor(struct engine *engine);
void model_complete_block(struct engine *engine, uint64_t next_address);

/* input.c: copies the data; and what is to be seen by now. */
int input_add(struct machine *machine, const struct input *template, const uint8_t *data);
void input_deliver(struct machine *machine, uint64_t clock_cycles);

/* When something comes from outside next, typed or of a device; TIME_NEVER: nothing. */
static inline uint64_t machine_next_arrival(const struct machine *machine)
{
    uint64_t due_cycles = machine->devices.due_cycles;
    return machine->inputs != NULL && machine->inputs->at_cycles < due_cycles
               ? machine->inputs->at_cycles
               : due_cycles;
}
_Static_assert(DEVICE_NEVER == TIME_NEVER, "a device that is never due");

/* records.c */
void record_console(struct machine *machine, uint32_t partition, const uint8_t *data,
                    uint32_t size_bytes);
void record_mark(struct machine *machine, uint32_t virtual_processor, uint64_t id, uint64_t value);
/* Around a monitor entry, when any category is switched on. */
void log_entry(struct machine *machine, struct physical_processor *processor,
               const struct virtual_processor *record, const struct registers *registers,
               uint64_t fault_address);
void log_return(struct machine *machine, struct physical_processor *processor,
                const struct virtual_processor *next);

/* trace_records.c: around a monitor entry, and within it, when a trace is wanted. */
void trace_enter(struct machine *machine, struct physical_processor *processor,
                 const struct virtual_processor *record, const struct registers *registers,
                 uint32_t path);
void trace_leave(struct machine *machine, struct physical_processor *processor,
                 const struct virtual_processor *next);
void trace_mark(struct machine *machine, uint32_t virtual_processor,
                const struct mark_record *mark);
void trace_console(struct machine *machine, const uint8_t *data, uint32_t size_bytes);
/* The machine's state was replaced: what is pending belongs to another one. */
void trace_forget(struct machine *machine);
/* Which LOG_NUMBER_*, exception or interrupt an entry is. */
uint32_t log_number(const struct virtual_processor *record, uint64_t vector);

/* Guest cycles of a virtual processor so far. */
uint64_t machine_work(const struct machine *machine, uint32_t virtual_processor);

static inline bool address_is_monitor(uint64_t address)
{
    return address - MONITOR_DIRECT_ADDRESS < (uint64_t)MONITOR_SLOT_COUNT << 39;
}

static inline uint32_t processor_of(const struct machine *machine, uint32_t virtual_processor)
{
    return virtual_processor >= IDLE_ID_FIRST
               ? virtual_processor - IDLE_ID_FIRST
               : machine->monitor->virtual_processors[virtual_processor].processor;
}

#endif
