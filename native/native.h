/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What Python may call: cffi reads this very file. One machine is one emulated host.
 * A machine is used by one thread at a time. Functions that can fail return 0 or a
 * negative enum native_error and leave a sentence in machine_error().
 */
#ifndef NATIVE_H
#define NATIVE_H

#ifndef ABI_CDEF
#include <stdint.h>
#endif

struct machine;
struct machine_snapshot;
struct timing_statistics;
struct timing_step;

enum native_error {
    NATIVE_OK = 0,
    NATIVE_INVALID = -1,     /* an option or argument is outside its range */
    NATIVE_NO_MEMORY = -2,   /* the host or the machine has too little memory */
    NATIVE_ENGINE = -3,      /* the engine failed, or is not the version calibrated for */
    NATIVE_STATE = -4,       /* not possible in the machine's present state */
    NATIVE_FILE = -5,        /* a file could not be read or written, or is not ours */
    NATIVE_LIMIT = -6        /* a limit of monitor/abi/limits.h */
};

enum monitor_build { MONITOR_NATIVE = 0, MONITOR_SIMULATED = 1 };
/* Those from TIMING_SKYLAKE on are cycle-level cores, in the order of timing_core_at. */
enum timing_model {
    TIMING_OFF = 0,
    TIMING_UNIT = 1,
    TIMING_SKYLAKE = 2,
    TIMING_HASWELL = 3,
    TIMING_IVYBRIDGE = 4,
    TIMING_ZEN4 = 5
};
enum clock_source { CLOCK_GUEST = 0, CLOCK_MACHINE = 1 };

/*
 * What the emulated machine lacks around a switch, and a core can count: bits of
 * machine_options.model. They change cycles and what a core remembers, nothing that is computed.
 */
enum machine_model {
    MODEL_PCID = 1,       /* loading a root keeps translations, each with its space's tag */
    MODEL_GLOBAL = 2,     /* the monitor's translations survive it */
    MODEL_KPTI = 4,       /* the monitor's own root is loaded at entry, the guest's at exit */
    MODEL_VERW = 8,       /* buffers are cleared before each exit to a guest */
    MODEL_IBRS = 16,      /* speculation control is written at each entry and exit */
    MODEL_RETPOLINE = 32, /* no indirect branch of the monitor's is predicted */
    MODEL_IBPB = 64,      /* targets are forgotten from one partition to another */
    MODEL_L1D = 128,      /* the first data cache is emptied from one partition to another */
    MODEL_RSB = 256       /* predicted returns are overwritten from one partition to another */
};

enum exit_reason {
    EXIT_NONE = 0,
    EXIT_PAUSED = 1,         /* the cycles asked for have passed; call machine_run again */
    EXIT_HALTED = 2,         /* every partition has stopped */
    EXIT_IDLE = 3,           /* some partition lives, but nothing can ever wake it */
    EXIT_MONITOR_PANIC = 4,  /* we are wrong: text in machine_error() */
    EXIT_ENGINE_FAILURE = 5, /* the engine is wrong: text in machine_error() */
    EXIT_HOSTED = 6          /* a program's turn: machine_hosted_done, then machine_run again */
};

enum log_category {
    LOG_HYPERCALL = 1,
    LOG_TRAP = 2,
    LOG_SWITCH = 4,
    LOG_EVENT = 8,
    LOG_PARTITION = 16,
    LOG_MARK = 32
};

/* log_record.number of what is neither a hypercall nor an exception of the processor. */
enum log_number {
    LOG_NUMBER_TIMER = 0, /* LOG_EVENT */
    LOG_NUMBER_KICK = 1,
    LOG_NUMBER_SYSTEM_CALL = 257, /* LOG_TRAP */
    LOG_NUMBER_INTERRUPT = 1024   /* LOG_TRAP: + n of `int n` */
};

