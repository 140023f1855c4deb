/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the entries of directories, and the sector of them that is kept while one is looked at.
 */
#include "fat_directory.h"

#include "bytes.h"
#include "fat_table.h"

#define ENTRY_ATTRIBUTES 11
#define ENTRY_NAME_FLAGS 12
#define ENTRY_CREATION_DATE 16
#define ENTRY_ACCESS_DATE 18
#define ENTRY_CHANGE_DATE 24
#define ENTRY_FIRST_CLUSTER 26
#define ENTRY_SIZE 28
#define MARK_END 0x00u
#define MARK_REMOVED 0xe5u
#define DATE_FIRST 0x0021u /* 1 January 1980: there is no calendar here */
#define ENTRY_COUNT_LIMIT 65536u

uint32_t fat_directory_begin(struct fat_volume *volume, uint32_t directory,
                             struct fat_cursor *cursor)
{
    memset(cursor, 0, sizeof(*cursor));
    if (directory == FAT_ROOT) {
        cursor->sector = volume->root_sector;
        cursor->sectors_left = volume->data_sector - volume->root_sector;
        return FAT_ok;
    }
    if (!fat_is_cluster(volume, directory)) {
        return FAT_damaged;
    }
    cursor->cluster = directory;
    cursor->sector = fat_cluster_sector(volume, directory);
    cursor->sectors_left = volume->cluster_sectors;
    return FAT_ok;
}

static uint32_t entries_load(struct fat_volume *volume, uint32_t sector)
{
    uint32_t status = FAT_ok;

    if (volume->cached_entries != sector) {
        volume->cached_entries = 0;
        status = fat_sectors_read(volume, sector, 1, volume->entries);
        if (status == FAT_ok) {
            volume->cached_entries = sector;
        }
    }
    return status;
}

/* What could not be written is not believed to be there. */
static uint32_t entries_store(struct fat_volume *volume)
{
    uint32_t status = fat_sectors_write(volume, volume->cached_entries, 1, volume->entries);

    if (status != FAT_ok) {
        volume->cached_entries = 0;
    }
    return status;
}

/* To the sector that follows; FAT_not_found when there is none. */
static uint32_t sector_next(struct fat_volume *volume, struct fat_cursor *cursor)
{
    uint32_t next;
    uint32_t status;

    cursor->offset = 0;
    cursor->sector++;
    cursor->sectors_left--;
    if (cursor->sectors_left > 0) {
        return FAT_ok;
    }
    if (cursor->cluster == FAT_ROOT) {
        return FAT_not_found;
    }
    status = fat_next(volume, cursor->cluster, &next);
    if (status != FAT_ok || next == 0) {
        return status != FAT_ok ? status : FAT_not_found;
    }
    cursor->cluster = next;
    cursor->sector = fat_cluster_sector(volume, next);
    cursor->sectors_left = volume->cluster_sectors;
    return FAT_ok;
}

/* The next slot, used or not, in the sector that is kept. */
static uint32_t slot_next(struct fat_volume *volume, struct fat_cursor *cursor, uint32_t *sector,
                          uint32_t *offset)
{
    uint32_t status = FAT_ok;

    if (cursor->entry_count++ == ENTRY_COUNT_LIMIT) {
        return FAT_damaged;
    }
    if (cursor->offset == FAT_SECTOR_SIZE_BYTES) {
        status = sector_next(volume, cursor);
    }
    if (status == FAT_ok) {
        status = entries_load(volume, cursor->sector);
    }
    *sector = cursor->sector;
    *offset = cursor->offset;
    cursor->offset += FAT_ENTRY_SIZE_BYTES;
    return status;
}

static void entry_read(const uint8_t *raw, struct fat_entry *entry)
{
    memcpy(entry->name, raw, sizeof(entry->name));
    entry->attributes = raw[ENTRY_ATTRIBUTES];
    entry->name_flags = raw[ENTRY_NAME_FLAGS];
    entry->first_cluster = fat_number_16(raw + ENTRY_FIRST_CLUSTER);
    entry->size_bytes = fat_number_32(raw + ENTRY_SIZE);
}

/* The next entry in use that is no label and no part of a long name. */
static uint32_t used_next(struct fat_volume *volume, struct fat_cursor *cursor,
                          struct fat_entry *entry)
{
    for (;;) {
        uint32_t status = slot_next(volume, cursor, &entry->sector, &entry->offset);
        const uint8_t *raw = volume->entries + entry->offset;

        if (status != FAT_ok) {
            return status;
        }
        if (raw[0] == MARK_END) {
            return FAT_not_found;
        }
        if (raw[0] != MARK_REMOVED && (raw[ENTRY_ATTRIBUTES] & FAT_ATTRIBUTE_LABEL) == 0) {
            entry_read(raw, entry);
            return FAT_ok;
        }
    }
}

uint32_t fat_directory_next(struct fat_volume *volume, struct fat_cursor *cursor,
                            struct fat_entry *entry)
{
    uint32_t status;

