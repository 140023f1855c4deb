/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk: the medium behind up to two block devices. A host file, whose size and contents are the
 * disk's, or anonymous memory. Only the one active port reaches it. Called by block.c, by the
 * machine that makes it, and by tests, which inject faults. It knows no device and no guest.
 */
#ifndef DISK_H
#define DISK_H

#include "device.h"

#define DISK_PORT_COUNT 2
#define DISK_SIZE_MAXIMUM_BYTES (1ull << 40)
#define DISK_FAULT_LIMIT 16

struct disk_options {
    const char *path;    /* of a host file; NULL: memory */
    uint64_t size_bytes; /* whole sectors. A file: 0, or what it is created or extended to */
    bool read_only;
};

/* NULL, and why in `reason`: the operator's error, to be shown as it is. */
struct disk *disk_open(const struct disk_options *options, char reason[DEVICE_REASON_LIMIT]);
/* What was written and not flushed is written out. No device of it is left. */
void disk_close(struct disk *disk);

uint64_t disk_sector_count(const struct disk *disk);
bool disk_read_only(const struct disk *disk); /* asked for, or the file permits no more */
/* The first thing that went wrong with the medium since it was opened; "" while nothing has. */
const char *disk_reason(const struct disk *disk);

/* What a test makes go wrong. Matching accesses are counted; `skip_count` pass, then it strikes. */
struct disk_fault {
    uint32_t operation;    /* enum disk_operation of io.h; 0: any */
    int error;             /* EIO, ENOSPC ... of <errno.h> */
    uint64_t sector;
    uint64_t sector_count; /* 0: anywhere, flushes too */
    uint64_t skip_count;
    uint64_t strike_count; /* how often; 0: for ever */
};
/* False: DISK_FAULT_LIMIT are set already. */
bool disk_fault_add(struct disk *disk, const struct disk_fault *fault);
void disk_fault_clear(struct disk *disk);

/* A memory disk's contents, faults and counters; of a file only the latter: the file is outside. */
size_t disk_save(const struct disk *disk, uint8_t *buffer, size_t capacity);
bool disk_load(struct disk *disk, const uint8_t *buffer, size_t size_bytes);
uint64_t disk_hash(const struct disk *disk);

/* For block.c. Only one port may be active: while both are, neither reaches the disk. */
bool disk_port_take(struct disk *disk, uint32_t port); /* false: no such port, or taken */
void disk_port_release(struct disk *disk, uint32_t port);
void disk_port_activate(struct disk *disk, uint32_t port, bool active);

/*
 * All return 0, or an error number of <errno.h> with the first reason kept: EACCES for a port that
 * may not, EROFS for a write to what is read-only, EINVAL for a range beyond the disk. A run of
 * sectors is checked whole before its pieces are moved; pieces need not be whole sectors.
 */
int disk_check(struct disk *disk, uint32_t port, uint32_t operation, uint64_t sector,
               uint64_t sector_count);
int disk_read(struct disk *disk, uint64_t offset, uint8_t *data, uint64_t size_bytes);
int disk_write(struct disk *disk, uint64_t offset, const uint8_t *data, uint64_t size_bytes);
int disk_flush(struct disk *disk);
/* Sectors read as zeroes from then on; `unmap`: the medium may give their space back. */
int disk_zero(struct disk *disk, uint64_t sector, uint64_t sector_count, bool unmap);

#endif