struct machine_options {
    uint64_t memory_size_bytes;  /* a multiple of 2 MiB, 64 MiB to 8 GiB */
    uint64_t seed;
    uint64_t clock_frequency_hz; /* nominal, told to guests */
    uint64_t interleave_cycles;  /* how far one processor runs before the next has its turn */
    uint32_t processor_count;    /* 1 to 8 */
    uint32_t monitor_build;
    uint32_t timing;
    uint32_t clock;
    uint32_t check_refusals; /* native build: 1: whether refused calls change nothing */
    uint32_t model; /* enum machine_model, of a cycle-level core; global excludes kpti */
    uint32_t device_frame_count; /* 0 to 64: the last frames are registers of devices */
    uint32_t reserved0;
};

struct image_segment {
    uint64_t address;         /* page-aligned guest virtual address */
    uint64_t size_bytes;      /* in memory; what the data does not cover is zero */
    uint64_t data_size_bytes;
    const uint8_t *data;
    uint32_t writable;
    uint32_t executable;
};

struct partition_options {
    const char *name;
    const char *command_line;
    uint64_t memory_size_bytes;
    uint64_t entry_address;
    uint32_t kind;   /* enum partition_kind of view.h */
    uint32_t width;  /* 64 */
    uint32_t rights; /* RIGHT_* of view.h */
    uint32_t virtual_processor_count;
    const uint32_t *processors; /* the physical processor of each virtual one */
};

struct machine_exit {
    uint32_t reason; /* enum exit_reason */
    uint32_t processor;
    uint64_t clock_cycles; /* of processor 0 */
    /* With EXIT_HOSTED; otherwise 0. */
    uint32_t partition;
    uint32_t virtual_processor; /* index within the partition */
    uint64_t time_cycles;       /* the guest-visible clock */
    uint64_t page_address; /* of its struct hosted_page, as the kernel says: guest-physical */
};

struct console_chunk {
    uint64_t clock_cycles;
    uint32_t partition;
    uint32_t size_bytes;
    const uint8_t *data; /* valid until the next call on the machine */
};

struct log_record {
    uint64_t clock_cycles;
    uint32_t category; /* enum log_category */
    uint32_t processor;
    uint32_t virtual_processor; /* global number, 256 + p: idle of processor p */
    uint32_t number; /* hypercall, vector, next record, stop reason, enum log_number */
    uint64_t arguments[3];
    int64_t result;
};

struct mark_record {
    uint64_t clock_cycles;
    uint64_t guest_cycles; /* work of the virtual processor so far */
    uint64_t id;
    uint64_t value;
    uint32_t partition;
    uint32_t virtual_processor; /* index within the partition */
};

/*
 * One line of a trace. An entry of the monitor is told whole, when the monitor has left; what
 * happened within it was told before it.
 */
enum trace_kind {
    TRACE_HYPERCALL = 1,
    TRACE_TRAP = 2,      /* numbers as in the log */
    TRACE_INTERRUPT = 3, /* numbers as of LOG_EVENT */
    TRACE_MARK = 4,      /* arguments: id, value, guest cycles */
    TRACE_CONSOLE = 5,   /* arguments: the first bytes; result: how many there were */
    TRACE_STOP = 6       /* number: stop reason; arguments: partition, exit code, rip, address */
};

struct trace_record {
    uint64_t enter_cycles;   /* the processor's clock; a slot's overshoot may set it back */
    uint64_t leave_cycles;
    uint64_t machine_cycles; /* of the processor, from entering to leaving, charges included */
    uint32_t kind;           /* enum trace_kind */
    uint32_t processor;
    uint32_t virtual_processor; /* who entered: global number, 256 + p: idle of processor p */
    uint32_t next;              /* who goes on */
    uint32_t number;
    uint32_t delivers; /* 1: who goes on takes its event callback */
    uint64_t arguments[5]; /* trap: error code, rip, address */
    int64_t result;
};

/* What found no room in the queues, which a guest can fill, since it was last asked for. */
struct dropped_records {
    uint64_t log_records;
    uint64_t trace_records;
    uint64_t marks;
    uint64_t console_bytes[128]; /* by partition */
};

struct processor_statistics {
    uint64_t guest_cycles; /* guest work */
    uint64_t machine_cycles; /* guest work and the monitor's */
    uint64_t idle_cycles;
    uint64_t clock_cycles; /* position in the schedule */
    uint64_t switches;
    uint64_t virtual_processor; /* what it runs: global number, 256 + p: idle */
};

