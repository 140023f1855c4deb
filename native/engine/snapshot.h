/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a snapshot is made of; shared by snapshot.c and snapshot_file.c only. */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include "machine.h"

#define SNAPSHOT_MAGIC 0x3154504e53565500ull
#define SNAPSHOT_VERSION 8u

struct processor_snapshot {
    uint64_t clock, deadline, guest_cycles, machine_cycles, idle_cycles;
    uint32_t kicked, record;
    uint64_t engine_state[ENGINE_STATE_WORDS];
};

/* Everything of a machine outside its memory. */
struct machine_state {
    uint64_t magic;
    uint64_t options_hash;
    uint64_t round_start;
    uint64_t round_end; /* 0: between two rounds */
    uint64_t work[VIRTUAL_PROCESSOR_LIMIT];
    struct processor_snapshot processors[PROCESSOR_LIMIT];
    uint32_t turn;
    uint32_t version;
};

struct saved_frame {
    uint64_t frame;
    uint8_t bytes[PAGE_SIZE_BYTES];
};

struct machine_snapshot {
    struct machine_state state;
    uint64_t frame_count; /* of the machine */
    uint64_t *offsets;    /* by frame: 1 + index into frames, 0: all zero */
    struct saved_frame *frames;
    uint64_t saved_count, capacity;
    struct console consoles[PARTITION_LIMIT];
    struct input *inputs;
    uint8_t *cycle_state; /* of no bytes when the machine has no cycle-level core */
    uint64_t cycle_state_size_bytes;
    uint8_t *devices; /* as device_state.c lays them out */
    uint64_t devices_size_bytes;
};

/* Of everything that two machines must have in common to read each other's snapshots. */
uint64_t options_hash(const struct machine *machine);
/* Whether a machine may have its snapshot taken now. */
int snapshot_check(struct machine *machine);
/* Empty, for this machine; freed with machine_snapshot_free. NULL without memory. */
struct machine_snapshot *snapshot_new(const struct machine *machine);
int snapshot_fill(struct machine *machine, struct machine_snapshot *snapshot);
int snapshot_add_frame(struct machine_snapshot *snapshot, uint64_t frame, const uint8_t *bytes);

#endif
