/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Directories: entries, how to find, add, change and remove one. A directory is known by its
 * first cluster; 0 is the root. Long names are passed over.
 */
#ifndef FAT_DIRECTORY_H
#define FAT_DIRECTORY_H

#include "fat_name.h"
#include "fat_volume.h"

#define FAT_ROOT 0u
#define FAT_ATTRIBUTE_READ_ONLY 0x01u
#define FAT_ATTRIBUTE_LABEL 0x08u
#define FAT_ATTRIBUTE_DIRECTORY 0x10u
#define FAT_ATTRIBUTE_ARCHIVE 0x20u

struct fat_entry {
    uint32_t sector; /* where it is; 0: nowhere */
    uint32_t offset;
    uint32_t first_cluster; /* 0: none */
    uint32_t size_bytes;
    uint8_t attributes;
    uint8_t name_flags;
    uint8_t name[FAT_NAME_SIZE_BYTES];
};

/* Where a walk through a directory is. */
struct fat_cursor {
    uint32_t cluster;
    uint32_t sector; /* of the next entry */
    uint32_t offset;
    uint32_t sectors_left; /* of the cluster, or of the root */
    uint32_t entry_count;  /* passed: no directory has more than 65536 */
};

uint32_t fat_directory_begin(struct fat_volume *volume, uint32_t directory,
                             struct fat_cursor *cursor);
/* The next entry in use but `.` and `..`; FAT_not_found at the end. */
uint32_t fat_directory_next(struct fat_volume *volume, struct fat_cursor *cursor,
                            struct fat_entry *entry);

uint32_t fat_directory_find(struct fat_volume *volume, uint32_t directory, const uint8_t *name,
                            struct fat_entry *entry);
/* The entry says all but its place, which it is told. */
uint32_t fat_directory_add(struct fat_volume *volume, uint32_t directory, struct fat_entry *entry);
/* Each writes one sector. */
uint32_t fat_entry_write(struct fat_volume *volume, const struct fat_entry *entry);
uint32_t fat_entry_remove(struct fat_volume *volume, const struct fat_entry *entry);

/* A new directory's one cluster, with `.` and `..`; nothing refers to it yet. */
uint32_t fat_directory_make(struct fat_volume *volume, uint32_t parent, uint32_t *cluster);

#endif