    do {
        status = used_next(volume, cursor, entry);
    } while (status == FAT_ok && entry->name[0] == '.');
    return status;
}

uint32_t fat_directory_find(struct fat_volume *volume, uint32_t directory, const uint8_t *name,
                            struct fat_entry *entry)
{
    struct fat_cursor cursor;
    uint32_t status = fat_directory_begin(volume, directory, &cursor);

    while (status == FAT_ok) {
        status = used_next(volume, &cursor, entry);
        if (status == FAT_ok && memcmp(entry->name, name, FAT_NAME_SIZE_BYTES) == 0) {
            break;
        }
    }
    return status;
}

static void entry_make(uint8_t *raw, const struct fat_entry *entry)
{
    memset(raw, 0, FAT_ENTRY_SIZE_BYTES);
    memcpy(raw, entry->name, sizeof(entry->name));
    raw[ENTRY_ATTRIBUTES] = entry->attributes;
    raw[ENTRY_NAME_FLAGS] = entry->name_flags;
    fat_number_16_set(raw + ENTRY_CREATION_DATE, DATE_FIRST);
    fat_number_16_set(raw + ENTRY_ACCESS_DATE, DATE_FIRST);
    fat_number_16_set(raw + ENTRY_CHANGE_DATE, DATE_FIRST);
    fat_number_16_set(raw + ENTRY_FIRST_CLUSTER, entry->first_cluster);
    fat_number_32_set(raw + ENTRY_SIZE, entry->size_bytes);
}

uint32_t fat_entry_write(struct fat_volume *volume, const struct fat_entry *entry)
{
    uint32_t status = entries_load(volume, entry->sector);

    if (status == FAT_ok) {
        entry_make(volume->entries + entry->offset, entry);
        status = entries_store(volume);
    }
    return status;
}

uint32_t fat_entry_remove(struct fat_volume *volume, const struct fat_entry *entry)
{
    uint32_t status = entries_load(volume, entry->sector);

    if (status == FAT_ok) {
        volume->entries[entry->offset] = MARK_REMOVED;
        status = entries_store(volume);
    }
    return status;
}

/* A cluster of zeros that is in no chain. */
static uint32_t cluster_clear(struct fat_volume *volume, uint32_t *cluster)
{
    uint32_t status = fat_allocate(volume, 0, cluster);

    volume->cached_entries = 0;
    memset(volume->entries, 0, sizeof(volume->entries));
    for (uint32_t i = 0; status == FAT_ok && i < volume->cluster_sectors; i++) {
        status =
            fat_sectors_write(volume, fat_cluster_sector(volume, *cluster) + i, 1, volume->entries);
    }
    return status;
}

/* The directory has no slot left: it gets a cluster, which is whole before it belongs to it. */
static uint32_t directory_grow(struct fat_volume *volume, uint32_t last, struct fat_entry *entry)
{
    uint32_t cluster;
    uint32_t status = cluster_clear(volume, &cluster);

    if (status == FAT_ok) {
        status = fat_barrier(volume);
    }
    if (status == FAT_ok) {
        status = fat_link(volume, last, cluster);
    }
    if (status == FAT_ok) {
        entry->sector = fat_cluster_sector(volume, cluster);
        entry->offset = 0;
        status = fat_barrier(volume);
    }
    return status;
}

uint32_t fat_directory_add(struct fat_volume *volume, uint32_t directory, struct fat_entry *entry)
{
    struct fat_cursor cursor;
    uint32_t status = fat_directory_begin(volume, directory, &cursor);
    uint8_t mark = 0xff;

    while (status == FAT_ok && mark != MARK_END && mark != MARK_REMOVED) {
        status = slot_next(volume, &cursor, &entry->sector, &entry->offset);
        if (status == FAT_ok) {
            mark = volume->entries[entry->offset];
        }
    }
    if (status == FAT_not_found) {
        status =
            directory == FAT_ROOT ? FAT_root_full : directory_grow(volume, cursor.cluster, entry);
    }
    return status == FAT_ok ? fat_entry_write(volume, entry) : status;
}

uint32_t fat_directory_make(struct fat_volume *volume, uint32_t parent, uint32_t *cluster)
{
    struct fat_entry entry = {.attributes = FAT_ATTRIBUTE_DIRECTORY};
    uint32_t status = cluster_clear(volume, cluster);

    if (status != FAT_ok) {
        return status;
    }
    memset(entry.name, ' ', sizeof(entry.name));
    entry.name[0] = '.';
    entry.first_cluster = *cluster;
    entry_make(volume->entries, &entry);
    entry.name[1] = '.';
    entry.first_cluster = parent;
    entry_make(volume->entries + FAT_ENTRY_SIZE_BYTES, &entry);
    return fat_sectors_write(volume, fat_cluster_sector(volume, *cluster), 1, volume->entries);
}
