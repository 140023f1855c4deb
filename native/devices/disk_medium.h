/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is inside a disk, for disk.c, disk_file.c and disk_memory.c only. */
#ifndef DISK_MEDIUM_H
#define DISK_MEDIUM_H

#include "disk.h"

struct state_writer;
struct state_reader;

struct disk_port {
    bool taken;
    bool active;
};

struct disk {
    uint64_t size_bytes;
    bool read_only;
    struct disk_port ports[DISK_PORT_COUNT];
    int file;      /* -1: memory */
    char *path;    /* of the file, for reasons */
    uint8_t *memory;
    uint8_t *written; /* by page of memory: whether it may hold anything but zeroes */
    struct disk_fault faults[DISK_FAULT_LIMIT];
    uint8_t fault_spent[DISK_FAULT_LIMIT];
    uint32_t fault_count;
    char reason[DEVICE_REASON_LIMIT];
};

/* Keeps the reason if it is the first. */
void disk_refuse(struct disk *disk, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A host file. Errors are numbers of <errno.h>, 0: none. */
bool disk_file_open(struct disk *disk);
void disk_file_close(struct disk *disk);
int disk_file_present(struct disk *disk); /* whether it still has a name and its size */
int disk_file_read(struct disk *disk, uint64_t offset, uint8_t *data, uint64_t size_bytes);
int disk_file_write(struct disk *disk, uint64_t offset, const uint8_t *data, uint64_t size_bytes);
int disk_file_flush(struct disk *disk);
int disk_file_zero(struct disk *disk, uint64_t offset, uint64_t size_bytes, bool unmap);

/* Anonymous memory; of a file, nothing is saved or hashed. */
bool disk_memory_open(struct disk *disk);
void disk_memory_close(struct disk *disk);
void disk_memory_write(struct disk *disk, uint64_t offset, const uint8_t *data,
                       uint64_t size_bytes);
void disk_memory_zero(struct disk *disk, uint64_t offset, uint64_t size_bytes);
void disk_memory_save(const struct disk *disk, struct state_writer *writer);
bool disk_memory_load(struct disk *disk, struct state_reader *reader);
uint64_t disk_memory_hash(const struct disk *disk);

#endif