struct partition_statistics {
    uint32_t state; /* enum partition_state of monitor.h: 1 running, 2 stopped */
    uint32_t stop_reason;
    uint32_t stop_vector;
    uint32_t reserved0;
    uint64_t stop_error_code;
    uint64_t stop_rip;
    uint64_t stop_address;
    uint64_t exit_code;
    uint64_t work; /* guest cycles: bytes of code executed, or instructions */
    uint64_t events_sent;
    uint64_t events_delivered;
    uint64_t system_calls;
    uint64_t hypercalls[64];
    uint64_t traps[32];
    char stop_text[128];
};

/* Cycles charged on the machine clock for a path of the native monitor: assumptions. */
struct path_costs {
    uint64_t hypercall;
    uint64_t trap;
    uint64_t interrupt; /* deadline or kick */
    uint64_t world_switch; /* besides what led to it */
};

struct engine_report {
    uint32_t version_major, version_minor, version_patch;
    int32_t environment_offset; /* of the live register state behind the engine's cpu pointer */
    uint32_t calibrated; /* 1: every offset was found and confirmed */
    char text[256];
};

/* Confirms that the engine is the one we know; called once before any machine. */
int engine_calibrate(struct engine_report *report);

int machine_create(const struct machine_options *options, struct machine **machine);
void machine_destroy(struct machine *machine);
/* The last failure in a sentence; with NULL, of machine_create and engine_calibrate. */
const char *machine_error(const struct machine *machine);

/* The simulated monitor's image, linked at MONITOR_IMAGE_ADDRESS of the direct map. */
int machine_monitor_load(struct machine *machine, const uint8_t *image, uint64_t size_bytes,
                         uint64_t entry_address);

/* Before machine_boot: returns the partition's number, 1 and up, or an error. */
int machine_partition_add(struct machine *machine, const struct partition_options *options,
                          const struct image_segment *segments, uint32_t segment_count);
int machine_slot_add(struct machine *machine, uint32_t processor, uint32_t partition,
                     uint32_t virtual_processor, uint64_t quantum_cycles, uint32_t donates);
int machine_link_add(struct machine *machine, uint32_t partition, uint32_t port,
                     uint32_t target_partition, uint32_t target_port, uint32_t target_processor);
int machine_boot(struct machine *machine);

/*
 * Views at run time, between two runs. begin: a candidate, a copy of the body in force, whose
 * rows, those of monitor/abi/view.h, are changed in place; its memory is the machine's and is
 * always the same. publish puts it in force. Starts of slots and periods are computed. What is
 * wrong about the host is refused with a sentence, and the candidate stays; what is wrong about
 * one partition stops that partition. A snapshot that is restored brings its own generation back,
 * and drops a candidate. The boot publishes generation 1.
 */
int machine_view_begin(struct machine *machine, uint8_t **body, uint64_t *size_bytes);
int machine_view_publish(struct machine *machine, uint64_t *generation);
/* The body in force, to be read; valid until the next publication. */
const uint8_t *machine_view_body(const struct machine *machine, uint64_t *size_bytes);
/* The lowest that any processor has acknowledged: all of its work is done. 0 before the boot. */
uint64_t machine_view_acknowledged(const struct machine *machine);

/* A run of frames, as a partition finds it. */
struct build_range {
    uint64_t guest_frame;
    uint64_t machine_frame;
    uint64_t frame_count;
    uint32_t writable; /* of a channel; extents are what their contents make them */
    uint32_t reserved0;
};

/* Where a partition is to be built, and what it finds beside its own memory. */
struct build_place {
    uint32_t partition;
    uint32_t extent_count; /* 1 to 16; the first holds guest frame 0 and all that is built */
    const struct build_range *extents;
    uint32_t channel_count; /* these are in its direct map, too; 0 to 16 */
    uint32_t reserved0;
    const struct build_range *channels;
    uint64_t control_channel_address; /* guest-physical, for the start page; 0: none */
};

