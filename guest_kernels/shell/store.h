/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The disk of the shell and the volume on it: disk 0 of its control channel, or memory of its own.
 */
#ifndef STORE_H
#define STORE_H

#include "disk.h"
#include "fat.h"

struct store_counters {
    uint64_t read_count;
    uint64_t write_count;
    uint64_t flush_count;
    uint64_t sectors_read;
    uint64_t sectors_written;
};

/* `disk=memory` on the command line asks for memory, of disk_kib=N (4096). */
void store_start(const char *command_line);

/* Mounts what is there if need be; 0: there is no volume, which was said for the command. */
struct fat_volume *store_volume(const char *command);
int store_format(const char *command);

const struct store_counters *store_counters(void);
/* The disk that is reached by paths; 0: it is memory, or there is none. */
const struct disk *store_disk(void);
/* 0: the disk is no memory of this partition. */
uint64_t store_memory_frames(void);

#endif
