/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A process: saved registers, an address space of its own, and the regions in which
 * a first touch brings a page.
 */
#ifndef PROCESS_H
#define PROCESS_H

#include "program.h"
#include "trap.h"

#define PAGE_MASK (~(uint64_t)(PAGE_SIZE_BYTES - 1))
#define REGION_COUNT 5

/* Pages of one kind. The source, if any, has the bytes of the region's beginning. */
struct region {
    uint64_t start;
    uint64_t end;
    uint64_t entry_flags;
    const uint8_t *source;
    uint64_t source_size_bytes;
};

enum process_state { PROCESS_RUNNABLE = 0, PROCESS_EXITED = 1, PROCESS_KILLED = 2 };

struct process {
    struct trap_state trap_state;   /* as at the beginning of its present or next turn */
    struct floating_state floating; /* valid while it does not run */
    uint64_t thread_base;
    uint64_t root;  /* guest frame of its root table */
    uint32_t id;    /* its role, too */
    uint32_t state; /* enum process_state */
    int64_t exit_code;
    uint64_t page_count; /* brought by first touches */
    uint64_t call_count; /* system calls */
    uint64_t patch_count;
    const char *name;
    struct region regions[REGION_COUNT];
};

void process_create(struct process *process, uint32_t id, const char *name);
/* Gives back all its frames; it must not be the one whose space is in use. */
void process_destroy(struct process *process);

/*
 * Brings the page of a first touch, which was a write or a fetch as the error code
 * says. Returns 0 where the process has no business.
 */
int process_page_in(struct process *process, uint64_t address, uint64_t error_code);

/* Copies from the process's memory, touching it on its behalf; 0 where it has none. */
int process_copy_in(struct process *process, void *target, uint64_t address, uint64_t size_bytes);

/* Changes four bytes of its own code; 0 where they do not lie in one page of code. */
int process_patch(struct process *process, uint64_t address, uint32_t value);

#endif
