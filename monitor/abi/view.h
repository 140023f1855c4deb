/* SPDX-License-Identifier: MIT */
/*
 * The view: all that a monitor knows of who owns and may do what. The ultravisor
 * writes it, monitors only read it. It lies in a region that monitor and engines
 * map read-only. Two bodies, the generation's lowest bit says which one holds:
 * a half-written transaction is never seen. The monitor follows every generation
 * by itself, whatever lay between it and the last one it saw: it compares what it
 * has done with what the body in force says, in bounded steps, and acknowledges.
 */
#ifndef ABI_VIEW_H
#define ABI_VIEW_H

#include "abi.h"

#define PAGE_MAGIC_VIEW 0x49565655 /* "UVVI" */
#define VIEW_BODY_COUNT 2

/* Rights of a partition: bits of view_partition.rights. */
#define RIGHT_none 0x0
#define RIGHT_console 0x1
#define RIGHT_memory 0x2
#define RIGHT_events 0x4
#define RIGHT_processors 0x8
#define RIGHT_trace 0x10
#define RIGHT_ALL 0x1f

/* In view_slot.flags: what its virtual processor leaves goes to the next runnable one. */
#define SLOT_DONATES 0x1

enum partition_kind {
    PARTITION_unused = 0,
    PARTITION_guest = 1,
    PARTITION_io = 2,
    PARTITION_hosted = 3,
    PARTITION_idle = 4
};

/* What is wanted of a partition. One that has stopped runs again only as a higher incarnation. */
enum view_state {
    VIEW_STATE_stopped = 0, /* owns its memory; what never ran is not looked at otherwise */
    VIEW_STATE_running = 1,
    VIEW_STATE_paused = 2 /* started, but never chosen; timers keep their deadlines */
};

enum view_channel_state { VIEW_CHANNEL_unused = 0, VIEW_CHANNEL_mapped = 1 };

/* In view_channel_end.flags. */
#define CHANNEL_END_WRITABLE 0x1

#define VIEW_CHANNEL_END_COUNT 2

/*
 * While its kind is not PARTITION_unused, id, width, virtual processors and addresses stay as
 * they are: another kind of the same number is another incarnation, and the last one's memory
 * is scrubbed before this one's is looked at.
 */
struct view_partition {
    uint32_t id; /* its place in the array */
    uint32_t kind;
    uint32_t width; /* 32 or 64 */
    uint32_t rights;
    uint32_t first_extent;
    uint32_t extent_count;
    uint32_t first_virtual_processor;
    uint32_t virtual_processor_count;
    uint64_t entry_address;
    uint64_t stack_top_address;
    uint64_t start_page_address;
    uint64_t hypercall_frame;    /* machine frame that the monitor fills with call stubs */
    uint64_t time_frame;         /* machine frame of the time page */
    uint64_t shared_first_frame; /* machine frames of the shared pages, consecutive */
    uint64_t kernel_root_frame;
    uint64_t table_first_frame;  /* initial tables, consecutive: all L1, then L2, L3, L4 */
    uint32_t table_counts[4];
    char name[NAME_LIMIT];
    uint32_t state;           /* enum view_state: what is wanted */
    uint32_t incarnation;     /* rises whenever the number is used again */
    uint32_t control_channel; /* 1 + row of the channel that tells it of its resources; 0: none */
    uint32_t reserved0;
};

struct view_virtual_processor {
    uint32_t partition;
    uint32_t index;     /* within the partition */
    uint32_t processor; /* the physical processor whose map has its slots */
    uint32_t reserved0;
};

/* All frames of an extent belong to one partition, whose extents are consecutive rows. */
struct view_extent {
    uint32_t partition;
    uint32_t reserved0;
    uint64_t guest_frame;
    uint64_t machine_frame;
    uint64_t frame_count;
};

/* Where one end of a channel finds it, and what it may do there. */
struct view_channel_end {
    uint32_t partition;
    uint32_t port; /* by which this end's events leave and arrive; 0: none */
    uint64_t guest_frame;
    uint32_t flags; /* CHANNEL_END_* */
    uint32_t reserved0;
};

/*
 * Frames that exactly two partitions may map, never executable, never as a table. Another place
 * in machine memory, other ends or other flags make it another channel: the old one is unmapped
 * and scrubbed first.
 */
struct view_channel {
    uint32_t id;
    uint32_t state; /* enum view_channel_state */
    uint64_t machine_frame;
    uint64_t frame_count;
    struct view_channel_end ends[VIEW_CHANNEL_END_COUNT];
};

/* In view_device.flags: it may act. Without it, it is fenced: no memory, no medium. */
#define VIEW_DEVICE_ACTIVE 0x1

/*
 * Frames that are a device's registers: its owner may map them, never executable, never as a table,
 * and they are never scrubbed. The device reaches the owner's memory and its channels, by
 * guest-physical address, and raises the owner's event.
 */
struct view_device {
    uint32_t id;        /* as the machine knows it, from 1 on; 0: the row is unused */
    uint32_t partition; /* its owner; 0: nobody, and it is reset */
    uint32_t port;      /* of the owner's first virtual processor; 0: none, it polls */
    uint32_t flags;     /* VIEW_DEVICE_* */
    uint64_t machine_frame;
    uint64_t frame_count;
    uint64_t guest_frame; /* where its owner finds the registers, behind its memory */
};

/* Directed: an event sent on (partition, port) arrives at (target, port, processor). */
struct view_link {
    uint32_t partition;
    uint32_t port;
    uint32_t target_partition;
    uint32_t target_port;
    uint32_t target_processor; /* index within the target partition */
    uint32_t reserved0;
};

struct view_slot {
    uint32_t virtual_processor; /* global number */
    uint32_t flags;
    uint64_t start_cycles; /* from the beginning of the cyclic map; slots lie back to back */
    uint64_t quantum_cycles;
};

struct view_processor {
    uint32_t slot_count;
    uint32_t reserved0;
    uint64_t period_cycles; /* sum of the quanta */
    struct view_slot slots[SLOT_LIMIT];
};

struct view_body {
    uint32_t processor_count;
    uint32_t virtual_processor_count;
    uint32_t extent_count;
    uint32_t link_count;
    uint64_t clock_frequency_hz;
    uint32_t channel_count;
    uint32_t device_count;
    struct view_partition partitions[PARTITION_LIMIT];
    struct view_virtual_processor virtual_processors[VIRTUAL_PROCESSOR_LIMIT];
    struct view_extent extents[EXTENT_LIMIT];
    struct view_link links[EVENT_LINK_LIMIT];
    struct view_processor processors[PROCESSOR_LIMIT];
    struct view_channel channels[CHANNEL_LIMIT];
    struct view_device devices[DEVICE_LIMIT];
};

struct view_region {
    struct page_header header;
    uint64_t generation; /* body generation % 2 is in force */
    uint64_t reserved0;
    struct view_body bodies[VIEW_BODY_COUNT];
};

#endif
