/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the entries of the table and the sector of it that is kept. All walks are bounded by the
 * number of clusters, so that a loop ends.
 */
#include "fat_table.h"

#define ENTRIES_PER_SECTOR (FAT_SECTOR_SIZE_BYTES / 2)
#define LINK_FREE 0u
#define LINK_END_FIRST 0xfff8u
#define LINK_END 0xffffu

uint32_t fat_table_write(struct fat_volume *volume)
{
    uint32_t sector = volume->cached_table;
    uint32_t status = FAT_ok;

    for (uint32_t i = 0; volume->table_changed && status == FAT_ok && i < volume->table_count;
         i++) {
        status = fat_sectors_write(volume, sector + i * volume->table_sectors, 1, volume->table);
    }
    if (status == FAT_ok) {
        volume->table_changed = 0;
    }
    return status;
}

/* Where the entry of the cluster is, once its sector is the one that is kept. */
static uint32_t entry_find(struct fat_volume *volume, uint32_t cluster, uint8_t **entry)
{
    uint32_t sector = volume->table_sector + cluster / ENTRIES_PER_SECTOR;
    uint32_t status = FAT_ok;

    if (sector != volume->cached_table) {
        status = fat_table_write(volume);
        if (status == FAT_ok) {
            volume->cached_table = 0;
            status = fat_sectors_read(volume, sector, 1, volume->table);
        }
        if (status == FAT_ok) {
            volume->cached_table = sector;
        }
    }
    *entry = volume->table + cluster % ENTRIES_PER_SECTOR * 2;
    return status;
}

uint32_t fat_next(struct fat_volume *volume, uint32_t cluster, uint32_t *next)
{
    uint8_t *entry;
    uint32_t status;

    *next = 0;
    if (!fat_is_cluster(volume, cluster)) {
        return FAT_damaged;
    }
    status = entry_find(volume, cluster, &entry);
    if (status == FAT_ok && fat_number_16(entry) < LINK_END_FIRST) {
        *next = fat_number_16(entry);
        status = fat_is_cluster(volume, *next) ? FAT_ok : FAT_damaged;
    }
    return status;
}

uint32_t fat_follow(struct fat_volume *volume, uint32_t *cluster, uint32_t links)
{
    uint32_t status = fat_is_cluster(volume, *cluster) ? FAT_ok : FAT_damaged;

    for (uint32_t i = 0; status == FAT_ok && i < links; i++) {
        status = fat_next(volume, *cluster, cluster);
        if (status == FAT_ok && *cluster == 0) {
            status = FAT_damaged;
        }
    }
    return status;
}

static uint32_t entry_set(struct fat_volume *volume, uint32_t cluster, uint32_t link)
{
    uint8_t *entry;
    uint32_t status = entry_find(volume, cluster, &entry);

    if (status == FAT_ok) {
        fat_number_16_set(entry, link);
        volume->table_changed = 1;
    }
    return status;
}

uint32_t fat_link(struct fat_volume *volume, uint32_t cluster, uint32_t next)
{
    return entry_set(volume, cluster, next);
}

uint32_t fat_allocate(struct fat_volume *volume, uint32_t previous, uint32_t *cluster)
{
    for (uint32_t i = 0; i < volume->cluster_count; i++) {
        uint32_t tried =
            FAT_CLUSTER_FIRST + (volume->search - FAT_CLUSTER_FIRST + i) % volume->cluster_count;
        uint8_t *entry;
        uint32_t status = entry_find(volume, tried, &entry);

        if (status != FAT_ok) {
            return status;
        }
        if (fat_number_16(entry) != LINK_FREE) {
            continue;
        }
        volume->search = tried + 1;
        *cluster = tried;
        status = entry_set(volume, tried, LINK_END);
        return status == FAT_ok && previous != 0 ? fat_link(volume, previous, tried) : status;
    }
    return FAT_full;
}

uint32_t fat_release(struct fat_volume *volume, uint32_t first, uint32_t cluster_count)
{
    uint32_t cluster = first;

    for (uint32_t i = 0; i < cluster_count && cluster != 0; i++) {
        uint32_t next;
        uint32_t status = fat_next(volume, cluster, &next);

        if (status != FAT_ok) {
            return status;
        }
        status = entry_set(volume, cluster, LINK_FREE);
        if (status != FAT_ok) {
            return status;
        }
        volume->search = cluster < volume->search ? cluster : volume->search;
        cluster = next;
    }
    return FAT_ok;
}

uint32_t fat_free_count(struct fat_volume *volume, uint32_t *count)
{
    uint32_t status = FAT_ok;

    *count = 0;
    for (uint32_t i = 0; status == FAT_ok && i < volume->cluster_count; i++) {
        uint8_t *entry;

        status = entry_find(volume, FAT_CLUSTER_FIRST + i, &entry);
        if (status == FAT_ok && fat_number_16(entry) == LINK_FREE) {
            (*count)++;
        }
    }
    return status;
}
