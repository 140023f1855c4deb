/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A FAT16 volume on a disk of sectors: what it is made of, its beginning and its making. Whatever
 * a disk holds is checked: a volume that cannot be right is refused with a reason. One user at a
 * time; nothing is allocated. Files and directories by their paths are in fat.h.
 */
#ifndef FAT_VOLUME_H
#define FAT_VOLUME_H

#include <stdint.h>

#define FAT_SECTOR_SIZE_BYTES 512u
#define FAT_ENTRY_SIZE_BYTES 32u
#define FAT_CLUSTER_FIRST 2u
#define FAT_CLUSTER_COUNT_MINIMUM 4085u /* fewer: FAT12 */
#define FAT_CLUSTER_COUNT_MAXIMUM 65524u

/* What a volume lies on. The functions return 0 when the disk has failed. */
struct fat_disk {
    int (*read)(void *context, uint64_t sector, uint32_t sector_count, void *data);
    int (*write)(void *context, uint64_t sector, uint32_t sector_count, const void *data);
    int (*flush)(void *context); /* all that was written before is kept, whatever happens */
    void *context;
    uint64_t sector_count;
};

enum fat_status {
    FAT_ok = 0,
    FAT_disk_failed = 1,
    FAT_no_volume = 2,
    FAT_bad_size = 3,
    FAT_damaged = 4,
    FAT_not_found = 5,
    FAT_exists = 6,
    FAT_is_directory = 7,
    FAT_no_directory = 8,
    FAT_not_empty = 9,
    FAT_bad_name = 10,
    FAT_full = 11,
    FAT_root_full = 12,
    FAT_too_large = 13,
    FAT_read_only = 14,
    FAT_other_directory = 15,
    FAT_STATUS_COUNT
};

struct fat_volume {
    const struct fat_disk *disk;
    const char *reason; /* why there is no volume */
    uint32_t cluster_sectors;
    uint32_t cluster_count;
    uint32_t table_sector; /* where each begins */
    uint32_t root_sector;
    uint32_t data_sector;
    uint32_t table_count; /* copies, of which the first one counts */
    uint32_t table_sectors;
    uint32_t search;        /* where the search for a free cluster begins */
    uint32_t cached_table;  /* the sector of the table that is in `table`; 0: none */
    uint32_t cached_entries; /* the sector that is in `entries`; 0: none */
    uint32_t table_changed; /* `table` is to be written */
    uint8_t table[FAT_SECTOR_SIZE_BYTES];
    uint8_t entries[FAT_SECTOR_SIZE_BYTES];
};

/* All functions return an enum fat_status. */

/* Where FAT_no_volume comes, the volume's reason says why. */
uint32_t fat_mount(struct fat_volume *volume, const struct fat_disk *disk);
/* An empty volume on the disk's beginning, as much of it as FAT16 can have. */
uint32_t fat_format(const struct fat_disk *disk, uint32_t serial_number);

/* What was written before reaches the disk before anything that is written later. */
uint32_t fat_barrier(struct fat_volume *volume);

uint32_t fat_sectors_read(struct fat_volume *volume, uint32_t sector, uint32_t count, void *data);
uint32_t fat_sectors_write(struct fat_volume *volume, uint32_t sector, uint32_t count,
                           const void *data);

/* What the status says, as half a sentence. */
const char *fat_status_text(uint32_t status);

static inline uint32_t fat_cluster_sector(const struct fat_volume *volume, uint32_t cluster)
{
    return volume->data_sector + (cluster - FAT_CLUSTER_FIRST) * volume->cluster_sectors;
}

static inline uint32_t fat_cluster_size_bytes(const struct fat_volume *volume)
{
    return volume->cluster_sectors * FAT_SECTOR_SIZE_BYTES;
}

/* Numbers on the disk, lowest byte first, at any address. */
static inline uint32_t fat_number_16(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8;
}

static inline uint32_t fat_number_32(const uint8_t *bytes)
{
    return fat_number_16(bytes) | fat_number_16(bytes + 2) << 16;
}

static inline void fat_number_16_set(uint8_t *bytes, uint32_t value)
{
    bytes[0] = (uint8_t)value;
    bytes[1] = (uint8_t)(value >> 8);
}

static inline void fat_number_32_set(uint8_t *bytes, uint32_t value)
{
    fat_number_16_set(bytes, value);
    fat_number_16_set(bytes + 2, value >> 16);
}

#endif