/* What the partition's row in the view needs to know of what was built. */
struct partition_layout {
    uint64_t entry_address;
    uint64_t stack_top_address;
    uint64_t start_page_address;
    uint64_t hypercall_frame;
    uint64_t time_frame;
    uint64_t shared_first_frame;
    uint64_t kernel_root_frame;
    uint64_t table_first_frame;
    uint32_t table_counts[4];
    uint64_t first_free_guest_frame;
};

/*
 * Image, start page and tables of a partition, written into frames that nobody owns; options'
 * memory_size_bytes is not used. Nothing else changes: the view's row makes a partition of it.
 */
int machine_partition_build(struct machine *machine, const struct build_place *place,
                            const struct partition_options *options,
                            const struct image_segment *segments, uint32_t segment_count,
                            struct partition_layout *layout);
/* Frames that nobody owns are zero again: what was built is not to be used after all. */
int machine_frames_scrub(struct machine *machine, uint64_t first_frame, uint64_t frame_count);

enum frame_use {
    FRAME_USE_FREE = 0,
    FRAME_USE_OWNED = 1, /* by a partition or channel, but nothing refers to it */
    FRAME_USE_REFERENCED = 2, /* mapped, a table, or a page that the monitor writes */
    FRAME_USE_MONITOR = 3
};
/* The strongest use of any frame of the run; an error when it is not of the machine. */
int machine_frames_use(struct machine *machine, uint64_t first_frame, uint64_t frame_count);
/* The first frame that guests may own. */
uint64_t machine_first_frame(const struct machine *machine);

/* Until the clocks reach `until_cycles` or nothing is left to run. Guests cannot see a pause. */
int machine_run(struct machine *machine, uint64_t until_cycles, struct machine_exit *exit);

/*
 * Between EXIT_HOSTED and machine_hosted_done, for the partition whose program has its turn:
 * its own memory by guest-physical address, all or nothing. Written is only what the partition
 * could write itself: no table, nothing executable, nothing that it may only read.
 */
int machine_hosted_read(struct machine *machine, uint32_t partition, uint64_t address,
                        uint8_t *buffer, uint64_t size_bytes);
int machine_hosted_write(struct machine *machine, uint32_t partition, uint64_t address,
                         const uint8_t *data, uint64_t size_bytes);
/* Ends the turn; the cycles are charged as if the partition had executed them. */
int machine_hosted_done(struct machine *machine, uint64_t work_cycles);

/* Console input for a partition, seen by it once processor 0's clock has reached `at_cycles`. */
int machine_input(struct machine *machine, uint32_t partition, uint64_t at_cycles,
                  const uint8_t *data, uint32_t size_bytes);
int machine_partition_stop(struct machine *machine, uint32_t partition);

/* Each returns 1 and the oldest record not yet taken, or 0. */
int machine_console_next(struct machine *machine, struct console_chunk *chunk);
int machine_log_next(struct machine *machine, struct log_record *record);
int machine_mark_next(struct machine *machine, struct mark_record *record);
void machine_log_set(struct machine *machine, uint32_t categories);

/* Whether everything that `enum trace_kind` has is recorded from now on, whatever guests say. */
void machine_trace_set(struct machine *machine, uint32_t enabled);
/* What was recorded since the last time, valid until the next call on the machine; how many. */
uint32_t machine_trace_take(struct machine *machine, const struct trace_record **records);
/* Counts since the last time; whether there are any. */
int machine_dropped_take(struct machine *machine, struct dropped_records *dropped);

/* All zero in the simulated build, which executes its paths. */
int machine_path_costs(struct machine *machine, struct path_costs *costs);
int machine_processor_statistics(struct machine *machine, uint32_t processor,
                                 struct processor_statistics *statistics);
int machine_partition_statistics(struct machine *machine, uint32_t partition,
                                 struct partition_statistics *statistics);

/* On whose behalf, and in what, a cycle-level core spent its cycles. */
enum timing_path {
    TIMING_PATH_GUEST = 0, /* the partition's own code; of partition 0: idle */
    TIMING_PATH_HYPERCALL = 1, /* from here on the monitor's, until it leaves to a partition */
    TIMING_PATH_TRAP = 2,
    TIMING_PATH_INTERRUPT = 3, /* a deadline or a kick; of partition 0: the monitor's start */
    TIMING_PATH_COUNT = 4
};

