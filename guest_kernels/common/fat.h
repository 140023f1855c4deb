/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files and directories of a FAT16 volume by their paths: names of eight characters and three,
 * separated by `/`. Every function returns an enum fat_status.
 *
 * Each change is made in steps with barriers between them, so that a crash, even of a disk that
 * keeps any part of what it was not told to keep, leaves each file as it was or as it is to be, and
 * at worst clusters that belong to nobody. fat_barrier makes what was done durable.
 */
#ifndef FAT_H
#define FAT_H

#include "fat_directory.h"

/* The entry of a path; of the root one without a place. */
uint32_t fat_find(struct fat_volume *volume, const char *path, struct fat_entry *entry);
/* Begins a walk through a directory, which fat_directory_next goes on with. */
uint32_t fat_list(struct fat_volume *volume, const char *path, struct fat_cursor *cursor);

uint32_t fat_make_directory(struct fat_volume *volume, const char *path);
uint32_t fat_remove_directory(struct fat_volume *volume, const char *path);
uint32_t fat_remove(struct fat_volume *volume, const char *path);
/* Within one directory: one sector is written. */
uint32_t fat_rename(struct fat_volume *volume, const char *path, const char *new_path);

/* Reads a file from its beginning on. */
struct fat_reader {
    struct fat_volume *volume;
    uint32_t cluster; /* of the position */
    uint32_t position_bytes;
    uint32_t size_bytes;
    uint8_t sector[FAT_SECTOR_SIZE_BYTES];
};

uint32_t fat_open(struct fat_reader *reader, struct fat_volume *volume, const char *path);
/* Less than was asked for only at the end of the file. */
uint32_t fat_read(struct fat_reader *reader, void *data, uint32_t size_bytes, uint32_t *read_bytes);

/*
 * Writes a file: until fat_finish it is on the disk as it was. Meanwhile nothing else of the
 * volume is changed. What goes wrong is kept, and fat_finish tells it.
 */
struct fat_writer {
    struct fat_volume *volume;
    uint32_t status;
    uint32_t directory;
    struct fat_entry entry; /* as it will be */
    uint32_t old_cluster;   /* of what is replaced, and how much of it */
    uint32_t old_size_bytes;
    uint32_t tail;  /* the cluster behind which the new ones are to hang; 0: none */
    uint32_t first; /* of the new clusters; 0: none */
    uint32_t last;  /* the one that is written to */
    uint8_t sector[FAT_SECTOR_SIZE_BYTES]; /* the beginning of the file's last sector */
};

/* A new file, or a new content for one that there is. */
uint32_t fat_create(struct fat_writer *writer, struct fat_volume *volume, const char *path);
/* More of a file that there is, or a new one. */
uint32_t fat_append(struct fat_writer *writer, struct fat_volume *volume, const char *path);
uint32_t fat_write(struct fat_writer *writer, const void *data, uint32_t size_bytes);
uint32_t fat_finish(struct fat_writer *writer);

#endif
