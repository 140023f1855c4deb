/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The monitor's data: what a host is, as far as containment goes. Everything here
 * lies in machine memory at the place machine_map.h gives, in both builds, and
 * holds machine addresses and numbers, never pointers. The assembler of
 * monitor/entry takes its offsets from these structures (offsets.c), and
 * native/engine copies registers in and out of them.
 */
#ifndef MONITOR_H
#define MONITOR_H

#include "abi.h"
#include "machine_map.h"
#include "view.h"

/* Vectors the entry path uses beyond the 256 of the processor. */
enum entry_vector {
    ENTRY_TIMER = 0x300,             /* the deadline set with platform_deadline_set has passed */
    ENTRY_KICK = 0x301, /* another processor called platform_kick, or input arrived */
    ENTRY_SYSCALL = 0x302, /* `syscall`, from either virtual mode */
    ENTRY_SOFTWARE_INTERRUPT = 0x400 /* + n: `int n` but for 3 and 4; rip is already behind it */
};

/*
 * As the simulated entry path pushes them: TSS.rsp0 is the end of this structure
 * inside the current record, so the save area is the stack and a switch copies
 * nothing. After `syscall`, rcx holds rip and r11 holds rflags, in both builds.
 */
struct registers {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8;
    uint64_t rax, rcx, rdx, rsi, rdi;
    uint64_t vector;
    uint64_t error_code;
    uint64_t rip, cs, rflags, rsp, ss;
};

/* Whether a record may still run in the current slot. */
enum yield_state {
    YIELD_NONE = 0,
    YIELD_GIVEN = 1, /* it gave up the rest; in donated time its turn comes again */
    YIELD_WITHHELD = 2 /* it is in debt, and pays with the rest */
};

enum virtual_processor_state {
    VIRTUAL_PROCESSOR_ABSENT = 0,
    VIRTUAL_PROCESSOR_STOPPED = 1,
    VIRTUAL_PROCESSOR_RUNNABLE = 2,
    VIRTUAL_PROCESSOR_BLOCKED = 3,
    VIRTUAL_PROCESSOR_PAUSED = 4 /* with its partition; what it was is in paused_state */
};

/* Of an FXSAVE image; the processor leaves what is behind it to software. */
#define FLOATING_POINT_STATE_SIZE_BYTES 464

#define IDLE_ID_FIRST VIRTUAL_PROCESSOR_LIMIT /* ids of the idle records, one a processor */

struct virtual_processor {
    struct registers registers;
    uint64_t fault_address; /* CR2 at the last page fault; the entry path fills it */
    uint64_t selectors; /* ds, es, fs, gs: 16 bits each, from the lowest on; valid like fs_base */
    uint8_t floating_point[512]; /* FXSAVE image: of the switch path; native: when synchronised */
    /* Valid while switched out, and between platform_bases_save (_selectors_save) and _load. */
    uint64_t fs_base;
    uint64_t gs_base; /* of the active mode; valid like fs_base */
    uint64_t gs_base_other; /* of the other mode */
    uint64_t root_address; /* machine address of the L4 table of the active mode: for CR3 */
    uint64_t kernel_root_frame; /* what the guest gave: a table of level 4, or of level 3 */
    uint64_t user_root_frame; /* 0: no user mode of a 64-bit guest; 32-bit: always */
    uint64_t descriptors[DESCRIPTOR_LIMIT]; /* of a 32-bit guest, checked */
    uint64_t kernel_stack_top;
    uint64_t callbacks[CALLBACK_COUNT];
    uint64_t timer_deadline_cycles; /* 0: not armed */
    uint64_t debt_cycles; /* overshoot, paid out of its next slots */
    uint64_t shared_frame; /* machine frame of its shared page */
    uint32_t id; /* global number, or IDLE_ID_FIRST + processor */
    uint32_t partition;
    uint32_t index; /* within the partition */
    uint32_t processor;
    uint32_t state; /* enum virtual_processor_state */
    uint32_t user_mode; /* 1: the guest's user mode is what runs; 32-bit: at the last entry */
    uint16_t yielded; /* enum yield_state */
    uint16_t paused_state; /* VIRTUAL_PROCESSOR_PAUSED: runnable or blocked, when it goes on */
    uint16_t started; /* it has been started at least once since the boot */
    uint16_t width; /* 64 or 32: of its partition */
};

enum partition_state {
    PARTITION_ABSENT = 0, /* its last stop is still there to be read */
    PARTITION_RUNNING = 1,
    PARTITION_STOPPED = 2,
    PARTITION_PAUSED = 3,
    PARTITION_READY = 4 /* it has its records and memory, and has never run */
};

/* Of a partition that loses what it may still refer to. */
enum severed_state {
    SEVERED_NOT = 0,
    SEVERED_ORDERED = 1, /* it has stopped, but its tables may name what it loses */
    SEVERED_DONE = 2 /* they do not */
};

