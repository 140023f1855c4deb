/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A host for the monitor's core that consists of an array and a log: machine memory,
 * a view, partitions with tables built by hand, and every platform call written down.
 * Used by all test files of this folder.
 */
#ifndef FAKE_H
#define FAKE_H

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>

#include "frames.h"
#include "state.h"
#include "tables.h"

/* Every partition has so many frames, the first one behind the monitor's. */
#define PARTITION_FRAME_COUNT 256u
#define MONITOR_END_FRAME 2064u
/* The last frames of the machine are registers. */
#define FAKE_DEVICE_FRAME_COUNT 68u

/* Offsets of frames within a partition, and what its initial tables do with them. */
enum {
    OFFSET_L1 = 0,
    OFFSET_L2 = 1,
    OFFSET_L3 = 2,
    OFFSET_L4 = 3,
    OFFSET_CODE = 16,
    OFFSET_HYPERCALL = 17,
    OFFSET_TIME = 18,
    OFFSET_SHARED = 20, /* eight */
    OFFSET_DATA = 32,   /* sixteen, writable */
    OFFSET_STACK = 48,  /* sixteen, writable */
    OFFSET_HOLE = 64,   /* mapped nowhere, as all that follow */
    OFFSET_FREE = 65
};

/* The frame at an offset of a partition is mapped at this base and its offset. */
#define GUEST_BASE 0x0000000000400000ull
#define GUEST_HANDLER (GUEST_BASE + OFFSET_CODE * 0x1000ull + 0x100)
#define GUEST_DATA (GUEST_BASE + OFFSET_DATA * 0x1000ull)
#define GUEST_HOLE (GUEST_BASE + OFFSET_HOLE * 0x1000ull)
#define GUEST_STACK_TOP (GUEST_BASE + (OFFSET_STACK + 16) * 0x1000ull)
#define MONITOR_SLOTS_ADDRESS 0xffff800000000000ull
#define NOT_CANONICAL 0x0000800000000000ull

#define ENTRY_DATA (ENTRY_PRESENT | ENTRY_USER | ENTRY_WRITABLE | ENTRY_NO_EXECUTE)
#define ENTRY_CODE ((uint64_t)(ENTRY_PRESENT | ENTRY_USER))
#define ENTRY_READ (ENTRY_PRESENT | ENTRY_USER | ENTRY_NO_EXECUTE)
#define ENTRY_TABLE ((uint64_t)(ENTRY_PRESENT | ENTRY_USER | ENTRY_WRITABLE))
#define ENTRY_OF(frame, bits) ((uint64_t)(frame) << PAGE_SHIFT | (bits))

enum fake_call {
    FAKE_DEADLINE,
    FAKE_REBATE,
    FAKE_KICK,
    FAKE_ROOT_LOAD,
    FAKE_FLUSH,
    FAKE_CODE_CHANGED,
    FAKE_CONTEXT_RESET,
    FAKE_CONSOLE_WRITE,
    FAKE_CONSOLE_READ,
    FAKE_MARK,
    FAKE_CALL_COUNT
};

struct fake_record {
    enum fake_call call;
    uint64_t values[3];
};

extern uint64_t fake_deadlines[FAKE_PROCESSOR_COUNT];
/* What a console read returns from now on, and what was written. */
extern uint8_t fake_console_input[8192];
extern uint32_t fake_console_input_size;
extern uint8_t fake_console_output[8192];
extern uint32_t fake_console_output_size;
/* When set, platform_panic and misuse of the platform come here. */
extern jmp_buf *fake_panic_return;
extern const char *fake_panic_text;

/* The next call starts a fresh log. */
void fake_log_clear(void);
uint32_t fake_log_count(enum fake_call call);
uint32_t fake_log_total(void);
/* The n-th record of that kind, or one full of ~0. */
struct fake_record fake_log_get(enum fake_call call, uint32_t number);

/* An empty machine with a valid, empty view; then what is in it; then monitor_start. */
void fake_reset(uint32_t processor_count);
struct view_body *fake_view(void);
/* A running image on hand-made tables; processors[i] is where its virtual processor i runs. */
uint32_t fake_partition_add(uint32_t rights, uint32_t virtual_processor_count,
                            const uint32_t *processors);
