/* SPDX-License-Identifier: MIT */
/*
 * Between a hosted partition's kernel and the machine that carries its program: the doorbell,
 * and the page in which a turn's calls and their results lie. The kernel rings, the machine
 * comes to rest, the program takes its turn, and the kernel makes the calls that it queued.
 * The monitor knows nothing of it: its calls are those of any guest.
 */
#ifndef ABI_HOSTED_H
#define ABI_HOSTED_H

#include "abi.h"

#define PAGE_MAGIC_HOSTED 0x4f485655 /* "UVHO" */

/*
 * The doorbell is `out %al, $HOSTED_PORT`, in exactly its two bytes, in kernel mode of a hosted
 * partition; RDI has the guest-physical address of the page. For everybody else port output is
 * #GP, as ever.
 */
#define HOSTED_PORT 0xe5
#define HOSTED_DOORBELL_SIZE_BYTES 2

/* In hosted_page.flags. */
#define HOSTED_AGAIN 0x1 /* ring again after the calls, instead of waiting for an event */

#ifndef __ASSEMBLER__

/* One call of the monitor, as the program queued it. */
struct hosted_call {
    uint64_t number;
    uint64_t arguments[5];
    int64_t result; /* written by the kernel; negative: -ERROR_* */
    uint64_t reserved0;
};

/* Both sides write it, in turn; the kernel checks what it reads once, after the turn. */
struct hosted_page {
    struct page_header header;
    uint64_t events;             /* ports that became pending; the program clears what it takes */
    uint32_t result_count;       /* calls of the last turn, made */
    uint32_t call_count;         /* calls of this turn, to be made */
    uint32_t flags;              /* HOSTED_* of this turn */
    uint32_t reserved0;
    uint64_t turn_count;         /* how often the bell was rung */
    uint64_t direct_map_address; /* virtual, of guest-physical 0 */
    uint64_t start_page_address; /* guest-physical */
    uint64_t free_address;       /* guest-physical: from here on, memory is the program's */
    uint64_t memory_size_bytes;  /* where it ends */
    uint64_t reserved1[6];
    char text[EXIT_REASON_LIMIT]; /* of the program's last call, partition_exit */
    struct hosted_call calls[HOSTED_CALL_LIMIT];
};

#endif
#endif