/* The first reason, kept: what a person is told. */
struct stop_record {
    uint32_t reason; /* enum stop_reason */
    uint32_t vector;
    uint64_t error_code;
    uint64_t rip;
    uint64_t address; /* fault address, or the frame or entry that was refused */
    uint64_t exit_code; /* STOP_exit */
    char text[EXIT_REASON_LIMIT];
};

/* Counters a person reads: not state of the partition, not part of its hash. */
struct partition_counters {
    uint64_t hypercalls[HYPERCALL_COUNT];
    uint64_t traps[TRAP_VECTOR_LIMIT];
    uint64_t events_sent;
    uint64_t events_delivered;
    uint64_t system_calls;
};

struct partition {
    uint32_t id;
    uint32_t state; /* enum partition_state */
    uint32_t trace_enabled; /* it appears in the host's log; it may switch that off */
    uint32_t first_virtual_processor;
    uint32_t virtual_processor_count;
    uint32_t width; /* 64 or 32 */
    uint64_t time_frame;
    uint32_t incarnation;
    uint32_t condemned; /* this incarnation is no longer in the view: all of it goes */
    uint32_t severed; /* enum severed_state: then it never runs again */
    uint32_t prepared; /* not yet started: the pages that the monitor writes are written */
    uint32_t pinned_count; /* the same: of its initial tables */
    uint32_t first_extent; /* its run of rows, in the generation that is followed */
    uint32_t extent_count;
    uint32_t run_changed; /* while a generation begins */
    uint64_t watchdog_deadline_cycles; /* 0: not armed */
    struct stop_record stop;
    struct trap_handler trap_handlers[TRAP_VECTOR_LIMIT];
    struct partition_counters counters;
} __attribute__((aligned(2048))); /* a power of two: the shortest path finds it by a shift */

struct processor {
    uint32_t id;
    uint32_t current; /* id of the virtual processor it runs */
    uint32_t slot; /* index in its cyclic map */
    uint32_t slot_entered; /* 0 until the first schedule */
    uint64_t slot_start_cycles; /* absolute */
    uint64_t slot_end_cycles; /* absolute */
    uint64_t switches; /* world switches, to and from idle included */
    uint64_t view_generation; /* whose body it reads */
    uint32_t attention; /* who it runs may not go on, or another was chosen */
    uint32_t departed; /* 1 + id of a stopped record: held until the next entry */
    uint32_t descriptors_width; /* for whom its descriptor table was written last */
    uint32_t epoch; /* of view_progress: what was stopped before it does not run here */
    uint64_t entry_due_cycles; /* it enters by then, whatever its map says; TIME_NEVER */
    uint64_t followed_generation; /* its map and its paused records are as this one says */
    uint64_t acknowledged_generation; /* all that this one asks of anybody is done */
    uint64_t watchdog_due_cycles; /* it looks at watchdogs then; TIME_NEVER */
    uint64_t reserved0[4]; /* its size is a power of two: the shortest path finds it by a shift */
};

/* One type at a time while its count is above zero. */
enum frame_type {
    FRAME_NONE = 0,
    FRAME_WRITABLE = 1,
    FRAME_EXECUTABLE = 2,
    FRAME_TABLE_1 = 3,
    FRAME_TABLE_2 = 4,
    FRAME_TABLE_3 = 5,
    FRAME_TABLE_4 = 6,
    FRAME_READ_ONLY = 7 /* the time page: a guest maps it read-only, for ever */
};

#define FRAME_OWNER_FREE 0
#define FRAME_OWNER_CHANNEL 0x8000 /* + row: its ends may map it */
#define FRAME_OWNER_DEVICE 0xc000 /* + row: registers, which its owner may map */
#define FRAME_OWNER_MONITOR 0xffff

#define FRAME_FLAG_EXECUTED 0x1 /* was mapped executable by its owner at some time */
#define FRAME_FLAG_STALE 0x2 /* written since: translated code is dropped before it runs */

struct frame {
    uint16_t owner; /* partition id, or FRAME_OWNER_* */
    uint8_t type;
    uint8_t flags;
    uint32_t type_count; /* mappings or parents that need the type, and the pin */
    uint32_t reference_count; /* all mappings and parents, and the pin */
    uint32_t second_count; /* of a channel: those of them that are the second end's */
};

/* A channel as the monitor keeps it, until none of its frames is the channel's any more. */
enum channel_record_state {
    CHANNEL_ABSENT = 0,
    CHANNEL_CLAIMING = 1, /* it is being given its frames */
    CHANNEL_MAPPED = 2, /* its ends may map it */
    CHANNEL_LEAVING = 3
};

struct channel_record {
    uint64_t machine_frame;
    uint64_t frame_count;
    uint32_t partitions[VIEW_CHANNEL_END_COUNT];
    uint32_t flags[VIEW_CHANNEL_END_COUNT];
    uint32_t state; /* enum channel_record_state */
    uint32_t reserved0;
};

