/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel and the user program agree on besides system calls: the header at
 * the program's beginning, where its parts lie, and the roles it can play.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <stdint.h>

#define PROGRAM_ADDRESS 0x400000
#define PROGRAM_MAGIC 0x4d41524750524f47ull

#define HEAP_ADDRESS 0x10000000
#define HEAP_SIZE_BYTES 0x100000

enum role {
    ROLE_alpha = 0,
    ROLE_beta = 1,
    ROLE_crash = 2, /* commits a fault and is killed alone */
    ROLE_COUNT
};

/* All addresses are page-aligned but data_end: behind it, up to bss_end, are zeros. */
struct program_header {
    uint64_t magic;
    uintptr_t entry;
    uintptr_t text_end; /* text begins at PROGRAM_ADDRESS, with this header */
    uintptr_t constants_end;
    uintptr_t data_end;
    uintptr_t bss_end;
};

#endif
