/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The calls of the host by which a disk reaches its file, as a test wants them to behave. */
#ifndef HOST_CALLS_H
#define HOST_CALLS_H

#include <stdbool.h>
#include <stdint.h>

struct host_calls {
    uint64_t flush_count;
    int flush_error;      /* of fdatasync, once; 0: none */
    uint64_t short_bytes; /* most that a pread or pwrite moves; 0: all */
    bool interrupted;     /* every other pread and pwrite is, by a signal */
    bool no_holes;        /* the file system knows no fallocate */
};
extern struct host_calls host_calls;

#endif