/* A device's registers as the monitor keeps them; enum channel_record_state. */
struct device_record {
    uint64_t machine_frame;
    uint64_t frame_count;
    uint32_t partition;
    uint32_t state;
};

/* In this order; a new generation begins at the first, whatever was going on. */
enum view_stage {
    VIEW_STAGE_leave = 0, /* until no processor runs what was stopped */
    VIEW_STAGE_sever = 1, /* tables of severed partitions let go of what these lose */
    VIEW_STAGE_release = 2, /* what the view takes away is scrubbed, and nobody's */
    VIEW_STAGE_create = 3,
    VIEW_STAGE_grant = 4, /* extents */
    VIEW_STAGE_connect = 5, /* channels */
    VIEW_STAGE_attach = 6, /* devices */
    VIEW_STAGE_start = 7,
    VIEW_STAGE_done = 8
};

/* How far the monitor has followed the view. Any step may be the last before a new generation. */
struct view_progress {
    uint64_t generation;
    uint64_t acknowledged_generation; /* the lowest of any processor */
    uint32_t stage; /* enum view_stage */
    uint32_t epoch; /* rises whenever a partition is severed */
    uint64_t cursor; /* frame, partition, row or channel of the stage */
    uint64_t offset; /* within a row or channel */
    uint32_t checked; /* of the row or channel: all its frames can be given */
    uint32_t reserved0;
    uint64_t first_frame; /* only these may have to change their owner */
    uint64_t end_frame;
    uint64_t changed_rows[EXTENT_LIMIT / 64]; /* a bit an extent that has not been given yet */
};

struct monitor {
    uint32_t lock;
    uint32_t processor_count;
    uint64_t frame_count;
    uint64_t device_first_frame; /* registers from here on, memory before; the firmware says it */
    uint32_t running_partitions;
    uint32_t stop_request; /* an operator's order, taken at the next ENTRY_KICK, or 0 */
    uint32_t failed_partition; /* the machine cannot run its code at failed_rip: taken alike */
    uint32_t reserved0;
    uint64_t failed_rip;
    uint64_t monitor_entries[MONITOR_SLOT_COUNT]; /* the firmware's L4 entries for slots 256..271 */
    struct processor processors[PROCESSOR_LIMIT];
    struct virtual_processor idle[PROCESSOR_LIMIT] __attribute__((aligned(64)));
    struct virtual_processor virtual_processors[VIRTUAL_PROCESSOR_LIMIT]
        __attribute__((aligned(64)));
    struct partition partitions[PARTITION_LIMIT];
    struct view_processor maps[PROCESSOR_LIMIT]; /* as each processor follows its own */
    struct view_progress progress;
    struct channel_record channels[CHANNEL_LIMIT];
    struct device_record devices[DEVICE_LIMIT];
    struct view_extent extents[EXTENT_LIMIT]; /* of the generation that is followed */
};

_Static_assert(sizeof(struct registers) == 176, "the frame end is TSS.rsp0: a multiple of 16");
_Static_assert(sizeof(struct virtual_processor) % 64 == 0, "records are cache-line aligned");
_Static_assert(VIRTUAL_PROCESSOR_LIMIT *PAGE_SIZE_BYTES <= MONITOR_ROOTS_SIZE_BYTES,
               "machine_map.h: an L4 table a virtual processor");
_Static_assert(sizeof(struct frame) == 16, "machine_map.h sizes the frame table by this");
_Static_assert(sizeof(struct monitor) <= MONITOR_STATE_SIZE_BYTES, "machine_map.h");
_Static_assert(sizeof(struct view_region) <= VIEW_REGION_SIZE_BYTES, "machine_map.h");

/*
 * What native/engine and monitor/entry call. The lock is taken inside.
 *
 * monitor_start: once, on processor 0, before any other. Builds the frame table and
 * every partition from the view; a partition that the view describes wrongly is
 * stopped with STOP_bad_start and hurts no other.
 * monitor_first: once a processor; what it runs first.
 * monitor_enter: after every trap, call or interrupt, with registers.vector (an
 * exception 0..31 or an entry_vector), error_code and fault_address filled; `current`
 * is what was running on its processor. Returns what that processor runs next: load
 * it (root by user_mode, bases, registers) and go on. An idle record means: halt
 * until the deadline or a kick. An operator's order to stop a partition is left in
 * stop_request, the machine's report that it cannot run one in failed_partition, with a kick. A
 * generation of the view is followed from the next entry on, in steps: while progress's
 * acknowledged_generation is another, processors are to be run, all partitions stopped or not.
 */
void monitor_start(void);
struct virtual_processor *monitor_first(uint32_t processor);
struct virtual_processor *monitor_enter(struct virtual_processor *current);

#endif