/*
 * Of a machine with a cycle-level core. The cycles of all partitions, 0 too, and of all paths
 * add up to the processor's machine_cycles.
 */
int machine_timing_statistics(struct machine *machine, uint32_t processor, uint32_t partition,
                              uint32_t path, struct timing_statistics *statistics);

/*
 * Between two runs: makes what a processor's core has learnt useless, as if something else had
 * used it meanwhile. The bits of enum timing_forget.
 */
enum timing_forget {
    TIMING_FORGET_CACHES = 1, /* code and data, down to memory */
    TIMING_FORGET_TRANSLATIONS = 2,
    TIMING_FORGET_PREDICTORS = 4, /* branches, targets, returns */
    TIMING_FORGET_UOPS = 8 /* decoded instructions */
};
int machine_timing_forget(struct machine *machine, uint32_t processor, uint32_t what);

/*
 * One instruction of a window of a run, in the order of execution, or what happened without one:
 * an exception's entry, idling, a charge. What each took adds up to what the processor counted.
 */
struct window_instruction {
    uint64_t address;
    uint32_t partition;
    uint32_t path; /* enum timing_path */
    uint32_t width_bits;
    uint32_t size_bytes;
    uint32_t transition; /* 0: an instruction; else 1 + enum timing_transition */
    uint32_t events[22]; /* by enum timing_event */
    uint64_t cycles[6]; /* by enum timing_cause */
    uint8_t bytes[16];
};

/*
 * Records `instruction_count` instructions of a processor, from the one with this number on;
 * counted from now. One window at a time; a new one drops what the last has recorded.
 */
int machine_window_open(struct machine *machine, uint32_t processor, uint64_t first_instruction,
                        uint32_t instruction_count);
/* What was recorded so far, valid until the next call on the machine; returns how many. */
uint32_t machine_window_instructions(const struct machine *machine,
                                     const struct window_instruction **instructions);
/* Their micro-ops; timing_step.instruction counts instructions from the window's first. */
uint32_t machine_window_steps(const struct machine *machine, const struct timing_step **steps);

/* Canonical: equal for both monitor builds, for any path to the same state. */
uint64_t machine_state_hash(struct machine *machine);
uint64_t machine_partition_hash(struct machine *machine, uint32_t partition);

/* Guest memory as the partition's kernel sees it, for tools: returns bytes copied. */
uint64_t machine_guest_read(struct machine *machine, uint32_t partition, uint64_t address,
                            uint8_t *buffer, uint64_t size_bytes);

/* Machine memory as it is, for tools that look: returns bytes copied, all or none. */
uint64_t machine_memory_read(struct machine *machine, uint64_t machine_address, uint8_t *buffer,
                             uint64_t size_bytes);

/* In memory: restoring copies only frames that changed since it was taken or last restored. */
int machine_snapshot_take(struct machine *machine, struct machine_snapshot **snapshot);
int machine_snapshot_restore(struct machine *machine, struct machine_snapshot *snapshot);
void machine_snapshot_free(struct machine *machine, struct machine_snapshot *snapshot);
uint64_t machine_dirty_frames(struct machine *machine);
/* In a file: restored into a machine created with the same options and partitions, not yet run. */
int machine_snapshot_write(struct machine *machine, const char *path);
int machine_snapshot_read(struct machine *machine, const char *path);

/*
 * For benchmarks: runs a partition of a machine that has just booted in a bare engine, without
 * hooks, preemption or monitor, to its partition_exit; the host's CPU time in nanoseconds. The
 * machine is good for nothing else afterwards.
 */
int machine_run_plain(struct machine *machine, uint32_t partition, uint64_t *cpu_ns);
/* The same with a hook that only counts on every block and every access to memory. */
int machine_run_hooked(struct machine *machine, uint32_t partition, uint64_t *cpu_ns);

#include "native_devices.h"
#include "native_timing.h"

#endif