/* Before monitor_start: 32 makes its level-3 table the root, and leaves it none of level 4. */
void fake_width_set(uint32_t partition, uint32_t width);
/* Its initial tables, once more: its frames are nobody's. */
void fake_tables_build(uint32_t partition);
void fake_slot_add(uint32_t processor, uint32_t virtual_processor, uint64_t quantum_cycles,
                   uint32_t flags);
void fake_link_add(uint32_t partition, uint32_t port, uint32_t target_partition,
                   uint32_t target_port, uint32_t target_processor);

/* The machine frame at an offset of a partition, its words, its entry in the frame table. */
uint64_t fake_frame(uint32_t partition, uint32_t offset);
uint64_t *fake_words(uint32_t partition, uint32_t offset);
uint64_t *fake_entry(uint32_t partition, uint32_t offset); /* that maps the offset */

/* One processor, two partitions with all rights and a virtual processor each; the first runs. */
struct virtual_processor *fake_simple(void);
/* One partition with `count` virtual processors on as many processors; the first runs. */
struct virtual_processor *fake_smp(uint32_t count);
/* Three partitions, two processors: 1 on both, 2 on the first, 3 on the second; the first runs. */
struct virtual_processor *fake_three(void);
/* The same with partition 1 of a width: 64 above. */
struct virtual_processor *fake_simple_of(uint32_t width);
struct virtual_processor *fake_smp_of(uint32_t width, uint32_t count);

/* What the processor has in force: FS base, and the GS base of the active mode. */
struct fake_bases {
    uint64_t fs;
    uint64_t gs;
};
extern struct fake_bases fake_bases[FAKE_PROCESSOR_COUNT];

/* What its data segment registers hold: ds, es, fs, gs, 16 bits each. */
extern uint64_t fake_selectors[FAKE_PROCESSOR_COUNT];

/* The first entry of a processor, and every other: with the switch that the exit path does. */
struct virtual_processor *fake_first(uint32_t processor);

/* A copy of the view in force, to be changed; and its publication, which nobody is told of. */
struct view_body *fake_view_begin(void);
void fake_view_publish(void);
/* The processor enters, as whoever it runs. */
struct virtual_processor *fake_processor_enter(uint32_t processor, uint64_t vector);
/* Processors enter in turn until all have acknowledged the view; returns how often, 0: never. */
uint32_t fake_view_settle(void);

/* An operator's order, taken by the processor that is kicked. */
void fake_stop(struct virtual_processor *running, uint32_t partition);

/* Enters as the running record; returns what runs next. */
struct virtual_processor *fake_enter(struct virtual_processor *record, uint64_t vector,
                                     uint64_t error_code);
/*
 * A hypercall by `syscall`, or by `int 0x82` with rubbish in the registers' upper halves; returns
 * its result. fake_next is what runs next.
 */
int64_t fake_call(struct virtual_processor *record, uint64_t number, uint64_t argument0,
                  uint64_t argument1, uint64_t argument2, uint64_t argument3);
extern struct virtual_processor *fake_next;
/* What the record's result registers hold: RAX, or EDX:EAX. */
int64_t fake_result(const struct virtual_processor *record);

/* The call fails with that error, the whole memory stays as it was, the platform hears nothing. */
bool fake_refused(struct virtual_processor *record, enum error error, uint64_t number,
                  uint64_t argument0, uint64_t argument1, uint64_t argument2, uint64_t argument3);

/* Into user mode through iret, on a user root pinned for it at OFFSET_FREE + 100. */
void fake_user_mode_enter(struct virtual_processor *record, uint64_t rip, uint64_t rsp);
uint64_t fake_user_root(struct virtual_processor *record);

struct shared_page *fake_shared(uint32_t partition, uint32_t index);
struct partition *fake_partition(uint32_t id);
/* Where a guest address of the initial tables lies in our array. */
void *fake_guest(uint32_t partition, uint64_t address);

#endif
