/* SPDX-License-Identifier: MIT */
/*
 * Every limit of the contract, once. Exceeding one is refused with ERROR_limit
 * (or by the configuration reader, before anything starts); a test runs at N
 * and at N+1. Usable from C and from assembler: plain integers only.
 */
#ifndef ABI_LIMITS_H
#define ABI_LIMITS_H

/* The host. */
#define MACHINE_MEMORY_MINIMUM_MIB 64   /* machine memory, monitor included */
#define MACHINE_MEMORY_MAXIMUM_MIB 8192 /* machine memory, monitor included */
#define PROCESSOR_LIMIT 8            /* physical processors */
#define PARTITION_LIMIT 128          /* partitions, with number 0 never used */
#define VIRTUAL_PROCESSOR_LIMIT 256  /* of all partitions together */
#define SLOT_LIMIT 128               /* slots in the cyclic map of one processor */
#define EXTENT_LIMIT 1024            /* runs of machine frames in a view */
#define EVENT_LINK_LIMIT 1024        /* directed event links in a view */
#define CHANNEL_LIMIT 1024           /* channels in a view */
#define DEVICE_LIMIT 64              /* devices in a view */

/* One partition. */
#define PARTITION_PROCESSOR_LIMIT 8  /* virtual processors of one partition */
#define PARTITION_EXTENT_LIMIT 16    /* extents that fit its start page */
#define EVENT_PORT_LIMIT 64          /* event ports of one virtual processor */
#define TRAP_VECTOR_LIMIT 32         /* exception vectors that a guest can handle */
#define DESCRIPTOR_LIMIT 8           /* segments of its own of a 32-bit virtual processor */
#define NAME_LIMIT 32                /* bytes of a name, with its final zero */
#define COMMAND_LINE_LIMIT 1024      /* bytes of a command line, with its final zero */

/* One image. */
#define SCENARIO_SENTENCE_LIMIT 128  /* bytes of a scenario's sentence, with its final zero */

/* One call. */
#define TABLE_UPDATE_LIMIT 128       /* entries in one table_update */
#define CONSOLE_LIMIT 4096           /* bytes in one console_write or console_read */
#define EXIT_REASON_LIMIT 128        /* bytes of the reason to exit, with its final zero */
#define FRAMES_RELEASE_LIMIT 512     /* frames in one frames_release */

/* One memory channel. */
#define CHANNEL_SLOT_MINIMUM 64      /* slots of a queue, of which one stays empty */
#define CHANNEL_SLOT_LIMIT 4096      /* slots of a queue */
#define CHANNEL_SIGNAL_LIMIT 4096    /* bytes of a signal */
#define CONTROL_MESSAGE_COUNT 64     /* slots of each queue of a control channel, as published */
#define CONTROL_CRASH_MESSAGE_COUNT 2 /* saved messages of a control channel, as published */
#define CONTROL_PAYLOAD_LIMIT 131072 /* bytes of the payload of a control message */

/* One turn of a hosted partition's program. */
#define HOSTED_CALL_LIMIT 60 /* calls of the monitor that it may queue: they fill one page */
#define HOSTED_WORK_LIMIT_CYCLES 1000000000 /* cycles of work that it may declare */

/* One step by which the monitor follows a view, and how soon a busy processor takes the next. */
#define VIEW_STEP_FRAME_LIMIT 64     /* frames scrubbed, given to an owner or severed */
#define VIEW_STEP_TABLE_LIMIT 8      /* page tables pinned or severed */
#define VIEW_STEP_SCAN_LIMIT 1024    /* frames looked at */
#define VIEW_STEP_INTERVAL_CYCLES 8192 /* between two steps of a processor that is not idle */

/* Time. A slot shorter than this could not hold one hypercall path. */
#define QUANTUM_MINIMUM_CYCLES 16

#endif
